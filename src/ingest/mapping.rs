//! How an alert's labels and annotations become an alarm's key, severity and texts. Pure.

use super::native::clock_ahead;
use super::{Contribution, LabelSet};
use crate::alarm::{AlarmKey, AlarmText, Severity, qualifier};
use jiff::Timestamp;
use std::time::Duration;

/// How long an alert without `endsAt` stands: Alertmanager's default, on which clients rely.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(300);

/// How far ahead a sender's clock may be: machines drift by seconds, and a wrong time zone is an hour.
pub(super) const CLOCK_AHEAD_MAX: Duration = Duration::from_secs(600);

/// Labels of an alert unless configured otherwise: real ones have fewer than thirty, and each is part of a key that is kept.
const LABELS_MAX: usize = 128;

/// Bytes of a label's name and value: part of a key that is kept for good.
pub(super) const LABEL_BYTES_MAX: usize = 4096;

/// Bytes of a text; the rest is cut, because an alarm with half a description is better than none.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// The label that names the alarm type.
const ALERT_NAME: &str = "alertname";

/// Which labels mean what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The node of alerts that name none.
    pub node: String,
    /// Labels that hold the resource, the first that is there.
    pub resource_labels: Vec<String>,
    /// Labels that hold its type, the first that is there.
    pub resource_type_labels: Vec<String>,
    /// Label that holds the node.
    pub node_label: String,
    /// Label that holds the severity.
    pub severity_label: String,
    /// Severity where the label is missing or says something unknown.
    pub default_severity: Severity,
    /// Labels that an alert may have.
    pub labels_max: usize,
}

/// Resource type of alerts that name none.
const DEFAULT_RESOURCE_TYPE: &str = "external";

impl Mapping {
    /// Builds the mapping that holds where nothing is configured.
    #[must_use]
    pub fn new(node: impl Into<String>) -> Self {
        let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        Self {
            node: node.into(),
            resource_labels: names(["resource", "instance"]),
            resource_type_labels: names(["resource_type", "job"]),
            node_label: "node".to_owned(),
            severity_label: "severity".to_owned(),
            default_severity: Severity::Major,
            labels_max: LABELS_MAX,
        }
    }

    /// Returns the key of the alarm that a label set is about.
    ///
    /// `alertname` is the alarm type. The resource is what `resource` says, or else `instance`; an alert with neither is
    /// about the rule as a whole (a sum over a fleet, a dead man's switch), and the rule's name is the resource. Its type is
    /// `resource_type`, or else `job`, or else `external`. The node is `node`, or else this one. Every label that was
    /// not taken for one of these, but the severity, is in the qualifier: a `job` beside a `resource_type` too. So label sets that
    /// differ are different alarms, except where they say the same with another label: `resource="a"` and `instance="a"`.
    #[must_use]
    pub fn key(&self, labels: &LabelSet) -> AlarmKey {
        let first = |names: &[String]| names.iter().find_map(|name| labels.get_key_value(name.as_str()));
        let resource = first(&self.resource_labels);
        let resource_type = first(&self.resource_type_labels);
        let node = labels.get_key_value(&self.node_label);
        let alarm_type = labels.get_key_value(ALERT_NAME);
        let value = |taken: Option<(&String, &String)>| taken.map(|(_, value)| value.clone());
        let is_taken = |name: &str| {
            name == self.severity_label
                || [alarm_type, resource, resource_type, node].iter().flatten().any(|(taken, _)| *taken == name)
        };
        let rest = labels.iter().filter(|(name, _)| !is_taken(name)).map(|(n, v)| (n.as_str(), v.as_str()));
        AlarmKey {
            node: value(node).unwrap_or_else(|| self.node.clone()),
            resource_type: value(resource_type).unwrap_or_else(|| DEFAULT_RESOURCE_TYPE.to_owned()),
            resource: value(resource).or_else(|| value(alarm_type)).unwrap_or_default(),
            qualifier: qualifier::from_labels(rest),
            alarm_type: value(alarm_type).unwrap_or_default(),
        }
    }

    /// Returns the severity that a label set names; neither the case of letters nor white space around it matters.
    #[must_use]
    pub fn severity(&self, labels: &LabelSet) -> Severity {
        let said = labels.get(&self.severity_label).map(|s| s.trim().to_ascii_lowercase());
        match said.as_deref() {
            Some("critical") => Severity::Critical,
            Some("major" | "error" | "page") => Severity::Major,
            Some("minor") => Severity::Minor,
            Some("warning" | "info" | "none") => Severity::Warning,
            Some("indeterminate") => Severity::Indeterminate,
            _ => self.default_severity,
        }
    }

