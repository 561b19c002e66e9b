//! `environments environment alarms alarm-handlers alarm-handler`.

use super::reader::Reader;
use crate::delivery::{DeliverySpec, HandlerSpec};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::handler::webhook::WebhookSpec;
use crate::handler::{Kind, NotifierSpec, WebService};
use crate::retry::Schedule;
use crate::tree::{DataPath, NodeRef, Value};
use std::time::Duration;

/// Reads an alarm handler.
///
/// # Errors
/// What cannot be read, each with its path.
pub fn handler(node: NodeRef<'_>, path: &DataPath) -> Result<HandlerSpec, Diagnostics> {
    let mut reader = Reader::new(node, path);
    let id = reader.mandatory_text("id");
    let description = reader.text("description");
    let is_enabled = reader.boolean("enabled");
    let notify = super::alarm_control::notify(&mut reader, "");
    let reminder_interval = reader.value("reminder-interval").and_then(Value::as_u64).map(Duration::from_secs);
    let notifier = notifier(&mut reader);
    let delivery = delivery(&mut reader);
    let read = (|| {
        Some(HandlerSpec {
            id: id?,
            description,
            is_enabled: is_enabled?,
            notify: notify?,
            reminder_interval,
            notifier: notifier?,
            delivery: delivery?,
        })
    })();
    reader.finish(read)
}

fn notifier(reader: &mut Reader<'_, '_>) -> Option<NotifierSpec> {
    let Some(kind) = Kind::ALL.into_iter().find(|kind| reader.has(kind.as_str())) else {
        let kinds = Kind::ALL.map(|kind| format!("`{kind}`")).join(", ");
        reader.report("", Diagnostic::error(format!("the alarm handler has no notifier: expected {kinds}")));
        return None;
    };
    match kind {
        Kind::Webhook => {
            let web_service = web_service(reader, "webhook-notifier/web-service");
            let message_format = reader.parsed("webhook-notifier/message-format");
            Some(NotifierSpec::Webhook(WebhookSpec { web_service: web_service?, message_format: message_format? }))
        }
    }
}

fn web_service(reader: &mut Reader<'_, '_>, container: &str) -> Option<WebService> {
    let hostname = reader.mandatory_text(&format!("{container}/hostname"));
    let port = reader.number(&format!("{container}/port"));
    let context = reader.mandatory_text(&format!("{container}/context"));
    let http_client = reader.mandatory_text(&format!("{container}/http-client"));
    Some(WebService { hostname: hostname?, port: port?, context: context?, http_client: http_client? })
}

fn delivery(reader: &mut Reader<'_, '_>) -> Option<DeliverySpec> {
    let attempt_timeout = reader.seconds("delivery/attempt-timeout");
    let retries = Schedule::new(reader.seconds_list("delivery/retry-intervals"));
    let retry_for = reader.seconds("delivery/retry-for");
    let max_in_flight = reader.number("delivery/max-in-flight");
    Some(DeliverySpec {
        attempt_timeout: attempt_timeout?,
        retries,
        retry_for: retry_for?,
        max_in_flight: max_in_flight?,
    })
}
