//! The query of `GET /api/v2/alerts`.

use super::intake::{Alert, AlertState};
use super::matcher::{Matcher, whole};
use crate::transport::Url;
use regex::Regex;

/// Matchers of a query: people write a few, and each is held against every alert.
const MATCHERS_MAX: usize = 64;

/// What a query asks for.
#[derive(Debug)]
pub(super) struct AlertQuery {
    matchers: Vec<Matcher>,
    receiver: Option<Regex>,
    is_active_wanted: bool,
    is_silenced_wanted: bool,
}

impl AlertQuery {
    /// Reads a query string. `inhibited` and `unprocessed` are accepted: no alert here is either.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut wanted =
            Self { matchers: Vec::new(), receiver: None, is_active_wanted: true, is_silenced_wanted: true };
        let mut url = Url::parse("http://query/").map_err(|error| error.to_string())?;
        url.set_query(Some(query));
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "filter" if wanted.matchers.len() >= MATCHERS_MAX => {
                    return Err(format!("there are more than {MATCHERS_MAX} filters"));
                }
                "filter" => wanted.matchers.push(Matcher::parse(&value)?),
                "receiver" => wanted.receiver = Some(whole(&value)?),
                "active" => wanted.is_active_wanted = boolean(&name, &value)?,
                "silenced" => wanted.is_silenced_wanted = boolean(&name, &value)?,
                "inhibited" | "unprocessed" => drop(boolean(&name, &value)?),
                _ => {}
            }
        }
        Ok(wanted)
    }

    /// Returns whether alerts with such receivers are asked for.
    pub(super) fn wants_receivers(&self, receivers: &[String]) -> bool {
        self.receiver.as_ref().is_none_or(|pattern| receivers.iter().any(|name| pattern.is_match(name)))
    }

    /// Returns whether an alert is asked for, as far as its receivers go not into it.
    pub(super) fn wants(&self, alert: &Alert) -> bool {
        let is_state_wanted = match alert.state {
            AlertState::Active => self.is_active_wanted,
            AlertState::Silenced { .. } => self.is_silenced_wanted,
        };
        is_state_wanted && self.matchers.iter().all(|matcher| matcher.is_match(&alert.labels))
    }
}

fn boolean(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("`{name}` is `{value}`; expected `true` or `false`")),
    }
}
