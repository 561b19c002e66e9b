//! `facilities http client`.

use super::reader::Reader;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::secret::Sealer;
use crate::transport::{Authentication, HttpClientSpec, Scheme};
use crate::tree::{DataPath, NodeRef};

/// Reads an HTTP client.
///
/// # Errors
/// What cannot be read, each with its path: a secret of another key, mostly.
pub fn http_client(node: NodeRef<'_>, path: &DataPath, sealer: &dyn Sealer) -> Result<HttpClientSpec, Diagnostics> {
    let mut reader = Reader::new(node, path);
    let id = reader.mandatory_text("id");
    let scheme = scheme(&mut reader);
    let connect_timeout = reader.timeout("connect-timeout");
    let socket_timeout = reader.timeout("socket-timeout");
    let authentication = authentication(&mut reader, sealer);
    let read = (|| {
        Some(HttpClientSpec {
            id: id?,
            scheme: scheme?,
            connect_timeout: connect_timeout?.limit(),
            socket_timeout: socket_timeout?.limit(),
            authentication: authentication?,
        })
    })();
    reader.finish(read)
}

fn scheme(reader: &mut Reader<'_, '_>) -> Option<Scheme> {
    let text = reader.mandatory_text("scheme")?;
    let found = [Scheme::Http, Scheme::Https].into_iter().find(|scheme| scheme.as_str() == text);
    if found.is_none() {
        reader.report("scheme", Diagnostic::error(format!("`{text}` is not a scheme: expected `http` or `https`")));
    }
    found
}

fn authentication(reader: &mut Reader<'_, '_>, sealer: &dyn Sealer) -> Option<Authentication> {
    if !reader.has("http-basic-authn") {
        return Some(Authentication::None);
    }
    let username = reader.mandatory_text("http-basic-authn/username");
    let password = reader.secret("http-basic-authn/password", sealer).ok();
    Some(Authentication::Basic { username: username?, password: password? })
}