    /// Makes a contribution of an alert's parts.
    ///
    /// # Errors
    /// Everything that is wrong with the alert.
    pub fn contribution(&self, alert: AlertParts, now: Timestamp) -> Result<Contribution, Vec<MappingFault>> {
        let AlertParts { mut labels, mut annotations, starts_at, ends_at, generator_url } = alert;
        // An empty label is no label (the data model of Prometheus).
        labels.retain(|_, value| !value.is_empty());
        annotations.retain(|_, value| !value.is_empty());
        let mut faults = check_labels(&labels, self.labels_max);
        let (starts_at, ends_at) = match (starts_at, ends_at) {
            (Some(starts), Some(ends)) => (starts, ends),
            (None, Some(ends)) => (now.min(ends), ends),
            (starts, None) => (starts.unwrap_or(now), now.checked_add(RESOLVE_TIMEOUT).unwrap_or(Timestamp::MAX)),
        };
        faults.extend(clock_ahead("startsAt", starts_at, now).map(MappingFault::ClockAhead));
        if starts_at > ends_at {
            faults.push(MappingFault::EndsBeforeItStarts { starts_at, ends_at });
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Contribution {
            key: self.key(&labels),
            severity: self.severity(&labels),
            text: text(&annotations),
            labels,
            annotations: annotations.into_iter().map(|(name, value)| (cut(&name), cut(&value))).collect(),
            starts_at,
            ends_at,
            is_resolved: ends_at <= now,
            generator_url: cut(&generator_url),
        })
    }
}

/// An alert as it was posted, parsed but not judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertParts {
    /// Labels.
    pub labels: LabelSet,
    /// Annotations.
    pub annotations: LabelSet,
    /// When it began.
    pub starts_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
    /// Where the client shows the cause.
    pub generator_url: String,
}

/// What is wrong with an alert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum MappingFault {
    #[error("`labels.alertname` is missing: it names the alarm type")]
    NoAlertName,
    #[error("it has {count} labels; at most {labels_max} are taken")]
    TooManyLabels { count: usize, labels_max: usize },
    #[error("{0}")]
    ClockAhead(String),
    #[error("`labels` has a label without a name")]
    EmptyLabelName,
    #[error("the label `{name}` is {bytes} bytes long; at most {LABEL_BYTES_MAX} are taken")]
    LabelTooLong { name: String, bytes: usize },
    #[error("`endsAt` ({ends_at}) is before `startsAt` ({starts_at})")]
    EndsBeforeItStarts { starts_at: Timestamp, ends_at: Timestamp },
}

fn check_labels(labels: &LabelSet, labels_max: usize) -> Vec<MappingFault> {
    let mut faults = Vec::new();
    if !labels.contains_key(ALERT_NAME) {
        faults.push(MappingFault::NoAlertName);
    }
    if labels.len() > labels_max {
        faults.push(MappingFault::TooManyLabels { count: labels.len(), labels_max });
    }
    if labels.contains_key("") {
        faults.push(MappingFault::EmptyLabelName);
    }
    for (name, value) in labels {
        let bytes = name.len() + value.len();
        if bytes > LABEL_BYTES_MAX {
            faults.push(MappingFault::LabelTooLong { name: name.chars().take(40).collect(), bytes });
        }
    }
    faults
}

