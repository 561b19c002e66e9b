//! What a completion key does to the line, given the daemon's candidates: pure.

use crate::diagnostic::printable;
use crate::shell::{Candidate, Candidates};

/// Widest name that help texts are aligned behind; longer ones push their own help only.
const ALIGNED_CHARS_MAX: usize = 40;

/// What to do with the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing.
    Nothing,
    /// Put a blank at the cursor, as any other character: programs that type wait for its echo and nothing else.
    Blank,
    /// Insert this at the cursor.
    Insert(String),
    /// Put this in place of the bytes from there to the cursor.
    Replace { from: usize, text: String },
    /// Show this above the line.
    Show(String),
}

/// Cuts the line of a pasted text that the cursor is in; returns it and the cursor in it.
pub(super) fn current(text: &str, position: usize) -> (&str, usize) {
    let (before, after) = text.split_at_checked(position).unwrap_or((text, ""));
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let end = before.len() + after.find('\n').unwrap_or(after.len());
    (text.get(start..end).unwrap_or_default(), before.len() - start)
}

/// Returns whether a text ends inside double quotes or in a comment, where keys only insert themselves.
pub(super) fn is_literal(before: &str) -> bool {
    if before.trim_start().starts_with(['#', '!']) {
        return true;
    }
    let (mut quoted, mut escaped) = (false, false);
    for c in before.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    quoted
}

/// What Tab does: completes as far as all candidates agree, else shows them.
pub(super) fn on_tab(line: &str, position: usize, candidates: &Candidates) -> Action {
    let Some(word) = word(line, position, candidates) else { return Action::Nothing };
    let (fixed, has_remarks) = fixed(candidates);
    match fixed.as_slice() {
        [] if candidates.list.is_empty() && candidates.fault.is_none() => Action::Nothing,
        [] => Action::Show(listing(candidates)),
        [only] if candidates.more == 0 && !(has_remarks && word.is_empty()) => {
            let is_spaced = line.get(position..).is_some_and(|rest| rest.starts_with(' '));
            let text = if is_spaced { only.text.clone() } else { format!("{} ", only.text) };
            put(word, candidates.start, &text)
        }
        several => {
            let is_closed = candidates.more == 0 && !(has_remarks && word.is_empty());
            let common = if is_closed { common_prefix(several) } else { "" };
            match common.strip_prefix(word) {
                Some("") | None => Action::Show(listing(candidates)),
                Some(rest) => Action::Insert(rest.to_owned()),
            }
        }
    }
}

/// What space does: completes a word that is begun and can end in one way only, and is a blank otherwise.
///
/// Where any text may stand, what is typed is taken as it is: a new name is often the beginning of another.
pub(super) fn on_space(line: &str, position: usize, candidates: &Candidates) -> Action {
    let blank = || Action::Blank;
    let Some(word) = word(line, position, candidates).filter(|word| !word.is_empty()) else { return blank() };
    match fixed(candidates) {
        (fixed, false) if candidates.more == 0 && !fixed.iter().any(|c| c.text == word) => match fixed.as_slice() {
            [only] => put(word, candidates.start, &format!("{} ", only.text)),
            _ => blank(),
        },
        _ => blank(),
    }
}

/// Returns what is typed of the word that is completed.
fn word<'a>(line: &'a str, position: usize, candidates: &Candidates) -> Option<&'a str> {
    line.get(candidates.start..position)
}

/// Returns the candidates that can be typed, and whether there are mere remarks beside them.
fn fixed(candidates: &Candidates) -> (Vec<&Candidate>, bool) {
    let fixed: Vec<&Candidate> = candidates.list.iter().filter(|c| !c.text.is_empty()).collect();
    let has_remarks = fixed.len() < candidates.list.len();
    (fixed, has_remarks)
}

fn put(word: &str, from: usize, text: &str) -> Action {
    match text.strip_prefix(word) {
        Some(rest) => Action::Insert(rest.to_owned()),
        None => Action::Replace { from, text: text.to_owned() },
    }
}

fn common_prefix<'a>(candidates: &[&'a Candidate]) -> &'a str {
    let Some((first, others)) = candidates.split_first() else { return "" };
    others.iter().fold(first.text.as_str(), |common, other| {
        let equal = common.char_indices().zip(other.text.chars()).take_while(|((_, a), b)| a == b);
        let end = equal.last().map_or(0, |((at, c), _)| at + c.len_utf8());
        common.get(..end).unwrap_or_default()
    })
}

