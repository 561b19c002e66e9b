//! `environments environment alarms alarm-handlers alarm-handler`.

use super::reader::Reader;
use crate::alarm::UnknownSeverity;
use crate::delivery::{DeliverySpec, Filter, HandlerSpec, RateLimit, SuspendAfter};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::handler::webhook::WebhookSpec;
use crate::handler::{Kind, NotifierSpec, WebService};
use crate::retry::Schedule;
use crate::secret::{Sealer, Secret};
use crate::tree::{DataPath, NodeRef, Value};
use std::collections::BTreeSet;
use std::time::Duration;

/// Reads an alarm handler.
///
/// # Errors
/// What cannot be read, each with its path.
pub fn handler(node: NodeRef<'_>, path: &DataPath, sealer: &dyn Sealer) -> Result<HandlerSpec, Diagnostics> {
    let mut reader = Reader::new(node, path);
    let id = reader.mandatory_text("id");
    let description = reader.text("description");
    let is_enabled = reader.boolean("enabled");
    let notify = super::alarm_control::notify(&mut reader, "");
    let reminder_interval = reader.value("reminder-interval").and_then(Value::as_u64).map(Duration::from_secs);
    let notifier = notifier(&mut reader, sealer);
    let filter = filter(&mut reader);
    let delivery = delivery(&mut reader);
    let read = (|| {
        Some(HandlerSpec {
            id: id?,
            description,
            is_enabled: is_enabled?,
            notify: notify?,
            reminder_interval,
            notifier: notifier?,
            filter: filter?,
            delivery: delivery?,
        })
    })();
    reader.finish(read)
}

fn notifier(reader: &mut Reader<'_, '_>, sealer: &dyn Sealer) -> Option<NotifierSpec> {
    let Some(kind) = Kind::ALL.into_iter().find(|kind| reader.has(kind.as_str())) else {
        let kinds = Kind::ALL.map(|kind| format!("`{kind}`")).join(", ");
        reader.report("", Diagnostic::error(format!("the alarm handler has no notifier: expected {kinds}")));
        return None;
    };
    match kind {
        Kind::Webhook => {
            let web_service = web_service(reader, "webhook-notifier/web-service");
            let message_format = reader.parsed("webhook-notifier/message-format");
            let signing_secrets = reader.secrets("webhook-notifier/signing-secret", sealer).ok();
            let headers = headers(reader, sealer);
            Some(NotifierSpec::Webhook(WebhookSpec {
                web_service: web_service?,
                message_format: message_format?,
                signing_secrets: signing_secrets?,
                headers: headers?,
            }))
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

fn headers(reader: &mut Reader<'_, '_>, sealer: &dyn Sealer) -> Option<Vec<(String, Secret)>> {
    let mut headers = Vec::new();
    let mut is_whole = true;
    reader.each("webhook-notifier/header", |entry| {
        let name = entry.mandatory_text("name");
        match (name, entry.secret("value", sealer)) {
            (Some(name), Ok(Some(value))) => headers.push((name, value)),
            (Some(_), Ok(None)) => is_whole &= entry.mandatory_text("value").is_some(),
            _ => is_whole = false,
        }
    });
    is_whole.then_some(headers)
}

fn filter(reader: &mut Reader<'_, '_>) -> Option<Filter> {
    let mut severities = BTreeSet::new();
    for name in reader.texts("filter/severities") {
        match name.parse() {
            Ok(severity) => drop(severities.insert(severity)),
            Err(error) => {
                let error: UnknownSeverity = error;
                reader.report("filter/severities", Diagnostic::error(error.to_string()));
                return None;
            }
        }
    }
    Some(Filter {
        severities,
        alarm_types: reader.texts("filter/alarm-types").into_iter().collect(),
        resource_types: reader.texts("filter/resource-types").into_iter().collect(),
        resources: reader.texts("filter/resources").into_iter().collect(),
        nodes: reader.texts("filter/nodes").into_iter().collect(),
        projects: reader.texts("filter/projects").into_iter().collect(),
        ..Filter::default()
    })
}

fn delivery(reader: &mut Reader<'_, '_>) -> Option<DeliverySpec> {
    let order = reader.parsed("delivery/order");
    let attempt_timeout = reader.seconds("delivery/attempt-timeout");
    let retries = Schedule::new(reader.seconds_list("delivery/retry-intervals"));
    let retry_for = reader.seconds("delivery/retry-for");
    let max_in_flight = reader.number("delivery/max-in-flight");
    let rate_limit = reader.has("delivery/rate-limit").then(|| rate_limit(reader));
    let failures = reader.number("delivery/suspend-after/failures");
    let period = reader.seconds("delivery/suspend-after/period");
    let fallback = reader.text("delivery/fallback-handler");
    let sends_standing = reader.boolean("delivery/send-standing");
    Some(DeliverySpec {
        order: order?,
        attempt_timeout: attempt_timeout?,
        retries,
        retry_for: retry_for?,
        max_in_flight: max_in_flight?,
        rate_limit: match rate_limit {
            None => None,
            Some(read) => Some(read?),
        },
        suspend_after: SuspendAfter { failures: failures?, period: period? },
        fallback,
        sends_standing: sends_standing?,
    })
}

fn rate_limit(reader: &mut Reader<'_, '_>) -> Option<RateLimit> {
    let messages = reader.number("delivery/rate-limit/messages");
    let per = reader.seconds("delivery/rate-limit/per");
    Some(RateLimit { messages: messages?, per: per? })
}
