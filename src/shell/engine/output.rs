//! A command's output on its way to the terminal, through the pipes of the line, in pieces.

use super::fault::Fault;
use super::line::PipeCall;
use super::pipe::Effect;
use crate::diagnostic::{Diagnostic, printable};
use crate::shell::{Terminal, TerminalError};
use regex::{Regex, RegexBuilder};
use std::collections::VecDeque;
use std::fmt::{self, Write};

/// Bytes gathered before the terminal is given a piece: few messages, and memory that does not grow with the output.
const CHUNK_BYTES: usize = 16 << 10;

/// Lines that may pass without a piece being written before the interruption is looked at.
const UNSEEN_LINES_MAX: usize = 1000;

/// Bytes that `save` gathers: what the shell's end accepts for one file.
const SAVED_BYTES_MAX: usize = 64 << 20;

/// Bytes that a pattern may compile to: far more than a person types, and a bound on hostile ones.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Lines that `last` keeps at most.
const LAST_LINES_MAX: usize = 1_000_000;

/// Stands in front of a text in a colour, the colour's number added; no text from data may hold it.
const PAINT: u32 = 0xf0000;

/// Ends a text in a colour.
const PLAIN: char = '\u{f00ff}';

/// Marks a text to be written in a colour where the output is painted. Marks in the text itself are taken out.
pub(super) fn mark(colour: u8, text: &str) -> String {
    let begin = char::from_u32(PAINT + u32::from(colour)).unwrap_or(PLAIN);
    let text: String = text.chars().filter(|c| !is_mark(*c)).collect();
    format!("{begin}{text}{PLAIN}")
}

fn is_mark(c: char) -> bool {
    (PAINT..=u32::from(PLAIN)).contains(&u32::from(c))
}

/// Turns marks into what a terminal understands.
fn paint(text: &str) -> String {
    let mut painted = String::with_capacity(text.len());
    for c in text.chars() {
        match u32::from(c).checked_sub(PAINT) {
            _ if c == PLAIN => painted.push_str("\u{1b}[0m"),
            Some(colour) if is_mark(c) => painted.push_str(&format!("\u{1b}[{colour}m")),
            _ => painted.push(c),
        }
    }
    painted
}

/// What one pipe does with lines.
enum Step {
    Match(Regex),
    Except(Regex),
    Find { pattern: Regex, found: bool },
    Count(usize),
    Last { lines: VecDeque<String>, max: usize },
    Save { path: String, content: String, is_shown: bool },
    Until { pattern: Regex, found: bool },
    Trim(usize),
    Number(usize),
}

/// Where output is written.
pub(super) struct Output<'t> {
    terminal: &'t mut dyn Terminal,
    is_terminal: bool,
    is_painted: bool,
    steps: Vec<Step>,
    line: String,
    chunk: String,
    unseen: usize,
    failed: Option<Fault>,
}

impl<'t> Output<'t> {
    /// Builds the way to the terminal from the pipes of the line; those that choose a notation are not for lines.
    ///
    /// # Errors
    /// When a pipe's argument makes no sense.
    pub(super) fn new(
        terminal: &'t mut dyn Terminal,
        is_terminal: bool,
        pipes: &[PipeCall],
    ) -> Result<Self, Diagnostic> {
        let mut steps = Vec::new();
        for call in pipes {
            if call.pipe.effect == Effect::NoMore {
                terminal.paginate(false);
            }
            steps.extend(step(call)?);
        }
        let (line, chunk) = (String::new(), String::new());
        Ok(Self { terminal, is_terminal, is_painted: false, steps, line, chunk, unseen: 0, failed: None })
    }

    /// Lets texts that are marked be in colours.
    pub(super) fn painted(self, is_painted: bool) -> Self {
        Self { is_painted, ..self }
    }

