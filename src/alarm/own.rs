//! The alarm types of the element itself: what each means, what to do about it, and when it clears.

use super::{AlarmText, Severity};
use std::fmt;
use std::str::FromStr;

/// An alarm type that the element raises about itself; each is an identity of `annunciator-alarms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OwnType {
    /// No connection comes about.
    FailedConnection,
    /// Connections come about, and answers say that the other side fails.
    FailedCommunication,
    /// The other side does not accept who we say that we are.
    FailedAuthentication,
    /// Answers take long.
    SlowConnection,
    /// A certificate is about to expire, or has expired.
    CertificateExpiry,
    /// Attempts to deliver to a handler fail one after the other.
    HandlerFailing,
    /// A handler refuses everything and is only probed.
    HandlerSuspended,
    /// A confirmed commit was not confirmed.
    ConfigurationRolledBack,
    /// A part of the stored configuration could not be built.
    ConfigurationNotBuilt,
    /// A configuration file is not the one that was loaded.
    ConfigurationFileChanged,
    /// Nothing can be written any more.
    StorageFull,
    /// Writes are refused for another reason than a full disk.
    StorageFailing,
    /// A damaged file was set aside.
    StorageDamaged,
    /// Soon nothing can be written any more.
    LowDiskSpace,
    /// The alarm list has no room for another alarm.
    AlarmListFull,
}

/// The two identities that own types are derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TypeClass {
    /// Something that the element uses.
    ExternalService,
    /// The element.
    System,
}

impl TypeClass {
    /// Returns the name of the identity.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExternalService => "external-service",
            Self::System => "system",
        }
    }
}

/// What there is to say of an alarm type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnTypeTexts {
    /// What it is derived from.
    pub class: TypeClass,
    /// One line.
    pub brief: &'static str,
    /// What it means, and how it comes about.
    pub detailed: &'static str,
    /// What to do.
    pub suggested_actions: &'static [&'static str],
    /// When it clears.
    pub clear_condition: &'static str,
    /// The severities with which it is raised, rising.
    pub severities: &'static [Severity],
}

impl OwnType {
    /// All, in the order of their identities.
    pub const ALL: [Self; 15] = [
        Self::FailedConnection,
        Self::FailedCommunication,
        Self::FailedAuthentication,
        Self::SlowConnection,
        Self::CertificateExpiry,
        Self::HandlerFailing,
        Self::HandlerSuspended,
        Self::ConfigurationRolledBack,
        Self::ConfigurationNotBuilt,
        Self::ConfigurationFileChanged,
        Self::StorageFull,
        Self::StorageFailing,
        Self::StorageDamaged,
        Self::LowDiskSpace,
        Self::AlarmListFull,
    ];

