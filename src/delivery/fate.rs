//! What becomes of a delivery: a closed list, with the codes under which the delivery log keeps it.

use super::filter::FilteredBy;
use crate::alarm::{Severity, Standing};
use crate::transport::FailureReason;
use std::fmt;

/// Code of a record that stands behind that of a delivery and says in the place of which lane, in `revision`, it was told.
pub(super) const IN_PLACE_OF: u8 = 10;

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It arrived.
    Delivered,
    /// A newer transition of the same alarm took its place (`order latest-state`).
    Superseded,
    /// The filter in force at what would have been its first attempt keeps it back.
    Filtered(FilteredBy),
    /// It was tried for as long as the handler is configured to.
    Expired(FailureReason),
    /// The receiver refuses its body each time.
    Dead(FailureReason),
    /// It cannot be written as a message.
    Unwritable,
    /// Its handler was removed or disabled while it waited.
    Removed,
    /// The journal does not have the transition any more: a damaged file.
    Lost,
}

impl Fate {
    /// Returns the name that people and the log use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Superseded => "superseded",
            Self::Filtered(_) => "filtered",
            Self::Expired(_) => "expired",
            Self::Dead(_) => "dead",
            Self::Unwritable => "unwritable",
            Self::Removed => "removed",
            Self::Lost => "lost",
        }
    }

    /// Returns why, in one word; empty where the name says it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Filtered(by) => by.as_str(),
            Self::Expired(reason) | Self::Dead(reason) => reason.as_str(),
            _ => "",
        }
    }

    /// Returns whether the receiver was to have it and did not get it.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Expired(_) | Self::Dead(_) | Self::Unwritable | Self::Lost)
    }

    pub(super) fn codes(self) -> (u8, u16) {
        match self {
            Self::Delivered => (1, 0),
            Self::Superseded => (2, 0),
            Self::Filtered(by) => (3, word_code(by.as_str())),
            Self::Expired(reason) => (5, word_code(reason.as_str())),
            Self::Dead(reason) => (6, word_code(reason.as_str())),
            Self::Unwritable => (7, 0),
            Self::Removed => (8, 0),
            Self::Lost => (9, 0),
        }
    }

    pub(super) fn of_codes(fate: u8, reason: u16) -> Option<Self> {
        let failure = || FailureReason::ALL.into_iter().find(|known| word_code(known.as_str()) == reason);
        Some(match fate {
            1 => Self::Delivered,
            2 => Self::Superseded,
            3 => Self::Filtered(FilteredBy::ALL.into_iter().find(|known| word_code(known.as_str()) == reason)?),
            5 => Self::Expired(failure()?),
            6 => Self::Dead(failure()?),
            7 => Self::Unwritable,
            8 => Self::Removed,
            9 => Self::Lost,
            _ => return None,
        })
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Returns a number for a word that stays when words are added or change places (FNV-1a, folded); 0 stands for none.
fn word_code(word: &str) -> u16 {
    let hash = word.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_le_bytes();
    u16::from_le_bytes([a ^ c, b ^ d]).max(1)
}

pub(super) fn standing_code(standing: Standing) -> u8 {
    let severity = Severity::ALL.into_iter().position(|severity| severity == standing.severity).unwrap_or(0);
    let cleared = if standing.is_cleared { 8 } else { 0 };
    u8::try_from(severity).unwrap_or(0) | cleared
}

pub(super) fn standing_of(code: u8) -> Standing {
    let severity = Severity::ALL.get(usize::from(code & 7)).copied().unwrap_or(Severity::Indeterminate);
    Standing { severity, is_cleared: code & 8 != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_fate_is_read_as_it_was_written() {
        let mut all = vec![Fate::Delivered, Fate::Superseded, Fate::Unwritable, Fate::Removed, Fate::Lost];
        all.extend(FilteredBy::ALL.map(Fate::Filtered));
        all.extend(FailureReason::ALL.map(Fate::Expired));
        all.extend(FailureReason::ALL.map(Fate::Dead));
        let codes: BTreeSet<(u8, u16)> = all.iter().map(|fate| fate.codes()).collect();
        assert_eq!(codes.len(), all.len());
        for fate in all {
            let (code, reason) = fate.codes();
            assert!(code < 16);
            assert_eq!(Fate::of_codes(code, reason), Some(fate));
        }
        assert_eq!(Fate::of_codes(0, 0), None);
        assert_eq!(Fate::of_codes(IN_PLACE_OF, 0), None);
    }

    #[test]
    fn every_standing_is_read_as_it_was_written() {
        for severity in Severity::ALL {
            for is_cleared in [false, true] {
                let standing = Standing { severity, is_cleared };
                assert!(standing_code(standing) < 16);
                assert_eq!(standing_of(standing_code(standing)), standing);
            }
        }
    }
}
