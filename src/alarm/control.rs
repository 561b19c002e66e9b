//! What configuration makes of alarms: history, what is told, shelves, profiles, types and hold-downs.

use super::shelf::{Pattern, ResourceMatch, Shelved, Shelves, TypeHierarchy};
use super::{AlarmKey, AlarmText, Notify, OwnType, STATUS_CHANGES_MAX, Severity};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What is known of an alarm type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TypeSpec {
    /// One line, where the source of an alarm says none.
    pub brief: Option<String>,
    /// Paragraphs, where the source says none.
    pub detailed: Vec<String>,
    /// What to do, where the source says nothing.
    pub suggested_actions: Vec<String>,
    /// When alarms of the type clear.
    pub clear_condition: Option<String>,
    /// Whether alarms of the type clear at all.
    pub will_clear: bool,
    /// The severities with which alarms of the type come, rising; none for any.
    pub severities: Vec<Severity>,
    /// Severity of an alarm whose source says none.
    pub severity: Option<Severity>,
    /// How long an alarm must stand before anybody is told.
    pub rise_hold_down: Duration,
    /// How long it must be gone before anybody is told.
    pub fall_hold_down: Duration,
}

/// Severities of types for which none are known: a profile is positional and needs some.
const ANY_SEVERITIES: [Severity; 4] = [Severity::Warning, Severity::Minor, Severity::Major, Severity::Critical];

/// The alarm types: the element's own and those configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Types(Arc<BTreeMap<String, TypeSpec>>);

impl Default for Types {
    fn default() -> Self {
        Self::new(BTreeMap::new())
    }
}

impl Types {
    /// Puts the configured types beside the element's own. What is configured of an own type comes in place of what it has.
    #[must_use]
    pub fn new(configured: BTreeMap<String, TypeSpec>) -> Self {
        let mut all: BTreeMap<String, TypeSpec> =
            OwnType::ALL.iter().map(|own| (own.as_str().to_owned(), of_own(*own))).collect();
        for (name, spec) in configured {
            match all.get_mut(&name) {
                Some(own) => override_own(own, spec),
                None => drop(all.insert(name, spec)),
            }
        }
        Self(Arc::new(all))
    }

    /// Returns what is known of a type.
    #[must_use]
    pub fn get(&self, alarm_type: &str) -> Option<&TypeSpec> {
        self.0.get(alarm_type)
    }

    /// Returns all, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TypeSpec)> {
        self.0.iter().map(|(name, spec)| (name.as_str(), spec))
    }

    /// Adds what is known of the type where the source of an alarm said nothing.
    #[must_use]
    pub fn complete(&self, key: &AlarmKey, mut text: Arc<AlarmText>) -> Arc<AlarmText> {
        let spec = self.get(&key.alarm_type);
        if text.brief.is_empty() {
            let known = spec.and_then(|spec| spec.brief.clone()).filter(|brief| !brief.is_empty());
            // Where nobody said anything, what is known is in the key.
            let from_key = || format!("{} on {} {}", key.alarm_type, key.resource_type, key.resource);
            if let Some(brief) = known.or_else(|| spec.is_none().then(from_key)) {
                Arc::make_mut(&mut text).brief = brief.into();
            }
        }
        if let Some(spec) = spec {
            if text.detailed.is_empty() && !spec.detailed.is_empty() {
                Arc::make_mut(&mut text).detailed.clone_from(&spec.detailed);
            }
            if text.suggested_actions.is_empty() && !spec.suggested_actions.is_empty() {
                Arc::make_mut(&mut text).suggested_actions.clone_from(&spec.suggested_actions);
            }
        }
        text
    }
}

impl TypeHierarchy for Types {
    fn is_derived_or_self(&self, alarm_type: &str, class: &str) -> bool {
        let is_of_class = |own: OwnType| own.texts().class.as_str() == class || class == "alarm-type";
        alarm_type == class || alarm_type.parse::<OwnType>().is_ok_and(is_of_class)
    }
}

fn of_own(own: OwnType) -> TypeSpec {
    let texts = own.texts();
    TypeSpec {
        brief: Some(texts.brief.to_owned()),
        detailed: vec![texts.detailed.to_owned()],
        suggested_actions: texts.suggested_actions.iter().map(|action| (*action).to_owned()).collect(),
        clear_condition: Some(texts.clear_condition.to_owned()),
        will_clear: true,
        severities: texts.severities.to_vec(),
        severity: texts.severities.last().copied(),
        ..TypeSpec::default()
    }
}

fn override_own(own: &mut TypeSpec, spec: TypeSpec) {
    let TypeSpec { brief, detailed, suggested_actions, severity, rise_hold_down, fall_hold_down, .. } = spec;
    own.brief = brief.or(own.brief.take());
    if !detailed.is_empty() {
        own.detailed = detailed;
    }
    if !suggested_actions.is_empty() {
        own.suggested_actions = suggested_actions;
    }
    own.severity = severity.or(own.severity);
    (own.rise_hold_down, own.fall_hold_down) = (rise_hold_down, fall_hold_down);
}

/// Severities for alarms of some types and resources, in place of those that they come with (RFC 8632, `alarm-profile`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The type, or one that it is derived from.
    pub alarm_type: String,
    /// The qualifier.
    pub qualifier: Pattern,
    /// The resources.
    pub resource: ResourceMatch,
    /// The severities, rising, in place of those of the type, by position.
    pub severities: Vec<Severity>,
}