fn text(annotations: &LabelSet) -> AlarmText {
    let said = |name: &str| annotations.get(name).map(|text| cut(text.trim())).filter(|text| !text.is_empty());
    AlarmText {
        brief: said("summary").map(|text| one_line(&text)).unwrap_or_default().into(),
        detailed: said("description").map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default(),
        suggested_actions: said("runbook_url").map(|text| one_line(&text)).into_iter().collect(),
        ..AlarmText::default()
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Cuts a text at its limit, between characters, and marks the cut.
fn cut(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= TEXT_BYTES_MAX).last().unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(pairs: &[(&str, &str)]) -> LabelSet {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    fn now() -> Timestamp {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }

    fn contribution(parts: AlertParts) -> Result<Contribution, Vec<MappingFault>> {
        Mapping::new("n1").contribution(parts, now())
    }

    fn firing(pairs: &[(&str, &str)]) -> AlertParts {
        AlertParts { labels: labels(pairs), ..AlertParts::default() }
    }

    #[test]
    fn a_prometheus_alert_is_an_alarm_of_its_instance_and_job() {
        let key = Mapping::new("n1").key(&labels(&[
            ("alertname", "DiskFull"),
            ("instance", "db1:9100"),
            ("job", "node"),
            ("severity", "critical"),
            ("mountpoint", "/var"),
            ("device", "sda1"),
        ]));
        assert_eq!(
            key,
            AlarmKey {
                node: "n1".to_owned(),
                resource_type: "node".to_owned(),
                resource: "db1:9100".to_owned(),
                alarm_type: "DiskFull".to_owned(),
                qualifier: r#"device="sda1",mountpoint="/var""#.to_owned(),
            }
        );
    }

    #[test]
    fn own_labels_come_before_those_of_prometheus_which_then_tell_apart() {
        let key = Mapping::new("n1").key(&labels(&[
            ("alertname", "A"),
            ("resource", "r"),
            ("instance", "i"),
            ("resource_type", "t"),
            ("job", "j"),
            ("node", "n2"),
        ]));
        assert_eq!((key.node.as_str(), key.resource_type.as_str(), key.resource.as_str()), ("n2", "t", "r"));
        assert_eq!(key.qualifier, r#"instance="i",job="j""#);
        let bare = Mapping::new("n1").key(&labels(&[("alertname", "A")]));
        assert_eq!((bare.resource_type.as_str(), bare.resource.as_str()), ("external", "A"));
    }

    #[test]
    fn severities_are_those_of_the_element() {
        for (said, expected) in [
            ("critical", Severity::Critical),
            ("major", Severity::Major),
            ("minor", Severity::Minor),
            ("warning", Severity::Warning),
            ("error", Severity::Major),
            ("page", Severity::Major),
            ("info", Severity::Warning),
            ("none", Severity::Warning),
            ("Critical", Severity::Critical),
            (" critical\n", Severity::Critical),
            ("indeterminate", Severity::Indeterminate),
            ("P3", Severity::Major),
        ] {
            assert_eq!(Mapping::new("n").severity(&labels(&[("severity", said)])), expected, "{said}");
        }
        let minor = Mapping { default_severity: Severity::Minor, ..Mapping::new("n") };
        assert_eq!(minor.severity(&labels(&[])), Severity::Minor);
    }

    #[test]
    fn an_alert_without_an_end_stands_for_five_minutes() {
        let said = contribution(firing(&[("alertname", "A")])).unwrap();
        assert_eq!(said.ends_at.duration_since(now()), jiff::SignedDuration::from_mins(5));
        assert!(!said.is_resolved);
        let ended = AlertParts { ends_at: Some(now()), ..firing(&[("alertname", "A")]) };
        let ended = contribution(ended).unwrap();
        assert!(ended.is_resolved && ended.starts_at <= ended.ends_at);
    }

    #[test]
    fn a_sender_whose_clock_is_an_hour_ahead_is_told_so() {
        let ahead = |seconds: i64| {
            let starts_at = now().checked_add(jiff::SignedDuration::from_secs(seconds)).ok();
            contribution(AlertParts { starts_at, ..firing(&[("alertname", "A")]) })
        };
        let faults = ahead(3600).unwrap_err();
        assert!(faults[0].to_string().contains("3600 s in the future: is the sender's clock ahead?"), "{faults:?}");
    }

    #[test]
    fn annotations_are_the_texts() {
        let annotations = labels(&[
            ("summary", " Disk\nfull "),
            ("description", "one\n\ntwo\n"),
            ("runbook_url", "https://r.example/x"),
        ]);
        let said = contribution(AlertParts { annotations, ..firing(&[("alertname", "A")]) }).unwrap();
        assert_eq!(&*said.text.brief, "Disk full");
        assert_eq!(said.text.detailed, ["one", "", "two"]);
        assert_eq!(said.text.suggested_actions, ["https://r.example/x"]);
    }

    #[test]
    fn all_faults_of_an_alert_are_told_at_once() {
        let long = "x".repeat(LABEL_BYTES_MAX);
        let mut alert = firing(&[("alertname", ""), ("", "v"), ("long", &long)]);
        alert.starts_at = Some(now());
        alert.ends_at = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(contribution(alert).unwrap_err().len(), 4);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let annotations = labels(&[("description", &"ä".repeat(TEXT_BYTES_MAX))]);
        let said = contribution(AlertParts { annotations, ..firing(&[("alertname", "A")]) }).unwrap();
        let line = said.text.detailed.first().unwrap();
        assert!(line.ends_with("ä…") && line.len() <= TEXT_BYTES_MAX + 5);
    }

    proptest! {
        #[test]
        fn a_label_that_differs_makes_another_alarm(
            set in prop::collection::btree_map("[a-c_]{1,3}|instance|job|node|resource|resource_type", "[a-c\",=\\\\\n]{1,3}", 0..5),
            name in "[a-c_]{1,3}|instance|job|node|resource|resource_type",
            value in "[a-c\",=\\\\\n]{1,3}",
        ) {
            let mut set: LabelSet = set;
            set.insert(ALERT_NAME.to_owned(), "A".to_owned());
            let mut other = set.clone();
            // Where the label is there already, its value differs; where not, no other label says the same.
            let was = other.insert(name.clone(), value.clone());
            prop_assume!(was.is_some_and(|was| was != value));
            prop_assert_ne!(Mapping::new("n1").key(&set), Mapping::new("n1").key(&other));
        }
    }
}
