//! What makes two reports speak of the same alarm, and the identifier that downstream systems correlate by.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Namespace of alarm identifiers (RFC 9562 §5.5). Part of what this element promises: it never changes.
pub const ALARM_NAMESPACE: Uuid = Uuid::from_u128(0x6f0d_4ae2_52b1_4c5e_9a3b_7d1e_88c4_20f7);

/// The alarm type of the test alarm that goes to one handler only.
pub const SELF_TEST: &str = "self-test";

/// The resource type of alarms about alarm handlers.
pub const ALARM_HANDLER: &str = "alarm-handler";

/// The resource type of alarms about HTTP clients.
pub const HTTP_CLIENT: &str = "http-client";

/// Identity of an alarm: RFC 8632's resource, type and qualifier, and the node it was raised on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlarmKey {
    /// The node it was raised on.
    pub node: String,
    /// The kind of the alarming resource.
    pub resource_type: String,
    /// The alarming resource among those of its kind.
    pub resource: String,
    /// The alarm type.
    pub alarm_type: String,
    /// What tells apart alarms of one type on one resource; usually empty.
    pub qualifier: String,
}

impl AlarmKey {
    /// Returns the name that the identifier is made of: the five parts in order, each with `\` and `/` escaped by a
    /// leading `\`, joined by `/`. Two keys have the same name only when they are equal.
    #[must_use]
    pub fn unique_name(&self) -> String {
        let parts = [&self.node, &self.resource_type, &self.resource, &self.alarm_type, &self.qualifier];
        let mut name = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
        for (number, part) in parts.into_iter().enumerate() {
            name.extend((number > 0).then_some('/'));
            for character in part.chars() {
                name.extend(matches!(character, '\\' | '/').then_some('\\'));
                name.push(character);
            }
        }
        name
    }

    /// Returns whether it is of the test that a person asks of one handler: it is told whatever configuration makes of alarms.
    #[must_use]
    pub fn is_self_test(&self) -> bool {
        self.alarm_type == SELF_TEST && self.resource_type == ALARM_HANDLER
    }

    /// Returns the identifier: `UUIDv5` of [`AlarmKey::unique_name`] in [`ALARM_NAMESPACE`]. The same after every restart.
    #[must_use]
    pub fn id(&self) -> AlarmId {
        AlarmId(Uuid::new_v5(&ALARM_NAMESPACE, self.unique_name().as_bytes()))
    }
}

/// `alarm_id`: what all notifications about one alarm have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AlarmId(Uuid);

impl AlarmId {
    /// Returns the UUID.
    #[must_use]
    pub fn as_uuid(&self) -> &Uuid {
        &self.0
    }

    /// Takes a UUID as the store keeps it.
    #[must_use]
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for AlarmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for AlarmId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

impl TryFrom<String> for AlarmId {
    type Error = uuid::Error;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AlarmId> for String {
    fn from(id: AlarmId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parts: [&str; 5]) -> AlarmKey {
        let [node, resource_type, resource, alarm_type, qualifier] = parts.map(str::to_owned);
        AlarmKey { node, resource_type, resource, alarm_type, qualifier }
    }

    #[test]
    fn the_identifier_is_a_promise() {
        let id = key(["n1", "http-client", "c1", "failed-connection", ""]).id();
        assert_eq!(id.to_string().len(), 36);
        assert_eq!(id.as_uuid().get_version_num(), 5);
        // As docs/payloads.md tells receivers to compute it.
        assert_eq!(id.to_string(), "07232e4d-7e9d-5488-96ad-6c5473c09fef");
        let disk = key(["lab", "node", "db1:9100", "DiskFull", r#"device="sda1",mountpoint="/var""#]);
        assert_eq!(disk.unique_name(), r#"lab/node/db1:9100/DiskFull/device="sda1",mountpoint="\/var""#);
        assert_eq!(disk.id().to_string(), "5c3238a3-9778-58cc-928e-676b4603a01a");
    }

    #[test]
    fn a_separator_in_a_part_makes_another_name() {
        assert_ne!(key(["a/b", "c", "", "", ""]).unique_name(), key(["a", "b/c", "", "", ""]).unique_name());
        assert_ne!(key(["a\\", "b", "", "", ""]).unique_name(), key(["a", "\\b", "", "", ""]).unique_name());
    }
}
