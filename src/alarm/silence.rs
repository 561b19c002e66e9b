//! Silences: shelves with an end, that clients of Alertmanager put up.

use super::shelf::{BadPattern, LabelMatch, LabelValue, Pattern, Shelf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A condition of a silence, as its client wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SilenceMatcher {
    /// Name of the label.
    pub name: String,
    /// Value, or pattern for the whole value.
    pub value: String,
    /// Whether it is a pattern.
    pub is_regex: bool,
    /// Whether the label must have it; else it must not.
    pub is_equal: bool,
}

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Identifier.
    #[serde(with = "text")]
    pub id: Uuid,
    /// Conditions; all must hold.
    pub matchers: Vec<SilenceMatcher>,
    /// From when on it holds.
    pub starts_at: Timestamp,
    /// When it no longer holds.
    pub ends_at: Timestamp,
    /// When it was put up or changed last.
    pub updated_at: Timestamp,
    /// Who put it up.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

impl Silence {
    /// Returns the shelf that it is.
    ///
    /// # Errors
    /// When a pattern cannot be compiled.
    pub fn shelf(&self) -> Result<Shelf, BadPattern> {
        let label = |matcher: &SilenceMatcher| {
            let value = if matcher.is_regex {
                LabelValue::Pattern(Pattern::new(&matcher.value)?)
            } else {
                LabelValue::Text(matcher.value.clone())
            };
            Ok(LabelMatch { name: matcher.name.clone(), value, is_equal: matcher.is_equal })
        };
        Ok(Shelf {
            name: self.id.to_string(),
            labels: self.matchers.iter().map(label).collect::<Result<_, _>>()?,
            starts_at: Some(self.starts_at),
            ends_at: Some(self.ends_at),
            ..Shelf::default()
        })
    }

    /// Returns whether it holds at a time.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.starts_at <= now && now < self.ends_at
    }

    /// Returns whether it will never hold again after a time.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.ends_at <= now
    }
}

/// The identifier as its hyphenated text.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use uuid::Uuid;

    pub(super) fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
