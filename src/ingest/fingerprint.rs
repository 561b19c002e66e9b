//! The fingerprint of a label set as Prometheus computes it, for clients that compare.

use super::LabelSet;
use std::fmt;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// No byte of UTF-8, so that names and values cannot run into one another.
const SEPARATOR: u8 = 0xff;

/// The fingerprint of a label set; shown as sixteen hexadecimal digits. Two label sets may share one: it is shown and sorted
/// by, not relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Returns the fingerprint: FNV-1a of names and values, sorted by name.
#[must_use]
pub fn fingerprint(labels: &LabelSet) -> Fingerprint {
    let mut hash = FNV_OFFSET;
    for part in labels.iter().flat_map(|(name, value)| [name, value]) {
        for byte in part.bytes().chain([SEPARATOR]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
    Fingerprint(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_labels_have_the_offset_and_parts_do_not_run_together() {
        assert_eq!(fingerprint(&LabelSet::new()).to_string(), "cbf29ce484222325");
        let one = |name: &str, value: &str| LabelSet::from([(name.to_owned(), value.to_owned())]);
        assert_ne!(fingerprint(&one("ab", "c")), fingerprint(&one("a", "bc")));
    }

    #[test]
    fn a_fingerprint_is_the_one_that_alertmanager_shows() {
        let labels = [("alertname", "HighLoad"), ("instance", "db1:9100"), ("severity", "critical")];
        let labels: LabelSet = labels.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        assert_eq!(fingerprint(&labels).to_string(), "ba5048908c4ee7ae");
    }
}
