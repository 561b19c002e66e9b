//! Bodies against the golden files, byte for byte.

use super::*;
use crate::alarm::{AlarmKey, Severity};
use crate::handler::tests::{BASE_URL, transition};
use std::sync::Arc;

fn written(format: MessageFormat, transition: &Transition) -> String {
    // The golden files are indented for people; the order of members is part of what is compared.
    let compact = body(format, transition, Some(BASE_URL)).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&compact).unwrap();
    serde_json::to_string_pretty(&value).unwrap() + "\n"
}

#[test]
fn bodies_are_those_of_the_golden_files() {
    let (raise, change, clear) = (
        transition(1, Severity::Major, false),
        transition(2, Severity::Critical, false),
        transition(3, Severity::Critical, true),
    );
    for (transition, flat, nested) in [
        (
            raise,
            include_str!("../../../tests/golden/webhook-flat-raise.json"),
            include_str!("../../../tests/golden/webhook-nested-raise.json"),
        ),
        (
            change,
            include_str!("../../../tests/golden/webhook-flat-change.json"),
            include_str!("../../../tests/golden/webhook-nested-change.json"),
        ),
        (
            clear,
            include_str!("../../../tests/golden/webhook-flat-clear.json"),
            include_str!("../../../tests/golden/webhook-nested-clear.json"),
        ),
    ] {
        assert_eq!(written(MessageFormat::Flat, &transition), flat);
        assert_eq!(written(MessageFormat::Nested, &transition), nested);
    }
}

#[test]
fn nothing_to_say_is_said_as_nothing_and_no_key_is_left_out() {
    let mut transition = transition(1, Severity::Warning, false);
    transition.after.text = Arc::default();
    transition.after.impact = Vec::new();
    Arc::make_mut(&mut transition.key).qualifier = String::new();
    let flat: serde_json::Value =
        serde_json::from_slice(&body(MessageFormat::Flat, &transition, None).unwrap()).unwrap();
    let flat = flat.as_object().unwrap();
    let keys: Vec<&str> = flat.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "alarm_id",
            "alarm_type",
            "resource_id",
            "resource_type",
            "node_id",
            "cleared",
            "severity",
            "dashboard_link",
            "brief_description",
            "detailed_description",
            "impacted_resources",
            "suggested_actions",
            "last_updated"
        ]
    );
    assert!(flat.values().all(serde_json::Value::is_string));
    for key in
        ["dashboard_link", "brief_description", "detailed_description", "impacted_resources", "suggested_actions"]
    {
        assert_eq!(flat.get(key).and_then(|v| v.as_str()), Some(""), "{key}");
    }
    let nested: serde_json::Value =
        serde_json::from_slice(&body(MessageFormat::Nested, &transition, None).unwrap()).unwrap();
    let expected = serde_json::json!({"dashboard_link": "", "brief_description": "", "detailed_description": [],
        "suggested_actions": [], "impact_descriptions": {}});
    assert_eq!(nested.get("description"), Some(&expected));
}

#[test]
fn keys_of_any_content_stay_inside_their_strings() {
    let mut transition = transition(1, Severity::Major, false);
    let hostile = "\",\"cleared\":\"true\n\u{1}\u{2028}";
    transition.key = Arc::new(AlarmKey {
        node: hostile.to_owned(),
        resource_type: hostile.to_owned(),
        resource: hostile.to_owned(),
        alarm_type: hostile.to_owned(),
        qualifier: hostile.to_owned(),
    });
    for format in MessageFormat::ALL {
        let text = body(format, &transition, None).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let identifier = value.get("identifier").unwrap_or(&value);
        assert_eq!(identifier.get("node_id").and_then(|v| v.as_str()), Some(hostile));
        let cleared = value.get("cleared").unwrap();
        assert!(cleared == "false" || cleared == false);
    }
}
