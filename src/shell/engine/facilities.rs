//! Commands about certificates, HTTP clients and secrets.

use super::Engine;
use super::columns::one_line;
use super::fault::Fault;
use super::line::{Call, Given};
use super::output::Output;
use super::pipe::Effect;
use crate::datastore::CommitRequest;
use crate::diagnostic::{Diagnostic, printable};
use crate::element::CryptoEntry;
use crate::management::{Trial, TryError};
use crate::shell::Status;
use crate::transport::material::{Certificate, Validity};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt::{self, Write as _};

/// Names of certificates are padded to the longest of them.
const NAME_WIDTH: usize = 11;

/// `show crypto`
pub(super) fn show_crypto(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let wanted = given.option("name");
    let all = engine.management.crypto();
    let shown: Vec<CryptoEntry> =
        all.into_iter().filter(|entry| wanted.is_none_or(|wanted| wanted == entry.id)).collect();
    let now = engine.management.clock().now();
    let pipes = std::mem::take(&mut call.pipes);
    if shown.is_empty() && pipes.is_empty() {
        if call.is_terminal {
            call.say("No certificates are configured.\n")?;
        }
        return Ok(Status::Done);
    }
    let is_json = pipes.iter().any(|pipe| pipe.pipe.effect == Effect::Display);
    let mut output = Output::new(call.terminal, call.is_terminal, &pipes)?;
    output.write(|out| {
        if is_json {
            let all: Vec<Value> = shown.iter().map(|entry| as_json(entry, now)).collect();
            return writeln!(out, "{:#}", json!({ "crypto": all }));
        }
        for (at, entry) in shown.iter().enumerate() {
            out.write_str(if at == 0 { "" } else { "\n" })?;
            write_entry(entry, now, out)?;
        }
        Ok(())
    });
    output.finish()?;
    Ok(Status::Done)
}

fn write_entry(entry: &CryptoEntry, now: Timestamp, out: &mut Output<'_>) -> fmt::Result {
    writeln!(out, "{} {}", entry.kind, printable(&one_line(&entry.id)))?;
    let users: Vec<String> = entry.used_by.iter().map(|(kind, id)| format!("{kind} {id}")).collect();
    let users = if users.is_empty() { "nobody".to_owned() } else { users.join(", ") };
    writeln!(out, "  {:NAME_WIDTH$} {}", "used by", printable(&one_line(&users)))?;
    if let Some(fault) = &entry.fault {
        writeln!(out, "  {:NAME_WIDTH$} {}", "unusable", printable(&one_line(fault)))?;
    }
    for (at, certificate) in entry.certificates.iter().enumerate() {
        writeln!(out, "  certificate {}", at.saturating_add(1))?;
        let valid = format!(
            "{} to {} ({})",
            date(certificate.not_before),
            date(certificate.not_after),
            state(certificate, now)
        );
        for (name, text) in [
            ("subject", &certificate.subject),
            ("issuer", &certificate.issuer),
            ("valid", &valid),
            ("fingerprint", &format!("SHA-256 {}", certificate.fingerprint)),
        ] {
            writeln!(out, "    {name:NAME_WIDTH$} {}", printable(&one_line(text)))?;
        }
    }
    Ok(())
}

fn as_json(entry: &CryptoEntry, now: Timestamp) -> Value {
    let certificates: Vec<Value> = entry
        .certificates
        .iter()
        .map(|certificate| {
            json!({
                "subject": certificate.subject,
                "issuer": certificate.issuer,
                "not-before": certificate.not_before.to_string(),
                "not-after": certificate.not_after.to_string(),
                "state": state(certificate, now),
                "sha-256": certificate.fingerprint,
            })
        })
        .collect();
    let used_by: Vec<Value> = entry.used_by.iter().map(|(kind, id)| json!({ "type": kind, "id": id })).collect();
    let mut value = json!({
        "type": entry.kind,
        "id": entry.id,
        "used-by": used_by,
        "certificates": certificates,
    });
    if let (Some(fault), Some(value)) = (&entry.fault, value.as_object_mut()) {
        value.insert("unusable".to_owned(), json!(fault));
    }
    value
}

fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn state(certificate: &Certificate, now: Timestamp) -> String {
    match certificate.validity(now) {
        Validity::NotYet => "not valid yet".to_owned(),
        Validity::Expired => "expired".to_owned(),
        Validity::Valid(left) => format!("{} days left", left.as_hours() / 24),
    }
}

/// `request facilities http client ID test`
pub(super) fn try_client(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    if !given.has("test") {
        return Err(Fault::failed("incomplete: expected `test`"));
    }
    let id = given.option("client").unwrap_or_default();
    let mut failed = None;
    let mut lost = None;
    let went_well = engine.management.try_client(id, given.option("url"), &mut |trial| {
        let line = match &trial {
            Trial::Begins(url) => printable(&format!("{url}")),
            Trial::Made(step) => {
                let took = format!("{:.1} ms", step.took.as_secs_f64() * 1000.0);
                let (word, said) = match &step.outcome {
                    Ok(said) => ("ok", said.clone()),
                    Err(fault) => ("failed", format!("{}: {}", fault.reason, fault.detail)),
                };
                if let Err(fault) = &step.outcome {
                    failed = Some(format!("{} failed: {}", step.name, fault.reason));
                }
                format!("  {:13} {word:6} {took:>10}  {}", step.name, printable(&one_line(&said)))
            }
        };
        // The test ends by itself soon; that nobody looks is told then.
        lost = lost.take().or(call.say(&format!("{line}\n")).err());
    });
    match (went_well, lost) {
        (Err(error), _) => Err(refused(&error)),
        (Ok(_), Some(lost)) => Err(lost),
        (Ok(true), None) => Ok(Status::Done),
        (Ok(false), None) => Err(Fault::failed(failed.unwrap_or_else(|| "the test failed".to_owned()))),
    }
}

fn refused(error: &TryError) -> Fault {
    let said = Diagnostic::error(error.to_string());
    Fault::Failed(match error {
        TryError::NoTarget(_) => said.hint("name an address: `url https://example.com/`"),
        TryError::Unknown(_) => said.hint("`show configuration facilities http` tells which there are"),
        _ => said,
    })
}

/// `request system secrets rotate`
pub(super) fn rotate_secrets(engine: &mut Engine, _given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let request = CommitRequest {
        user: engine.user.clone(),
        via: engine.via.clone(),
        comment: Some("secrets sealed with a new key".to_owned()),
        session: engine.number,
        editor: engine.session.id(),
        ..CommitRequest::default()
    };
    let rotated = engine.management.rotate_secrets(&request).map_err(|error| {
        let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
        Fault::failed(format!("{error}{cause}"))
    })?;
    let word = if rotated.sealed == 1 { "secret" } else { "secrets" };
    call.say(&format!("A new key is in use; {} {word} sealed with it.\n", rotated.sealed))?;
    for path in &rotated.lost {
        call.terminal
            .write_error(&format!("warning: no key opens the secret {}; it stays as it is\n", printable(path)))?;
    }
    Ok(Status::Done)
}
