//! A notification as it comes in: the flat or the nested format, read alike.

use crate::alarm::Severity;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// Bytes of a text that identifies: more is not an identifier.
const IDENTIFIER_BYTES_MAX: usize = 1024;

/// Which format a notification came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the formats")]
pub enum MessageForm {
    Flat,
    Nested,
}

/// What a notification says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the payload")]
pub struct Notification {
    pub form: MessageForm,
    pub alarm_id: String,
    pub alarm_type: String,
    pub resource_id: String,
    pub resource_type: String,
    pub node_id: String,
    pub is_cleared: bool,
    pub severity: Severity,
    pub brief_description: String,
    pub dashboard_link: String,
    pub last_updated: Timestamp,
}

/// What is wrong with a body, a fault an entry, each with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct BadNotification(pub Vec<String>);

impl Notification {
    /// Reads a body.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(body: &[u8]) -> Result<Self, BadNotification> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| BadNotification(vec![format!("the body is not JSON: {error}")]))?;
        let Value::Object(members) = value else {
            return Err(BadNotification(vec!["the body is not a JSON object".to_owned()]));
        };
        let mut reader = Reader { faults: Vec::new() };
        let read = match members.get("identifier") {
            None => reader.flat(&members),
            Some(_) => reader.nested(&members),
        };
        match read {
            Some(notification) if reader.faults.is_empty() => Ok(notification),
            _ => Err(BadNotification(reader.faults)),
        }
    }
}

struct Reader {
    faults: Vec<String>,
}

impl Reader {
    fn flat(&mut self, all: &Map<String, Value>) -> Option<Notification> {
        for key in ["detailed_description", "impacted_resources", "suggested_actions"] {
            self.text("", all, key, false);
        }
        let cleared = self.text("", all, "cleared", true).and_then(|text| self.boolean(&text));
        self.build(MessageForm::Flat, all, ("", all), ("", all), cleared)
    }

    fn nested(&mut self, all: &Map<String, Value>) -> Option<Notification> {
        let identifier = self.object(all, "identifier");
        let description = self.object(all, "description");
        for key in ["detailed_description", "suggested_actions"] {
            self.texts(&description, key);
        }
        // The format's description writes a boolean in quotes: both forms are taken.
        let cleared = match all.get("cleared") {
            Some(Value::Bool(cleared)) => Some(*cleared),
            _ => self.text("", all, "cleared", true).and_then(|text| self.boolean(&text)),
        };
        let parts = (("identifier.", &identifier), ("description.", &description));
        self.build(MessageForm::Nested, all, parts.0, parts.1, cleared)
    }

    fn build(
        &mut self,
        form: MessageForm,
        all: &Map<String, Value>,
        (at_key, key): (&str, &Map<String, Value>),
        (at_said, said): (&str, &Map<String, Value>),
        is_cleared: Option<bool>,
    ) -> Option<Notification> {
        // Each is read before the first that is missing ends it, so that all faults are told.
        let alarm_id = self.identifier("", all, "alarm_id");
        let alarm_type = self.identifier(at_key, key, "alarm_type");
        let resource_id = self.identifier(at_key, key, "resource_id");
        let resource_type = self.identifier(at_key, key, "resource_type");
        let node_id = self.identifier(at_key, key, "node_id");
        let severity = self.text("", all, "severity", true).and_then(|text| self.severity(&text));
        let last_updated = self.text("", all, "last_updated", true).and_then(|text| self.time(&text));
        let brief_description = self.text(at_said, said, "brief_description", false);
        let dashboard_link = self.text(at_said, said, "dashboard_link", false);
        Some(Notification {
            form,
            alarm_id: alarm_id?,
            alarm_type: alarm_type?,
            resource_id: resource_id?,
            resource_type: resource_type?,
            node_id: node_id?,
            is_cleared: is_cleared?,
            severity: severity?,
            last_updated: last_updated?,
            brief_description: brief_description.unwrap_or_default(),
            dashboard_link: dashboard_link.unwrap_or_default(),
        })
    }

