//! The product's own modules.

use crate::clock::Clock;
use crate::yang::{BaseType, NodeKind, SchemaId, builtin, builtin_schema};
use std::time::Duration;

#[test]
fn the_builtin_modules_compile_without_fault() {
    let tree = builtin_schema().unwrap_or_else(|faults| panic!("{faults}"));
    let names: Vec<&str> = tree.node(SchemaId::ROOT).data_children.iter().map(|id| &*tree.node(*id).name).collect();
    assert_eq!(names, ["environments", "facilities", "alarms", "system"]);
    for node in tree.nodes().iter().skip(1) {
        let is_described =
            node.description.is_some() || matches!(node.kind, NodeKind::Case | NodeKind::Input | NodeKind::Output);
        assert!(is_described, "{} has no description", node.name);
    }
}

#[test]
fn the_webhook_refers_to_an_http_client() {
    let tree = builtin_schema().unwrap_or_else(|faults| panic!("{faults}"));
    let handler = tree.find(["environments", "environment", "alarms", "alarm-handlers", "alarm-handler"]).unwrap();
    let schema = tree.node(handler).as_list().unwrap();
    assert_eq!(schema.keys.len(), 1);
    assert_eq!(tree.node(handler).extension("annunciator-extensions", "resource-type"), Some("alarm-handler"));
    let names: Vec<&str> = tree.node(handler).data_children.iter().map(|id| &*tree.node(*id).name).collect();
    assert_eq!(
        names,
        [
            "id",
            "description",
            "enabled",
            "notify-status-changes",
            "notify-severity-level",
            "reminder-interval",
            "webhook-notifier",
            "filter",
            "delivery"
        ]
    );
    let webhook = tree.child(handler, "webhook-notifier").unwrap();
    assert!(tree.node(webhook).is_presence_container());
    let service = tree.child(webhook, "web-service").unwrap();
    let client = tree.child(service, "http-client").unwrap();
    let BaseType::Leafref(leafref) = &tree.node(client).ty().unwrap().base else { panic!("not a leafref") };
    assert_eq!(Some(leafref.target), tree.find(["facilities", "http", "client", "id"]));
    assert_eq!(&*leafref.target_type.name, "ann-typ:identifier");
    let password = tree.find(["facilities", "http", "client", "http-basic-authn", "password"]).unwrap();
    assert!(tree.node(password).is_secret());
}

#[test]
fn the_builtin_modules_compile_quickly() {
    let clock = Clock::system();
    let start = clock.elapsed();
    assert!(builtin_schema().is_ok());
    let taken = clock.elapsed().saturating_sub(start);
    println!("the builtin modules compiled in {taken:?}");
    // Without optimisation and beside other tests; with it, a start waits below 20 ms for its schema.
    assert!(taken < Duration::from_millis(200), "{taken:?}");
}

#[test]
fn a_module_is_named_for_its_file() {
    for (name, text) in builtin() {
        assert!(text.starts_with(&format!("module {name} {{\n")), "{name}");
    }
}