/// Writes candidates for people: `  name - help`, aligned.
pub(super) fn listing(candidates: &Candidates) -> String {
    let mut said = String::new();
    if let Some(fault) = &candidates.fault {
        said.push_str(&printable(fault));
        said.push('\n');
    }
    if candidates.list.is_empty() {
        return said;
    }
    said.push_str("Possible completions:\n");
    let name = |c: &Candidate| printable(if c.display.is_empty() { &c.text } else { &c.display });
    let width = candidates.list.iter().map(|c| name(c).chars().count()).filter(|w| *w <= ALIGNED_CHARS_MAX).max();
    let width = width.unwrap_or(0);
    for candidate in &candidates.list {
        let help = candidate.help.lines().next().unwrap_or_default();
        let row = match help {
            "" => format!("  {}\n", name(candidate)),
            help => format!("  {:width$} - {}\n", name(candidate), printable(help)),
        };
        said.push_str(&row);
    }
    match candidates.more {
        0 => said,
        more => said + &format!("  … and {more} more\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(start: usize, texts: &[&str]) -> Candidates {
        let list = texts
            .iter()
            .map(|text| Candidate {
                text: (*text).to_owned(),
                display: if text.is_empty() { "<id>".to_owned() } else { (*text).to_owned() },
                help: format!("help of {text}").trim_end().to_owned(),
            })
            .collect();
        Candidates { start, list, ..Candidates::default() }
    }

    fn insert(text: &str) -> Action {
        Action::Insert(text.to_owned())
    }

    #[test]
    fn tab_completes_one_and_extends_several() {
        assert_eq!(on_tab("conf", 4, &candidates(0, &["configure"])), insert("igure "));
        assert_eq!(on_tab("conf x", 4, &candidates(0, &["configure"])), insert("igure"));
        assert_eq!(on_tab("set f", 5, &candidates(4, &["filter", "filler"])), insert("il"));
        assert!(matches!(on_tab("set fil", 7, &candidates(4, &["filter", "filler"])), Action::Show(_)));
        assert!(matches!(on_tab("set ", 4, &candidates(4, &["wh1", ""])), Action::Show(_)));
        assert_eq!(on_tab("set w", 5, &candidates(4, &["wh1", ""])), insert("h1 "));
        assert_eq!(on_tab("set z", 5, &candidates(4, &[])), Action::Nothing);
    }

    #[test]
    fn a_candidate_written_otherwise_replaces_the_word() {
        let quoted = Action::Replace { from: 4, text: "\"a b\" ".to_owned() };
        assert_eq!(on_tab("set a", 5, &candidates(4, &["\"a b\""])), quoted);
    }

    #[test]
    fn space_completes_only_what_cannot_be_meant_otherwise() {
        assert_eq!(on_space("conf", 4, &candidates(0, &["configure"])), insert("igure "));
        assert_eq!(on_space("configure", 9, &candidates(0, &["configure"])), Action::Blank);
        assert_eq!(on_space("filter", 6, &candidates(0, &["filter", "filters"])), Action::Blank);
        assert_eq!(on_space("f", 1, &candidates(0, &["filter", "fill"])), Action::Blank);
        assert_eq!(on_space("set wh", 6, &candidates(4, &["wh1", ""])), Action::Blank);
        assert_eq!(on_space("set ", 4, &candidates(4, &["only"])), Action::Blank);
        assert_eq!(on_space("set", 3, &candidates(9, &["only"])), Action::Blank);
    }

    #[test]
    fn the_list_is_aligned() {
        let said = listing(&Candidates { more: 2, ..candidates(0, &["cli", "configuration", ""]) });
        let expected = "Possible completions:\n  cli           - help of cli\n  configuration - help of configuration\n  <id>          - help of\n  … and 2 more\n";
        assert_eq!(said, expected);
    }

    #[test]
    fn quotes_and_comments_are_literal() {
        for (before, literal) in
            [("set a \"b", true), ("set \"b\" ", false), ("\"a\\\"b", true), ("# x", true), ("show", false)]
        {
            assert_eq!(is_literal(before), literal, "{before}");
        }
    }

    #[test]
    fn the_line_of_a_paste_that_the_cursor_is_in_is_cut_out() {
        assert_eq!(current("one\ntwo\nthree", 6), ("two", 2));
        assert_eq!(current("one", 3), ("one", 3));
        assert_eq!(current("one\n", 4), ("", 0));
        assert_eq!(current("é", 99), ("é", 2));
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(line in ".*", position: usize, start in 0usize..20, texts: Vec<String>) {
            let (line, position) = current(&line, position);
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let candidates = candidates(start, &texts);
            on_tab(line, position, &candidates);
            on_space(line, position, &candidates);
            is_literal(line);
        }
    }
}
