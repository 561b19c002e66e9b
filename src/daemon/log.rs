//! Standard error: the log, as lines for people or as JSON objects, and diagnostics in the form that suits it.

use super::Stopped;
use crate::clock::{Clock, format_utc};
use crate::diagnostic::{Diagnostic, Diagnostics, Gravity, printable};
use serde_json::{Map, Value};
use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt;

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogForm {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Starts the log; `filter` is in the syntax of `RUST_LOG`, and `info` where it is absent or wrong.
pub fn start_log(form: LogForm, filter: Option<&str>) {
    let filter = filter.and_then(|f| EnvFilter::try_new(f).ok()).unwrap_or_else(|| EnvFilter::new("info"));
    // What cannot be written is counted by the writer; the library's own complaint about it would panic where it is
    // standard error that fails.
    let builder = fmt().with_env_filter(filter).with_writer(|| LogWriter(std::io::stderr())).log_internal_errors(false);
    let builder = builder.with_target(false);
    let started = match form {
        LogForm::Text => builder.with_ansi(false).finish().try_init(),
        LogForm::Json => builder.json().flatten_event(true).finish().try_init(),
    };
    // A second log in one process (tests) changes nothing; the first one stays.
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let thread = std::thread::current();
            let trace = Backtrace::capture();
            let trace = (trace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(trace));
            tracing::error!(
                thread = thread.name(),
                place = panic.location().map(tracing::field::display),
                trace,
                "internal fault: {}",
                panic_text(panic.payload())
            );
        }));
    }
}

/// Writes that standard error did not take: a full disk, a closed pipe.
static LOST_WRITES: AtomicU64 = AtomicU64::new(0);

/// Returns how many writes of the log were lost, because standard error did not take them.
#[must_use]
pub fn lost_log_writes() -> u64 {
    LOST_WRITES.load(Ordering::Relaxed)
}

/// A writer of the log that never fails: an element outlives whoever reads its log. What is lost is counted.
struct LogWriter<W>(W);

impl<W: Write> LogWriter<W> {
    fn put(&mut self, bytes: &[u8]) {
        if self.0.write_all(bytes).and_then(|()| self.0.flush()).is_err() {
            LOST_WRITES.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<W: Write> Write for LogWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn panic_text(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// How diagnostics are told on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// To whoever typed the command: blocks with nothing around them.
    Person,
    /// As part of the log: blocks that begin with time and level, or a JSON object a line.
    Log(LogForm),
}

impl Voice {
    /// Tells what is worth telling and stops nobody; as part of the log, only where its filter lets warnings through.
    pub fn warn(self, warnings: &Diagnostics) {
        if warnings.is_empty() || (self != Self::Person && !tracing::enabled!(tracing::Level::WARN)) {
            return;
        }
        put(&match self {
            Self::Person => format!("{warnings}\n\n"),
            Self::Log(form) => blocks(form, warnings),
        });
        if self != Self::Person && warnings.dropped() > 0 {
            tracing::warn!("{} more warnings are not shown", warnings.dropped());
        }
    }

    /// Tells why a verb ended early, whatever the log's filter says.
    pub fn tell(self, stopped: &Stopped) {
        put(&match (self, stopped) {
            (Self::Person, _) => format!("{stopped}\n"),
            (Self::Log(form), Stopped::Refused(diagnostics)) => {
                let said = format!("the start is refused: {}", diagnostics.summary());
                blocks(form, diagnostics) + &block(form, &Diagnostic::error(said))
            }
            (Self::Log(_), Stopped::Asked(_)) => return tracing::info!("{stopped}"),
            (Self::Log(form), Stopped::Failed { doing, cause, hint }) => {
                let said = Diagnostic::error(format!("cannot {doing}: {cause}"));
                block(form, &Diagnostic { hint: hint.clone(), ..said })
            }
        });
    }
}

/// Writes in one piece, so that no other thread's line comes in between.
fn put(text: &str) {
    LogWriter(std::io::stderr()).put(text.as_bytes());
}

fn blocks(form: LogForm, diagnostics: &Diagnostics) -> String {
    diagnostics.iter().map(|diagnostic| block(form, diagnostic)).collect()
}

/// Writes one diagnostic as the log writes its events: `TIME LEVEL message` and its lines, or one JSON object.
fn block(form: LogForm, diagnostic: &Diagnostic) -> String {
    let time = format_utc(Clock::system().now());
    let level = match diagnostic.gravity {
        Gravity::Warning => "WARN",
        Gravity::Error => "ERROR",
    };
    if form == LogForm::Json {
        return object(time, level, diagnostic).to_string() + "\n";
    }
    let shown = diagnostic.to_string();
    // The level says what the first word does.
    let said = shown.split_once(": ").map_or(shown.as_str(), |(_, said)| said);
    format!("{time} {level:>5} {said}\n")
}

fn object(time: String, level: &str, diagnostic: &Diagnostic) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    put("timestamp", time.into());
    put("level", level.into());
    put("message", diagnostic.shown_message().into());
    if let Some(span) = &diagnostic.span {
        let (line, column) = span.line_column();
        put("file", printable(span.source.name()).into());
        put("line", line.into());
        put("column", column.into());
    }
    if let Some(path) = &diagnostic.data_path {
        put("path", printable(path).into());
    }
    if let Some(hint) = diagnostic.shown_hint() {
        put("hint", hint.into());
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Source, Span};

    fn fault() -> Diagnostic {
        let source = Source::new("a.yaml", "system:\n  prot: 1\n");
        Diagnostic::error("no such leaf: `prot`")
            .at(Span::new(&source, 10, 14))
            .on("/annunciator-system:system")
            .hint("did you mean `port`?")
    }

    #[test]
    fn a_diagnostic_is_a_block_of_the_log_in_text() {
        let text = block(LogForm::Text, &fault());
        let (time, said) = text.split_once(' ').unwrap();
        assert!(time.ends_with('Z') && time.len() == 27, "{time}");
        assert_eq!(
            said,
            "ERROR no such leaf: `prot`\n  --> a.yaml:2:3\n   |   prot: 1\n   |   ^^^^\n  \
             path: /annunciator-system:system\nhint: did you mean `port`?\n"
        );
        assert!(block(LogForm::Text, &Diagnostic::warning("x: y")).ends_with("Z  WARN x: y\n"));
    }

    #[test]
    fn an_object_in_json_quotes_no_secret() {
        let source = Source::new("a.set", "set password correct s3cret x");
        source.conceal(13..29);
        let fault = Diagnostic::error("`s3cret` is not an element").at(Span::new(&source, 21, 27)).hint("not `s3cret`");
        for form in [LogForm::Json, LogForm::Text] {
            let text = block(form, &fault);
            assert!(!text.contains("s3cret") && text.contains("*****"), "{text}");
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_is_counted_and_fails_nobody() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        let before = lost_log_writes();
        assert_eq!(LogWriter(Full).write(b"a line\n").unwrap(), 7);
        assert!(lost_log_writes() > before);
    }

    #[test]
    fn a_diagnostic_is_one_object_in_json() {
        let text = block(LogForm::Json, &fault());
        assert_eq!(text.matches('\n').count(), 1);
        let object: Value = serde_json::from_str(&text).unwrap();
        for (name, value) in [
            ("level", Value::from("ERROR")),
            ("message", "no such leaf: `prot`".into()),
            ("file", "a.yaml".into()),
            ("line", 2.into()),
            ("column", 3.into()),
            ("path", "/annunciator-system:system".into()),
            ("hint", "did you mean `port`?".into()),
        ] {
            assert_eq!(object.get(name), Some(&value), "{text}");
        }
    }
}
