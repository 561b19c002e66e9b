//! Alertmanager's own command line client against the element: alerts and silences.

use super::{ask, has};
use crate::harness::element::Home;
use std::net::SocketAddr;
use std::process::Command;

/// Runs amtool; `None` where it is not installed.
pub(crate) async fn amtool(address: SocketAddr, arguments: &[&str]) -> Option<(bool, String)> {
    let url = format!("--alertmanager.url=http://{address}");
    let mut command = Command::new("amtool");
    command.arg(url).args(arguments);
    match tokio::task::spawn_blocking(move || command.output()).await.unwrap() {
        Ok(output) => {
            let is_done = output.status.success();
            let said = if is_done { output.stdout } else { output.stderr };
            Some((is_done, String::from_utf8(said).unwrap()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("amtool cannot be run: {error}"),
    }
}

/// Runs amtool, which must succeed, and returns what it says.
fn told(address: SocketAddr, arguments: &[&str]) -> String {
    let url = format!("--alertmanager.url=http://{address}");
    let all: Vec<&str> = std::iter::once(url.as_str()).chain(arguments.iter().copied()).collect();
    let judged = ask("amtool", &all).unwrap();
    assert!(judged.accepts, "{arguments:?}: {}", judged.said);
    judged.said
}

#[test]
fn amtool_adds_queries_silences_and_resolves() {
    if !has("amtool") {
        return;
    }
    let home = Home::new();
    let element = home.start(&[]);
    let at = element.http();
    let add = ["alert", "add", "DiskFull", "instance=db1", "severity=critical", "--annotation=summary=Disk full"];
    told(at, &add);
    told(at, &["alert", "add", "Slow", "instance=db2", "severity=warning"]);
    assert!(told(at, &["alert", "query", "severity=critical"]).contains("DiskFull"));
    assert!(!told(at, &["alert", "query", "severity=~warn.*"]).contains("DiskFull"));
    for arguments in [["config", "show"].as_slice(), &["cluster", "show"]] {
        told(at, arguments);
    }

    let silence = ["silence", "add", "alertname=DiskFull", "--author=ops", "--comment=at work", "--duration=1h"];
    let id = told(at, &silence).lines().next().unwrap().trim().to_owned();
    assert!(told(at, &["silence", "query"]).contains("at work"));
    assert!(!told(at, &["alert", "query", "--active"]).contains("DiskFull"));
    assert!(told(at, &["alert", "query", "--silenced"]).contains("DiskFull"));
    let shelved = home.told(&["show alarms shelved"]);
    assert!(shelved.contains("DiskFull") && shelved.contains(&id), "{shelved}");
    assert!(!home.told(&["show alarms"]).contains("DiskFull"));
    element.crash();

    let element = home.start(&[]);
    let at = element.http();
    assert!(home.told(&["show alarms shelved"]).contains("DiskFull"), "also after a restart");
    told(at, &["silence", "expire", &id]);
    assert!(!told(at, &["silence", "query"]).contains(&id));
    assert!(told(at, &["silence", "query", "--expired", "--within=1h"]).contains(&id));
    assert!(home.told(&["show alarms"]).contains("DiskFull"));

    let mut resolve = add.to_vec();
    resolve.extend(["--start=2020-01-01T00:00:00Z", "--end=2020-01-01T00:00:01Z"]);
    told(at, &resolve);
    assert!(!home.told(&["show alarms"]).contains("DiskFull"));
    element.stop();
}