    fn object(&mut self, all: &Map<String, Value>, name: &str) -> Map<String, Value> {
        match all.get(name) {
            Some(Value::Object(members)) => members.clone(),
            Some(_) => {
                self.faults.push(format!("`{name}` is not an object"));
                Map::new()
            }
            None => {
                self.faults.push(format!("`{name}` is missing"));
                Map::new()
            }
        }
    }

    fn text(&mut self, at: &str, members: &Map<String, Value>, name: &str, is_required: bool) -> Option<String> {
        match members.get(name) {
            Some(Value::String(text)) => return Some(text.clone()),
            Some(_) => self.faults.push(format!("`{at}{name}` is not a string")),
            None if is_required => self.faults.push(format!("`{at}{name}` is missing")),
            None => {}
        }
        None
    }

    fn texts(&mut self, description: &Map<String, Value>, name: &str) {
        match description.get(name) {
            None => {}
            Some(Value::Array(lines)) if lines.iter().all(Value::is_string) => {}
            Some(_) => self.faults.push(format!("`description.{name}` is not an array of strings")),
        }
    }

    fn identifier(&mut self, at: &str, members: &Map<String, Value>, name: &str) -> Option<String> {
        let text = self.text(at, members, name, true)?;
        if text.is_empty() || text.len() > IDENTIFIER_BYTES_MAX {
            self.faults.push(format!("`{at}{name}` has {} bytes; expected 1 to {IDENTIFIER_BYTES_MAX}", text.len()));
            return None;
        }
        Some(text)
    }

    fn boolean(&mut self, text: &str) -> Option<bool> {
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.faults.push(format!("`cleared` is `{}`; expected `true` or `false`", start_of(text)));
        }
        parsed
    }

    fn severity(&mut self, text: &str) -> Option<Severity> {
        text.parse().map_err(|_| self.faults.push(format!("`severity` is `{}`, which is none", start_of(text)))).ok()
    }

    fn time(&mut self, text: &str) -> Option<Timestamp> {
        text.parse()
            .map_err(|_| self.faults.push(format!("`last_updated` is `{}`, which is no ISO 8601 time", start_of(text))))
            .ok()
    }
}

/// Returns as much of a text as belongs in a message.
fn start_of(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_formats_say_the_same() {
        let flat = Notification::parse(include_bytes!("../../tests/golden/webhook-flat-raise.json")).unwrap();
        let nested = Notification::parse(include_bytes!("../../tests/golden/webhook-nested-raise.json")).unwrap();
        assert_eq!(flat.form, MessageForm::Flat);
        assert_eq!(flat, Notification { form: MessageForm::Flat, ..nested });
        assert_eq!((flat.severity, flat.is_cleared), (Severity::Major, false));
    }

    #[test]
    fn all_that_is_wrong_is_told_with_its_place() {
        let body =
            r#"{"identifier":{"alarm_type":7},"cleared":"no","severity":"bad","last_updated":"soon","alarm_id":""}"#;
        let BadNotification(faults) = Notification::parse(body.as_bytes()).unwrap_err();
        assert_eq!(
            faults,
            [
                "`description` is missing",
                "`cleared` is `no`; expected `true` or `false`",
                "`alarm_id` has 0 bytes; expected 1 to 1024",
                "`identifier.alarm_type` is not a string",
                "`identifier.resource_id` is missing",
                "`identifier.resource_type` is missing",
                "`identifier.node_id` is missing",
                "`severity` is `bad`, which is none",
                "`last_updated` is `soon`, which is no ISO 8601 time",
            ]
        );
        assert!(Notification::parse(b"[]").is_err());
        assert!(Notification::parse(b"{").unwrap_err().to_string().contains("line 1"));
    }

    #[test]
    fn a_flat_value_that_is_no_string_is_refused() {
        let golden = include_str!("../../tests/golden/webhook-flat-raise.json");
        let body = golden.replace(r#""cleared": "false""#, r#""cleared": false"#);
        assert_eq!(Notification::parse(body.as_bytes()).unwrap_err().0, ["`cleared` is not a string"]);
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Notification::parse(&body).is_err());
        }
    }
}