    /// Ends the output: what pipes held back goes on its way.
    pub(super) fn finish(mut self) -> Result<(), Fault> {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.pass(line, 0);
        }
        for at in 0..self.steps.len() {
            self.end_step(at);
        }
        self.flush();
        self.failed.map_or(Ok(()), Err)
    }

    /// Lets a writer write; when it is refused, the reason is told at the end.
    pub(super) fn write(&mut self, writer: impl FnOnce(&mut Self) -> fmt::Result) {
        if writer(self).is_err() && self.failed.is_none() {
            self.failed = Some(Fault::failed("the output could not be written"));
        }
    }

    fn flush(&mut self) {
        if self.failed.is_some() || self.chunk.is_empty() {
            return;
        }
        self.unseen = 0;
        let chunk = std::mem::take(&mut self.chunk);
        let shown = if self.is_terminal { printable(&chunk) } else { chunk };
        let written = self.terminal.write(&if self.is_painted { paint(&shown) } else { shown });
        if let Err(error) = written {
            self.failed = Some(error.into());
        }
    }

    /// Hands a line to the step at `at` and those behind it.
    fn pass(&mut self, line: String, at: usize) {
        let mut line = line;
        for step in at..self.steps.len() {
            match self.steps.get_mut(step).and_then(|step| step.take(line)) {
                Some(kept) => line = kept,
                None => return self.note_unseen(),
            }
        }
        self.chunk.push_str(&line);
        self.chunk.push('\n');
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush();
        }
    }

    /// Looks whether the person has given up on output that nothing of is shown.
    fn note_unseen(&mut self) {
        self.unseen += 1;
        if self.unseen >= UNSEEN_LINES_MAX {
            self.unseen = 0;
            if self.terminal.is_interrupted() {
                self.failed = Some(TerminalError::Interrupted.into());
            }
        }
    }

    fn end_step(&mut self, at: usize) {
        let mut left = Vec::new();
        match self.steps.get_mut(at) {
            Some(Step::Count(count)) => left.push(format!("Count: {count} lines")),
            Some(Step::Find { found: false, .. }) => left.push("Pattern not found".to_owned()),
            Some(Step::Last { lines, .. }) => left.extend(std::mem::take(lines)),
            Some(Step::Save { path, content, is_shown }) if self.failed.is_none() => {
                let is_shown = *is_shown;
                let (path, content) = (std::mem::take(path), std::mem::take(content));
                match self.save(&path, &content) {
                    // Among what is shown, or counted behind it, a remark would only be in the way.
                    Ok(said) if !is_shown => left.push(said),
                    Ok(_) => {}
                    Err(fault) => self.failed = Some(fault),
                }
            }
            _ => {}
        }
        for line in left.into_iter().filter(|line| !line.is_empty()) {
            self.pass(line, at + 1);
        }
    }

    fn save(&mut self, path: &str, content: &str) -> Result<String, Fault> {
        if content.len() > SAVED_BYTES_MAX {
            let said = format!("the output is longer than the {SAVED_BYTES_MAX} bytes that can be saved");
            return Err(Fault::Failed(Diagnostic::error(said)));
        }
        self.terminal
            .write_file(path, content)
            .map_err(|reason| Fault::Failed(Diagnostic::error(format!("failed to write file: {path}: {reason}"))))?;
        // A script's output is only what it asked for.
        let lines = content.lines().count();
        Ok(if self.is_terminal { format!("Wrote {lines} lines of output to '{path}'") } else { String::new() })
    }
}

impl Write for Output<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.steps.is_empty() {
            self.chunk.push_str(text);
            if self.chunk.len() >= CHUNK_BYTES {
                self.flush();
            }
        } else {
            let mut rest = text;
            while let Some((line, after)) = rest.split_once('\n') {
                self.line.push_str(line);
                let line = std::mem::take(&mut self.line);
                self.pass(line, 0);
                rest = after;
            }
            self.line.push_str(rest);
        }
        if self.failed.is_some() { Err(fmt::Error) } else { Ok(()) }
    }
}

impl Step {
    /// Takes a line, and returns it when it goes on.
    fn take(&mut self, line: String) -> Option<String> {
        match self {
            Self::Match(pattern) => pattern.is_match(&line).then_some(line),
            Self::Except(pattern) => (!pattern.is_match(&line)).then_some(line),
            Self::Find { pattern, found } => {
                *found = *found || pattern.is_match(&line);
                found.then_some(line)
            }
            Self::Count(count) => {
                *count += 1;
                None
            }
            Self::Last { lines, max } => {
                if *max > 0 {
                    if lines.len() == *max {
                        lines.pop_front();
                    }
                    lines.push_back(line);
                }
                None
            }
            Self::Save { content, is_shown, .. } => {
                // Past the limit it only has to be known that there was more.
                if content.len() <= SAVED_BYTES_MAX {
                    content.push_str(&line);
                    content.push('\n');
                }
                is_shown.then_some(line)
            }
            Self::Until { found: true, .. } => None,
            Self::Until { pattern, found } => {
                *found = pattern.is_match(&line);
                Some(line)
            }
            Self::Trim(columns) => Some(line.chars().skip(*columns).collect()),
            Self::Number(number) => {
                *number += 1;
                Some(format!("{number}: {line}"))
            }
        }
    }
}

fn step(call: &PipeCall) -> Result<Option<Step>, Diagnostic> {
    let word = call.given.word().unwrap_or("");
    let at = || call.given.words.first().map_or_else(|| call.span.clone(), |token| token.span(&call.span.source));
    let pattern = || {
        RegexBuilder::new(word).size_limit(PATTERN_BYTES_MAX).build().map_err(|e| {
            let reason = e.to_string();
            let reason = reason.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
            Diagnostic::error(format!("not a regular expression: {reason}")).at(at())
        })
    };
    Ok(match call.pipe.effect {
        Effect::Match => Some(Step::Match(pattern()?)),
        Effect::Except => Some(Step::Except(pattern()?)),
        Effect::Find => Some(Step::Find { pattern: pattern()?, found: false }),
        Effect::Count => Some(Step::Count(0)),
        Effect::Last => {
            let max = word.parse().unwrap_or(LAST_LINES_MAX).min(LAST_LINES_MAX);
            Some(Step::Last { lines: VecDeque::new(), max })
        }
        Effect::Save | Effect::Tee => {
            let is_shown = call.pipe.effect == Effect::Tee;
            Some(Step::Save { path: word.to_owned(), content: String::new(), is_shown })
        }
        Effect::Until => Some(Step::Until { pattern: pattern()?, found: false }),
        Effect::Trim => Some(Step::Trim(word.parse().unwrap_or(usize::MAX))),
        Effect::Number => Some(Step::Number(0)),
        Effect::NoMore | Effect::Display | Effect::Compare => None,
    })
}
