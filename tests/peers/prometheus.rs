//! A real Prometheus: its rules fire and resolve, the alarm is raised and cleared, and a webhook tells of both.

use super::has;
use crate::harness::element::Home;
use crate::harness::process::Process;
use nix::sys::signal::Signal;

fn rules(expression: &str) -> String {
    format!(
        "groups:\n- name: g\n  interval: 1s\n  rules:\n  - alert: DiskFull\n    expr: {expression}\n    labels:\n      \
         instance: db1\n      severity: critical\n    annotations:\n      summary: the disk is full\n"
    )
}

#[test]
fn a_prometheus_rule_raises_and_clears_an_alarm() {
    if !has("prometheus") {
        return;
    }
    let home = Home::new();
    let mut receiver = Process::start(&["receive", "--listen", "127.0.0.1:0"], home.path());
    let listening = receiver.wait_for_line_beginning("annunciator receive: listening on");
    let port = listening.trim().rsplit(':').next().unwrap().to_owned();
    home.write(
        "a.set",
        &format!(
            "set facilities http client c scheme http\n\
             set environments environment alarms alarm-handlers alarm-handler wh webhook-notifier web-service hostname 127.0.0.1 port {port} http-client c\n"
        ),
    );
    let element = home.start(&["--config", "a.set"]);
    home.write("rules.yml", &rules("vector(1)"));
    home.write(
        "prometheus.yml",
        &format!(
            "global:\n  evaluation_interval: 1s\nrule_files: [rules.yml]\nalerting:\n  alertmanagers:\n  - static_configs:\n    - targets: ['{}']\n",
            element.http()
        ),
    );
    let arguments = [
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=tsdb",
        "--web.listen-address=127.0.0.1:0",
        "--rules.alert.resend-delay=1s",
        "--log.level=warn",
    ];
    let prometheus = Process::start_program("prometheus", &arguments, home.path());
    let raised = receiver.wait_for_line("  raised ");
    assert!(raised.contains("critical") && raised.contains("DiskFull") && raised.contains("db1"), "{raised}");
    assert!(home.told(&["show alarms"]).contains("the disk is full"));

    home.write("rules.yml", &rules("vector(0) > 0"));
    prometheus.signal(Signal::SIGHUP);
    let cleared = receiver.wait_for_line("  cleared ");
    assert!(cleared.contains("DiskFull"), "{cleared}");
    prometheus.crash();
    element.stop();
    receiver.crash();
}