/// What configuration makes of alarms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Status changes kept for each alarm.
    pub status_changes_max: usize,
    /// Alarms kept at most, the cleared included.
    pub alarms_max: usize,
    /// Which changes are told.
    pub notify: Notify,
    /// Shelves, those of the configuration before silences.
    pub shelves: Shelves,
    /// Profiles, in order; the first that matches counts.
    pub profiles: Arc<Vec<Profile>>,
    /// Alarm types.
    pub types: Types,
}

/// Alarms kept unless told otherwise: what the element is measured with.
pub const ALARMS_MAX: usize = 100_000;

impl Default for Control {
    fn default() -> Self {
        Self {
            status_changes_max: STATUS_CHANGES_MAX,
            alarms_max: ALARMS_MAX,
            notify: Notify::default(),
            shelves: Shelves::default(),
            profiles: Arc::default(),
            types: Types::default(),
        }
    }
}

impl Control {
    /// Returns the severity that an alarm has when its source says `severity`.
    #[must_use]
    pub fn severity(&self, key: &AlarmKey, path: Option<&str>, severity: Severity) -> Severity {
        let is_for = |profile: &&Profile| {
            self.types.is_derived_or_self(&key.alarm_type, &profile.alarm_type)
                && profile.qualifier.is_match(&key.qualifier)
                && profile.resource.is_match(key, path)
        };
        let Some(profile) = self.profiles.iter().find(is_for) else { return severity };
        let known = self.types.get(&key.alarm_type).map(|spec| spec.severities.as_slice()).unwrap_or_default();
        let known = if known.is_empty() { &ANY_SEVERITIES } else { known };
        // One that the type does not have counts as the highest below it.
        let position = known.iter().rposition(|k| *k <= severity).unwrap_or(0);
        profile.severities.get(position).or(profile.severities.last()).copied().unwrap_or(severity)
    }

    /// Returns the shelf that an alarm belongs on.
    #[must_use]
    pub fn shelf(&self, alarm: &Shelved<'_>, now: Timestamp) -> Option<&str> {
        self.shelves.find(alarm, now, &self.types)
    }

    /// Returns how long the raise and the clear of a type are held back.
    #[must_use]
    pub fn hold_downs(&self, alarm_type: &str) -> (Duration, Duration) {
        self.types.get(alarm_type).map_or_else(Default::default, |spec| (spec.rise_hold_down, spec.fall_hold_down))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(alarm_type: &str) -> AlarmKey {
        let text = str::to_owned;
        AlarmKey {
            node: text("n1"),
            resource_type: text("database"),
            resource: text("db1"),
            alarm_type: text(alarm_type),
            qualifier: String::new(),
        }
    }

    fn profile(alarm_type: &str, severities: &[Severity]) -> Profile {
        Profile {
            alarm_type: alarm_type.to_owned(),
            qualifier: Pattern::new(".*").unwrap(),
            resource: ResourceMatch::parse("database/.*").unwrap(),
            severities: severities.to_vec(),
        }
    }

    fn control(profiles: Vec<Profile>) -> Control {
        let spec = TypeSpec { severities: vec![Severity::Warning, Severity::Minor], ..TypeSpec::default() };
        let types = Types::new(BTreeMap::from([("slow".to_owned(), spec)]));
        Control { profiles: Arc::new(profiles), types, ..Control::default() }
    }

    #[test]
    fn a_profile_maps_severities_by_their_position() {
        use Severity::{Critical, Major, Minor, Warning};
        let control = control(vec![profile("slow", &[Minor, Major]), profile("other", &[Warning])]);
        let mapped = |alarm_type, severity| control.severity(&key(alarm_type), None, severity);
        assert_eq!([Warning, Minor, Critical].map(|s| mapped("slow", s)), [Minor, Major, Major]);
        assert_eq!([Warning, Critical].map(|s| mapped("other", s)), [Warning, Warning]);
        assert_eq!(mapped("third", Critical), Critical);
    }

    #[test]
    fn what_a_source_does_not_say_the_type_says() {
        let spec = TypeSpec {
            brief: Some("Too slow".to_owned()),
            detailed: vec!["It is.".to_owned()],
            suggested_actions: vec!["Wait.".to_owned()],
            ..TypeSpec::default()
        };
        let types = Types::new(BTreeMap::from([("slow".to_owned(), spec)]));
        let text = types
            .complete(&key("slow"), AlarmText { detailed: vec!["Very.".to_owned()], ..AlarmText::default() }.into());
        assert_eq!(
            (&*text.brief, text.detailed.clone(), text.suggested_actions.clone()),
            ("Too slow", vec!["Very.".to_owned()], vec!["Wait.".to_owned()])
        );
        assert_eq!(&*types.complete(&key("odd"), Arc::default()).brief, "odd on database db1");
        assert_eq!(types.complete(&key("low-disk-space"), Arc::default()).suggested_actions.len(), 1);
    }

    #[test]
    fn what_is_configured_of_an_own_type_comes_in_place_of_what_it_has() {
        let spec =
            TypeSpec { brief: Some("Full!".to_owned()), rise_hold_down: Duration::from_secs(5), ..TypeSpec::default() };
        let types = Types::new(BTreeMap::from([("storage-full".to_owned(), spec)]));
        let own = types.get("storage-full").unwrap();
        assert_eq!((own.brief.as_deref(), own.severity), (Some("Full!"), Some(Severity::Critical)));
        assert!(own.will_clear && !own.detailed.is_empty());
        assert!(types.is_derived_or_self("storage-full", "system") && !types.is_derived_or_self("slow", "system"));
    }
}
