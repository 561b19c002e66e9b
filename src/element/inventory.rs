//! What there is to tell of the certificates and clients in use.

use super::certificate_alarms::{CLIENT_KEYSTORE, SERVER_CERTIFICATE};
use super::clients::HttpClients;
use super::crypto::Crypto;
use super::handlers::Handlers;
use super::impact::entry_named;
use crate::alarm::HTTP_CLIENT;
use crate::diagnostic::Diagnostics;
use crate::settings::Places;
use crate::transport::Url;
use crate::transport::material::Certificate;
use crate::tree::{DataTree, Value};
use std::collections::BTreeSet;

/// A keystore, or an entry of the truststore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CryptoEntry {
    /// Its kind: the name of the list that it is in.
    pub kind: &'static str,
    /// Its name.
    pub id: String,
    /// Its certificates; of a keystore the own one first.
    pub certificates: Vec<Certificate>,
    /// Why it cannot be used.
    pub fault: Option<String>,
    /// Who uses it, by kind and name.
    pub used_by: BTreeSet<(&'static str, String)>,
}

/// Returns the keystores and the entries of the truststore, with who uses them.
pub(super) fn inventory(
    running: &DataTree,
    places: &Places,
    crypto: &Crypto,
    clients: &HttpClients,
) -> Vec<CryptoEntry> {
    let mut all = Vec::new();
    let keystores = crypto.keystores.all().into_iter().map(|(id, loaded)| (id, loaded.keystore.chain.clone(), None));
    let failed = crypto.keystores.failed().into_iter().map(|(id, why)| (id, Vec::new(), Some(said(&why))));
    for (id, certificates, fault) in keystores.chain(failed) {
        let used_by = users(running, places, &id);
        all.push(CryptoEntry { kind: CLIENT_KEYSTORE, id, certificates, fault, used_by });
    }
    let trusting: BTreeSet<(&'static str, String)> = clients
        .all()
        .into_iter()
        .filter(|(_, client)| client.spec().uses_truststore())
        .map(|(id, _)| (HTTP_CLIENT, id))
        .collect();
    let trusted = crypto.trusted.all().into_iter().map(|(id, entry)| (id, entry.certificates.clone(), None));
    let failed = crypto.trusted.failed().into_iter().map(|(id, why)| (id, Vec::new(), Some(said(&why))));
    for (id, certificates, fault) in trusted.chain(failed) {
        let used_by = trusting.clone();
        all.push(CryptoEntry { kind: SERVER_CERTIFICATE, id, certificates, fault, used_by });
    }
    all.sort_by(|one, other| (one.kind, &one.id).cmp(&(other.kind, &other.id)));
    all
}

fn said(why: &Diagnostics) -> String {
    why.iter().filter(|d| d.is_error()).map(|d| d.message.clone()).collect::<Vec<_>>().join("; ")
}

/// Returns who refers to a keystore.
fn users(running: &DataTree, places: &Places, keystore: &str) -> BTreeSet<(&'static str, String)> {
    let schema = running.schema();
    let mut users = BTreeSet::new();
    let Some([key]) = schema.node(places.client_keystore).as_list().map(|list| &list.keys[..]) else { return users };
    if entry_named(schema, places.client_keystore, keystore).is_none() {
        return users;
    }
    for referrer in running.references().to(*key, &Value::Text(keystore.into())) {
        if schema.ancestry(referrer.schema_id()).contains(&places.http_client) {
            let entry = referrer.ancestor(schema, places.http_client);
            users.extend(super::registry::entry_name(&entry).map(|id| (HTTP_CLIENT, id)));
        }
    }
    users
}

/// Returns the addresses that handlers reach through a client.
pub(super) fn targets(client: &str, clients: &HttpClients, handlers: &Handlers) -> Vec<Url> {
    let Some(own) = clients.get(client) else { return Vec::new() };
    let mut found = BTreeSet::new();
    for (_, handler) in handlers.all() {
        let service = handler.spec.notifier.web_service().filter(|service| service.http_client == client);
        if let Some(url) = service.and_then(|s| own.address(&s.hostname, s.port, &s.context).ok()) {
            found.insert(url);
        }
    }
    found.into_iter().collect()
}
