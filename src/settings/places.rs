//! Where in the schema the parts of the element have their configuration.

use crate::yang::{SchemaId, SchemaTree};

/// The schema nodes that parts of the element follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// The list of HTTP clients.
    pub http_client: SchemaId,
    /// The list of keystores.
    pub client_keystore: SchemaId,
    /// The truststore.
    pub server_truststore: SchemaId,
    /// The list of trusted certificates.
    pub server_certificate: SchemaId,
    /// When the end of a certificate is an alarm.
    pub certificate_alarms: SchemaId,
    /// The list of alarm handlers.
    pub alarm_handler: SchemaId,
    /// The HTTP server.
    pub http_server: SchemaId,
    /// The address of the HTTP server.
    pub http_server_address: SchemaId,
    /// The port of the HTTP server.
    pub http_server_port: SchemaId,
    /// The environment.
    pub environment: SchemaId,
    /// The alarms, and what controls them.
    pub alarms: SchemaId,
    /// The configured alarm types.
    pub alarm_types: SchemaId,
    /// The list of resources that are not configured here.
    pub resource: SchemaId,
    /// How alarms of other systems are taken.
    pub ingest: SchemaId,
}

impl Places {
    /// Looks them up; `None` where the schema is not that of the product.
    #[must_use]
    pub fn of(schema: &SchemaTree) -> Option<Self> {
        Some(Self {
            http_client: schema.find(["facilities", "http", "client"])?,
            client_keystore: schema.find(["facilities", "crypto", "ssl", "client-keystores", "client-keystore"])?,
            server_truststore: schema.find(["facilities", "crypto", "ssl", "server-truststore"])?,
            server_certificate: schema.find([
                "facilities",
                "crypto",
                "ssl",
                "server-truststore",
                "server-certificate",
            ])?,
            certificate_alarms: schema.find(["facilities", "crypto", "certificate-alarms"])?,
            alarm_handler: schema.find(["environments", "environment", "alarms", "alarm-handlers", "alarm-handler"])?,
            http_server: schema.find(["system", "http-server"])?,
            http_server_address: schema.find(["system", "http-server", "address"])?,
            http_server_port: schema.find(["system", "http-server", "port"])?,
            environment: schema.find(["environments", "environment"])?,
            alarms: schema.find(["alarms"])?,
            alarm_types: schema.find(["environments", "environment", "alarms", "alarm-types"])?,
            resource: schema.find(["environments", "environment", "alarms", "resources", "resource"])?,
            ingest: schema.find(["environments", "environment", "alarms", "ingest"])?,
        })
    }
}
