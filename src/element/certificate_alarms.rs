//! Certificates whose end comes, and parts of the configuration that could not be built, as alarms about them.

use super::crypto::Crypto;
use super::registry::Registry;
use super::supervision::{Subject, Supervisor, Words};
use crate::alarm::{OwnType, Severity};
use crate::settings::CertificateAlarms;
use crate::transport::material::{Certificate, Validity};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// The resource type of keystores.
pub const CLIENT_KEYSTORE: &str = "client-keystore";

/// The resource type of entries of the truststore.
pub const SERVER_CERTIFICATE: &str = "server-certificate";

/// Says which certificates end soon, or have ended.
pub(super) fn look_at_certificates(
    supervisor: &Supervisor,
    crypto: &Crypto,
    thresholds: CertificateAlarms,
    now: Timestamp,
) {
    for (id, loaded) in crypto.keystores.all() {
        look_at(supervisor, (CLIENT_KEYSTORE, &id), &loaded.keystore.chain, thresholds, now);
    }
    for (id, trusted) in crypto.trusted.all() {
        look_at(supervisor, (SERVER_CERTIFICATE, &id), &trusted.certificates, thresholds, now);
    }
}

fn look_at(
    supervisor: &Supervisor,
    (kind, id): (&str, &str),
    certificates: &[Certificate],
    thresholds: CertificateAlarms,
    now: Timestamp,
) {
    let subject = Subject::new(OwnType::CertificateExpiry, kind, id);
    let mut bad: Vec<(Severity, &Certificate)> = certificates
        .iter()
        .filter_map(|certificate| Some((severity(certificate, thresholds, now)?, certificate)))
        .collect();
    bad.sort_by(|(one, a), (other, b)| other.cmp(one).then(a.not_after.cmp(&b.not_after)));
    let Some((worst, first)) = bad.first() else { return supervisor.clear(&subject) };
    let state = match first.validity(now) {
        Validity::Expired => "has expired",
        Validity::NotYet => "is not valid yet",
        Validity::Valid(_) => "expires soon",
    };
    let words = Words {
        brief: Some(format!("The certificate `{}` {state}", first.subject)),
        // Dates and not days left, so that the alarm does not change each day.
        detail: bad.iter().map(|(_, certificate)| certificate.dates()).collect(),
    };
    supervisor.raise(&subject, *worst, words);
}

fn severity(certificate: &Certificate, thresholds: CertificateAlarms, now: Timestamp) -> Option<Severity> {
    let left = match certificate.validity(now) {
        Validity::NotYet => return Some(Severity::Warning),
        Validity::Expired if !thresholds.disables_critical => return Some(Severity::Critical),
        Validity::Expired => SignedDuration::ZERO,
        Validity::Valid(left) => left,
    };
    let is_within = |days: u16| days > 0 && left <= SignedDuration::from_hours(i64::from(days) * 24);
    [(Severity::Major, thresholds.major), (Severity::Minor, thresholds.minor), (Severity::Warning, thresholds.warning)]
        .into_iter()
        .find_map(|(severity, days)| is_within(days).then_some(severity))
}

/// Says which parts of one kind could not be built; those of them that now are, or are gone, are told so.
pub(super) fn look_at_failures<T>(supervisor: &Supervisor, kind: &str, parts: &Registry<T>) {
    let failed = parts.failed();
    for (id, why) in &failed {
        let detail = why.iter().filter(|d| d.is_error()).map(|diagnostic| diagnostic.message.clone()).collect();
        let subject = Subject::new(OwnType::ConfigurationNotBuilt, kind, id);
        supervisor.raise(&subject, Severity::Major, Words { brief: None, detail });
    }
    let failed: BTreeSet<&str> = failed.iter().map(|(id, _)| id.as_str()).collect();
    for subject in supervisor.watched(kind) {
        if subject.alarm_type == OwnType::ConfigurationNotBuilt && !failed.contains(subject.resource.as_str()) {
            supervisor.clear(&subject);
        }
    }
}
