//! The log on standard error: a line for people, or a JSON object a line.

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
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let started = match form {
        LogForm::Text => builder.with_ansi(false).finish().try_init(),
        LogForm::Json => builder.json().flatten_event(true).finish().try_init(),
    };
    // A second log in one process (tests) changes nothing; the first one stays.
    drop(started);
}
