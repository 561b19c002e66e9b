//! Alertmanager's own client against our routes.

use annunciator::clock::Clock;
use annunciator::ingest::{
    self, AlarmIntake, Alert, AlertState, Alerts, Contribution, IntakeError, LabelSet, Mapping, ServerStatus,
};
use annunciator::task::Scope;
use annunciator::transport::{HttpServer, ServerLimits};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

struct Memory {
    clock: Clock,
    standing: Mutex<BTreeMap<LabelSet, Contribution>>,
}

impl AlarmIntake for Memory {
    async fn report(&self, contributions: Vec<Contribution>) -> Result<(), IntakeError> {
        let mut standing = self.standing.lock().unwrap();
        for contribution in contributions {
            if contribution.is_resolved {
                standing.remove(&contribution.labels);
            } else {
                standing.insert(contribution.labels.clone(), contribution);
            }
        }
        Ok(())
    }

    async fn alerts(&self) -> Result<Alerts, IntakeError> {
        let alert = |c: &Contribution| Alert {
            labels: c.labels.clone(),
            annotations: c.annotations.clone(),
            starts_at: c.starts_at,
            ends_at: c.ends_at,
            updated_at: c.starts_at,
            generator_url: c.generator_url.clone(),
            receivers: self.receivers().into(),
            state: AlertState::Active,
        };
        let all: Vec<Alert> = self.standing.lock().unwrap().values().map(alert).collect();
        Ok(Box::new(all.into_iter()))
    }

    fn receivers(&self) -> Vec<String> {
        vec!["wh1".to_owned()]
    }

    fn status(&self) -> ServerStatus {
        ServerStatus { started: self.now(), node: "n1".to_owned() }
    }

    fn mapping(&self) -> Arc<Mapping> {
        Arc::new(Mapping::new("n1"))
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn unready(&self) -> Option<String> {
        None
    }
}

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

#[tokio::test]
async fn amtool_adds_queries_and_resolves_alerts() {
    let (clock, scope) = (Clock::system(), Scope::new());
    let server = HttpServer::bind("127.0.0.1:0".parse().unwrap(), ServerLimits::default()).await.unwrap();
    let address = server.local_addr();
    let intake = Arc::new(Memory { clock: clock.clone(), standing: Mutex::default() });
    scope.spawn("listener", server.serve(ingest::router(Arc::clone(&intake)), scope.clone()));

    let add = ["alert", "add", "DiskFull", "instance=db1:9100", "severity=critical", "--annotation=summary=Disk full"];
    let Some((is_done, said)) = amtool(address, &add).await else {
        eprintln!("amtool is not installed: nothing tested");
        return;
    };
    assert!(is_done, "{said}");
    let (is_done, said) = amtool(address, &["alert", "query", "severity=critical", "-o", "json"]).await.unwrap();
    assert!(is_done, "{said}");
    let shown: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(shown.pointer("/0/labels/instance").and_then(|v| v.as_str()), Some("db1:9100"));
    assert_eq!(shown.pointer("/0/annotations/summary").and_then(|v| v.as_str()), Some("Disk full"));
    assert_eq!(shown.pointer("/0/status/state").and_then(|v| v.as_str()), Some("active"));
    let (is_done, said) = amtool(address, &["alert", "query", "severity=~warn.*"]).await.unwrap();
    assert!(is_done && !said.contains("DiskFull"), "{said}");
    for arguments in [["config", "show"].as_slice(), &["cluster", "show"]] {
        let (is_done, said) = amtool(address, arguments).await.unwrap();
        assert!(is_done, "{arguments:?}: {said}");
    }
    let mut resolve = add.to_vec();
    resolve.extend(["--start=2020-01-01T00:00:00Z", "--end=2020-01-01T00:00:01Z"]);
    let (is_done, said) = amtool(address, &resolve).await.unwrap();
    assert!(is_done, "{said}");
    assert!(intake.standing.lock().unwrap().is_empty());
    assert_eq!(scope.drain(&clock, std::time::Duration::from_secs(20)).await, Ok(()));
}