    /// Returns the name of the identity.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FailedConnection => "failed-connection",
            Self::FailedCommunication => "failed-communication",
            Self::FailedAuthentication => "failed-authentication",
            Self::SlowConnection => "slow-connection",
            Self::CertificateExpiry => "certificate-expiry",
            Self::HandlerFailing => "handler-failing",
            Self::HandlerSuspended => "handler-suspended",
            Self::ConfigurationRolledBack => "configuration-rolled-back",
            Self::ConfigurationNotBuilt => "configuration-not-built",
            Self::ConfigurationFileChanged => "configuration-file-changed",
            Self::StorageFull => "storage-full",
            Self::StorageFailing => "storage-failing",
            Self::StorageDamaged => "storage-damaged",
            Self::LowDiskSpace => "low-disk-space",
            Self::AlarmListFull => "alarm-list-full",
        }
    }

    /// Returns what there is to say of it.
    #[must_use]
    pub fn texts(self) -> OwnTypeTexts {
        match self {
            Self::FailedConnection
            | Self::FailedCommunication
            | Self::FailedAuthentication
            | Self::SlowConnection
            | Self::CertificateExpiry => self.texts_of_services(),
            Self::HandlerFailing | Self::HandlerSuspended => self.texts_of_handlers(),
            _ => self.texts_of_the_element(),
        }
    }

    fn texts_of_services(self) -> OwnTypeTexts {
        let class = TypeClass::ExternalService;
        match self {
            Self::FailedConnection => OwnTypeTexts {
                class,
                brief: "No connection to a remote host",
                detailed: "The configuration, the network, a name server or the remote service may be at fault.",
                suggested_actions: &[
                    "Check that the remote host runs and listens on the configured port.",
                    "Check that this node reaches it: names, routes, firewalls and proxies on the way.",
                    "Check host, port, client certificate and trusted certificates in the configuration.",
                ],
                clear_condition: "A connection succeeds, and none fails for a moment after it.",
                severities: &[Severity::Minor, Severity::Major],
            },
            Self::FailedCommunication => OwnTypeTexts {
                class,
                brief: "A remote service answers with errors",
                detailed: "Connections succeed, but the service answers that it cannot do what it is asked, or does not answer in time.",
                suggested_actions: &[
                    "Read the logs of the remote service.",
                    "Check the path and the credentials in the configuration.",
                    "Check intermediate proxies: they answer in the service's place.",
                ],
                clear_condition: "The service answers without an error.",
                severities: &[Severity::Minor],
            },
            Self::FailedAuthentication => OwnTypeTexts {
                class,
                brief: "A remote service refuses this node's credentials",
                detailed: "The service, or the server that issues access tokens for it, answers that user name, password, token or client certificate are not accepted.",
                suggested_actions: &[
                    "Check the credentials in the configuration, and whether they have expired.",
                    "Ask the operator of the remote service whether access was withdrawn.",
                ],
                clear_condition: "A request is accepted.",
                severities: &[Severity::Minor],
            },
            Self::SlowConnection => OwnTypeTexts {
                class,
                brief: "A remote service answers slowly",
                detailed: "Answers took longer than a threshold, several times within a short while.",
                suggested_actions: &["Check the load of the remote service.", "Check the network on the way to it."],
                clear_condition: "Answers are faster than the lowest threshold for a moment.",
                severities: &[Severity::Warning, Severity::Minor, Severity::Major, Severity::Critical],
            },
            _ => OwnTypeTexts {
                class,
                brief: "A certificate expires soon",
                detailed: "Connections that rely on the certificate fail once it has expired.",
                suggested_actions: &["Renew the certificate and configure the new one."],
                clear_condition: "The certificate is replaced by one that is valid for longer than every threshold.",
                severities: &[Severity::Warning, Severity::Minor, Severity::Major, Severity::Critical],
            },
        }
    }

    fn texts_of_handlers(self) -> OwnTypeTexts {
        let class = TypeClass::ExternalService;
        let suggested_actions: &[&str] = &[
            "Read the last failure with `show handlers`.",
            "Check the system that the handler delivers to, and the handler's address and credentials.",
        ];
        match self {
            Self::HandlerFailing => OwnTypeTexts {
                class,
                brief: "Deliveries to an alarm handler fail",
                detailed: "Several attempts in a row failed. What is for the handler waits and is attempted again; one attempt is made at a time.",
                suggested_actions,
                clear_condition: "A delivery arrives.",
                severities: &[Severity::Minor],
            },
            _ => OwnTypeTexts {
                class,
                brief: "An alarm handler is suspended",
                detailed: "The system that the handler delivers to refuses every message. What is for the handler waits, and the handler is probed now and then.",
                suggested_actions,
                clear_condition: "A probe arrives, or the handler is resumed, disabled or removed.",
                severities: &[Severity::Major],
            },
        }
    }

    fn texts_of_the_element(self) -> OwnTypeTexts {
        let class = TypeClass::System;
        match self {
            Self::ConfigurationRolledBack => OwnTypeTexts {
                class,
                brief: "A commit was not confirmed and has been rolled back",
                detailed: "A confirmed commit had a deadline that passed without a confirmation. The configuration before it is in force again.",
                suggested_actions: &["Look at `show system commit`, and commit again what was right of it."],
                clear_condition: "The next commit.",
                severities: &[Severity::Warning],
            },
            Self::ConfigurationNotBuilt => OwnTypeTexts {
                class,
                brief: "A part of the stored configuration could not be built",
                detailed: "The element started with its stored configuration, but a part of it could not be taken into use. The log names each fault.",
                suggested_actions: &["Correct what the log names, and commit."],
                clear_condition: "A start or a commit that builds everything.",
                severities: &[Severity::Major],
            },
            Self::ConfigurationFileChanged => OwnTypeTexts {
                class,
                brief: "A configuration file has changed since it was loaded",
                detailed: "The element runs with what it has stored. What the file says now is not in force.",
                suggested_actions: &["Start with `--config-override` to load the file, or put the file back."],
                clear_condition: "A start at which the files are those that were loaded.",
                severities: &[Severity::Warning],
            },
            Self::StorageFull => OwnTypeTexts {
                class,
                brief: "The disk under the data folder is full",
                detailed: "Alarms and changes of the configuration are refused as soon as the room that is kept for this case is used up, until there is room again. What was accepted before is kept.",
                suggested_actions: &["Make room on the disk of the data folder."],
                clear_condition: "There is room again, with some to keep for the next time.",
                severities: &[Severity::Critical],
            },
            Self::StorageFailing => OwnTypeTexts {
                class,
                brief: "The data folder takes no writes",
                detailed: "While it takes none, alarms and changes of the configuration are refused, and this alarm cannot be told either: it follows when writes succeed again. What was accepted before is kept.",
                suggested_actions: &[
                    "Read the reason with `show system status`.",
                    "Look at the disk of the data folder, how it is mounted, and who owns the files.",
                ],
                clear_condition: "Writes have succeeded for a minute.",
                severities: &[Severity::Critical],
            },
            Self::StorageDamaged => OwnTypeTexts {
                class,
                brief: "A damaged file of the data folder was set aside",
                detailed: "The file was begun anew. Standing alarms, the configuration and what waits to be delivered come from the journal; older alarms that had cleared, the history of alarms, and requests and answers of deliveries may be in the file set aside only.",
                suggested_actions: &[
                    "Look at the disk of the data folder: files do not damage themselves.",
                    "Compare `show alarms` with what stands elsewhere.",
                    "Move the file that was set aside out of the data folder, or delete it.",
                ],
                clear_condition: "No file that was set aside is in the data folder any more.",
                severities: &[Severity::Major],
            },
            Self::LowDiskSpace => OwnTypeTexts {
                class,
                brief: "The disk under the data folder is almost full",
                detailed: "When it is full, alarms and changes of the configuration are refused.",
                suggested_actions: &["Make room on the disk of the data folder."],
                clear_condition: "There is room again, with some to spare.",
                severities: &[Severity::Warning, Severity::Major],
            },
            _ => OwnTypeTexts {
                class,
                brief: "The alarm list is full of standing alarms",
                detailed: "A standing alarm gives way to none, so further alarms are refused until some clear.",
                suggested_actions: &[
                    "Find out who sends so many alarms: `show alarms summary`.",
                    "Purge what is of no use with `request alarms purge-alarms`, or raise `alarms control max-alarms`.",
                ],
                clear_condition: "At most nine tenths of the list stand.",
                severities: &[Severity::Major],
            },
        }
    }

    /// Returns the texts of an alarm of this type; `detail` is what there is to say of this one.
    #[must_use]
    pub fn alarm_text(self, brief: Option<String>, detail: Vec<String>) -> AlarmText {
        let texts = self.texts();
        let mut detailed = vec![texts.detailed.to_owned()];
        detailed.extend(detail);
        AlarmText {
            brief: brief.map_or_else(|| texts.brief.into(), Into::into),
            detailed,
            suggested_actions: texts.suggested_actions.iter().map(|action| (*action).to_owned()).collect(),
            ..AlarmText::default()
        }
    }
}

impl fmt::Display for OwnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is none of the element's own alarm types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an alarm type of the element itself")]
pub struct UnknownOwnType(pub String);

impl FromStr for OwnType {
    type Err = UnknownOwnType;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|own| own.as_str() == text).ok_or_else(|| UnknownOwnType(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_says_what_it_is_what_to_do_and_when_it_clears() {
        for own in OwnType::ALL {
            let texts = own.texts();
            assert!(!texts.brief.is_empty() && !texts.detailed.is_empty() && !texts.clear_condition.is_empty());
            assert!(!texts.suggested_actions.is_empty() && !texts.severities.is_empty(), "{own}");
            assert!(texts.severities.is_sorted(), "{own}");
            assert_eq!(own.as_str().parse(), Ok(own));
            assert_eq!(OwnType::ALL.iter().filter(|other| other.texts().brief == texts.brief).count(), 1, "{own}");
        }
    }
}
