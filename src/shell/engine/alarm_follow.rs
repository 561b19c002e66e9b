//! Alarms as they change, and what depends on a resource.

use super::Engine;
use super::alarm_text::Painted;
use super::alarms::{is_json, print};
use super::fault::Fault;
use super::line::{Call, Given};
use crate::alarm::{ResourceName, Severity, Standing, Transition};
use crate::codec::resolve;
use crate::diagnostic::{Diagnostic, printable};
use crate::shell::{Status, TerminalError};
use crate::tree::DataPath;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

/// How long to wait before looking whether the person has had enough: a key press should not seem to hang.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// `monitor alarms`
pub(super) fn monitor(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    call.terminal.paginate(false);
    let mut behind = engine.management.newest_transition();
    if call.is_terminal {
        call.say("Changes of alarms are shown as they come; Ctrl-C ends it.\n")?;
    }
    let painted = Painted::of(call);
    loop {
        if call.terminal.is_interrupted() {
            return if call.is_terminal { Ok(Status::Done) } else { Err(TerminalError::Interrupted.into()) };
        }
        let (come, last) = engine.management.follow(behind, LOOK_EVERY);
        behind = last;
        for transition in come.iter().filter(|transition| is_wanted(transition, given)) {
            let line = printable(&line(engine, transition));
            let standing = transition.after.standing;
            let colour = painted.severity(standing.severity, standing.is_cleared);
            call.say(&Painted::paint(colour, &line))?;
            call.say("\n")?;
        }
    }
}

fn is_wanted(transition: &Transition, given: &Given) -> bool {
    let severity = given.option("min-severity").and_then(|text| text.parse::<Severity>().ok());
    let is_same = |option: &str, text: &str| given.option(option).is_none_or(|wanted| wanted == text);
    let key = &transition.key;
    severity.is_none_or(|severity| is_as_bad(transition.before, transition.after.standing, severity))
        && is_same("resource-type", &key.resource_type)
        && is_same("resource", &key.resource)
        && is_same("alarm-type", &key.alarm_type)
}

/// Returns whether an alarm is as bad as wanted, or was: whoever saw that sees that it is not any more.
fn is_as_bad(before: Option<Standing>, after: Standing, wanted: Severity) -> bool {
    let was = before.filter(|before| !before.is_cleared).map(|before| before.severity);
    was.max(Some(after.severity)) >= Some(wanted)
}

fn line(engine: &Engine, transition: &Transition) -> String {
    let (key, standing) = (&transition.key, transition.after.standing);
    let word = if transition.is_reminder() {
        format!("{} (reminder)", standing.severity)
    } else if standing.is_cleared {
        "cleared".to_owned()
    } else {
        standing.severity.to_string()
    };
    let time = engine.local_time(transition.last_updated);
    let said = format!("{time} {word:<13} {} {} {} {}", key.alarm_type, key.resource_type, key.resource, key.qualifier);
    let text = transition.after.text.brief.replace(['\n', '\r'], " ");
    if text.is_empty() { said.trim_end().to_owned() } else { format!("{}: {text}", said.trim_end()) }
}

/// `show impact`
pub(super) fn impact(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let resource = resource(engine, given, call)?;
    let groups = engine.management.impact(&resource);
    if is_json(call) {
        let groups: Vec<Value> = groups
            .iter()
            .map(|g| json!({"resource_type": g.resource_type, "title": g.title, "resources": g.resources}))
            .collect();
        return print(call, |out| writeln!(out, "{:#}", Value::Array(groups)));
    }
    if groups.is_empty() && call.pipes.is_empty() {
        if call.is_terminal {
            call.say("Nothing depends on it.\n")?;
        }
        return Ok(Status::Done);
    }
    print(call, |out| {
        for group in &groups {
            writeln!(out, "{} ({})", group.title, group.resource_type)?;
            for resource in &group.resources {
                writeln!(out, "  {resource}")?;
            }
        }
        Ok(())
    })
}

/// Returns the resource that a line is about: the entry at a path, or one that is named.
fn resource(engine: &Engine, given: &Given, call: &Call<'_>) -> Result<ResourceName, Fault> {
    if let (Some(resource_type), Some(resource)) = (given.option("resource-type"), given.option("resource")) {
        return Ok(ResourceName { resource_type: resource_type.to_owned(), resource: resource.to_owned() });
    }
    if given.words.is_empty() {
        let said = Diagnostic::error("incomplete: expected a path, or `resource-type TYPE resource RESOURCE`");
        return Err(said.into());
    }
    let running = engine.management.running();
    let place = resolve(running.tree.schema(), &call.source, &DataPath::ROOT, &given.words)?;
    let path = match place.paths().as_slice() {
        [only] => only.clone(),
        _ => place.path,
    };
    match engine.management.resource_at(&path) {
        Some(resource) if running.tree.get(&path).is_some() => Ok(resource),
        Some(_) => Err(Fault::failed("nothing is configured there")),
        None => {
            let said = Diagnostic::error("there is no resource at this place: alarms are about entries of some lists");
            Err(Fault::Failed(said.hint("an HTTP client or an alarm handler, for example")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_follows_a_severity_sees_that_an_alarm_has_it_no_more() {
        let standing = |severity| Standing { severity, is_cleared: false };
        let cleared = |severity| Standing { severity, is_cleared: true };
        let (minor, major) = (Severity::Minor, Severity::Major);
        let is_seen = |before, after| is_as_bad(before, after, major);
        assert!(is_seen(None, standing(major)) && is_seen(Some(standing(minor)), standing(major)));
        assert!(is_seen(Some(standing(major)), standing(minor)) && is_seen(Some(standing(major)), cleared(major)));
        assert!(!is_seen(None, standing(minor)) && !is_seen(Some(cleared(major)), standing(minor)));
        assert!(!is_seen(Some(standing(minor)), cleared(minor)));
    }
}
