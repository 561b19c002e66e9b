//! The pages' HTML.

use super::escape::Escaped;
use super::{AlarmChange, AlarmRecord};
use crate::alarm::{AlarmId, ImpactGroup, Standing, qualifier};
use crate::clock::format_utc;
use std::fmt::Write as _;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}\
h1{font-size:1.5rem;margin:.25rem 0 1rem}h2{font-size:1.1rem;margin:1.5rem 0 .25rem}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.25rem;margin:0}dt{color:#57606a}dd{margin:0;overflow-wrap:anywhere}\
p,li,td{white-space:pre-wrap;overflow-wrap:anywhere}table{border-collapse:collapse}td{padding:.15rem 1.25rem .15rem 0;vertical-align:top}\
.badge{display:inline-block;padding:.1rem .6rem;border-radius:1rem;color:#fff;background:#57606a;font-size:.9rem}\
.critical{background:#a40e26}.major{background:#bc4c00}.minor{background:#7d4e00}.warning{background:#6e5a00}.cleared{background:#1a7f37}\
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}dt{color:#9198a1}}";

/// Writes the page of an alarm.
pub(super) fn alarm(id: AlarmId, record: &AlarmRecord) -> String {
    let AlarmRecord { key, state, time_created, last_updated, changes } = record;
    let brief = if state.text.brief.is_empty() { key.alarm_type.as_str() } else { &*state.text.brief };
    let mut body = format!("{}\n<h1>{}</h1>\n", badge(state.standing), Escaped(brief));
    let labels = qualifier::lines(&key.qualifier).join("\n");
    let id = id.to_string();
    let (created, updated) = (format_utc(*time_created), format_utc(*last_updated));
    body.push_str("<dl>\n");
    for (name, value) in [
        ("Alarm type", key.alarm_type.as_str()),
        ("Resource", &key.resource),
        ("Resource type", &key.resource_type),
        ("Node", &key.node),
        ("Qualifier", &labels),
        ("Raised first", &created),
        ("Last change", &updated),
        ("Identifier", &id),
    ] {
        if !value.is_empty() {
            push(&mut body, format_args!("<dt>{name}</dt><dd>{}</dd>\n", Escaped(value)));
        }
    }
    body.push_str("</dl>\n");
    paragraphs(&mut body, &state.text.detailed);
    suggested_actions(&mut body, &state.text.suggested_actions);
    impact(&mut body, &state.impact);
    history(&mut body, changes);
    document(brief, &body)
}

/// Writes a page that says that there is nothing.
pub(super) fn not_found(why: &str) -> String {
    document("Not found", &format!("<h1>Not found</h1>\n<p>{}</p>\n", Escaped(why)))
}

/// Writes a page that says to come back.
pub(super) fn unavailable(why: &str) -> String {
    document("Not available", &format!("<h1>Not available</h1>\n<p>{}</p>\n", Escaped(why)))
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{} – Annunciator</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        Escaped(title)
    )
}

fn badge(standing: Standing) -> String {
    let severity = standing.severity.as_str();
    if standing.is_cleared {
        format!("<span class=\"badge cleared\">cleared</span> was {severity}")
    } else {
        format!("<span class=\"badge {severity}\">{severity}</span>")
    }
}

fn paragraphs(body: &mut String, lines: &[String]) {
    if !lines.is_empty() {
        push(body, format_args!("<h2>Description</h2>\n<p>{}</p>\n", Escaped(&lines.join("\n"))));
    }
}

fn suggested_actions(body: &mut String, actions: &[String]) {
    if actions.is_empty() {
        return;
    }
    body.push_str("<h2>Suggested actions</h2>\n<ol>\n");
    for action in actions {
        push(body, format_args!("<li>{}</li>\n", Escaped(action)));
    }
    body.push_str("</ol>\n");
}

fn impact(body: &mut String, groups: &[ImpactGroup]) {
    if groups.is_empty() {
        return;
    }
    body.push_str("<h2>Impacted resources</h2>\n<dl>\n");
    for group in groups {
        let (title, resources) = (Escaped(&group.title), group.resources.join(", "));
        push(body, format_args!("<dt>{title} ({})</dt>", Escaped(&group.resource_type)));
        push(body, format_args!("<dd>{}</dd>\n", Escaped(&resources)));
    }
    body.push_str("</dl>\n");
}

fn history(body: &mut String, changes: &[AlarmChange]) {
    if changes.is_empty() {
        return;
    }
    body.push_str("<h2>Changes</h2>\n<table>\n");
    for AlarmChange { time, standing, brief } in changes {
        let (time, badge) = (format_utc(*time), badge(*standing));
        push(body, format_args!("<tr><td>{time}</td><td>{badge}</td><td>{}</td></tr>\n", Escaped(brief)));
    }
    body.push_str("</table>\n");
}

/// Writing to a string cannot fail.
fn push(body: &mut String, text: std::fmt::Arguments<'_>) {
    body.write_fmt(text).unwrap_or_default();
}
