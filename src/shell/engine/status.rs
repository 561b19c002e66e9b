//! `show system status`: how the element fares, on a few lines.

use super::Engine;
use super::fault::Fault;
use super::line::{Call, Given};
use crate::delivery::HandlerState;
use crate::shell::Status;
use std::collections::BTreeMap;

/// `show system status`
pub(super) fn show(engine: &mut Engine, _given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let management = &engine.management;
    let alarms = management.alarms();
    let mut handlers: BTreeMap<&str, usize> = BTreeMap::new();
    for handler in management.handlers() {
        let fares = match handler.state {
            HandlerState::Idle | HandlerState::Delivering => "well",
            other => other.as_str(),
        };
        *handlers.entry(fares).or_default() += 1;
    }
    let handlers: Vec<String> = handlers.into_iter().map(|(fares, count)| format!("{count} {fares}")).collect();
    let reports = match management.refusal() {
        None => "taken".to_owned(),
        Some(refusal) => {
            format!("refused, as commits are, since {}: {}", engine.local_time(refusal.since), refusal.reason)
        }
    };
    let lines: Vec<String> = [
        ("Node", management.node()),
        ("Revision", management.running().revision.to_string()),
        ("Alarms", format!("{} standing, {} cleared", alarms.standing(), alarms.len() - alarms.standing())),
        ("Handlers", if handlers.is_empty() { "none".to_owned() } else { handlers.join(", ") }),
        ("Reports", reports),
    ]
    .map(|(name, value)| format!("{name:<9} {value}"))
    .into();
    call.print_lines(&lines)
}
