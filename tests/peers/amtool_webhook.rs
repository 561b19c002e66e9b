//! Alertmanager's client `amtool` against the real element, down to the webhook.

use super::{ask, has};
use crate::harness::element::Home;
use crate::harness::http::HttpReceiver;

#[test]
fn what_amtool_adds_stands_and_is_delivered_and_what_it_resolves_is_cleared() {
    if !has("amtool") {
        return;
    }
    let home = Home::new();
    let element = home.start(&[]);
    let receiver = HttpReceiver::start();
    configure_handler(&home, &receiver);
    let url = format!("--alertmanager.url=http://{}", element.http());
    let amtool = |arguments: &[&str]| {
        let judged = ask("amtool", &[&[url.as_str()], arguments].concat()).unwrap();
        assert!(judged.accepts, "{arguments:?}: {}", judged.said);
        judged.said
    };
    let add = ["alert", "add", "DiskFull", "instance=db1:9100", "severity=critical", "--annotation=summary=Disk full"];
    amtool(&add);
    let raised = bodies(&receiver, 1).remove(0);
    assert_eq!((&raised["alarm_type"], &raised["resource_id"]), (&"DiskFull".into(), &"db1:9100".into()));
    assert_eq!((&raised["severity"], &raised["cleared"]), (&"critical".into(), &"false".into()));
    let shown = home.told(&["show alarms"]);
    assert!(shown.contains("DiskFull") && shown.contains("db1:9100"), "{shown}");
    let queried: serde_json::Value =
        serde_json::from_str(amtool(&["alert", "query", "severity=critical", "-o", "json"]).lines().next().unwrap())
            .unwrap();
    assert_eq!(queried[0]["labels"]["instance"], "db1:9100");
    assert_eq!(queried[0]["annotations"]["summary"], "Disk full");
    assert_eq!(queried[0]["receivers"][0]["name"], "wh1");
    assert!(!amtool(&["alert", "query", "severity=~warn.*"]).contains("DiskFull"));
    amtool(&[&add[..], &["--start=2020-01-01T00:00:00Z", "--end=2020-01-01T00:00:01Z"]].concat());
    let cleared = bodies(&receiver, 2).remove(1);
    assert_eq!((&cleared["alarm_id"], &cleared["cleared"]), (&raised["alarm_id"], &"true".into()));
    assert!(!amtool(&["alert", "query"]).contains("DiskFull"));
    assert!(!home.told(&["show alarms"]).contains("DiskFull"));
    element.stop();
    assert_eq!(receiver.requests().len(), 2);
}

/// Configures a handler that posts flat messages to a receiver; the element runs.
fn configure_handler(home: &Home, receiver: &HttpReceiver) {
    let handler = "set environments environment alarms alarm-handlers alarm-handler wh1 webhook-notifier";
    let port = receiver.address().port();
    home.commit(&[
        "set facilities http client plain scheme http",
        &format!("{handler} web-service hostname 127.0.0.1 port {port} http-client plain"),
        &format!("{handler} message-format flat"),
    ]);
}

/// Returns the bodies of the requests so far, as JSON.
fn bodies(receiver: &HttpReceiver, count: usize) -> Vec<serde_json::Value> {
    receiver.wait_for(count).iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
}
