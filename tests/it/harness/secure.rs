//! TLS in front of a receiver: ends the encryption, counts handshakes and passes on what was said.

use super::http::HttpReceiver;
use super::pki::{Authority, Identity};
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// What became of the connections so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Handshakes {
    pub(crate) full: usize,
    pub(crate) resumed: usize,
    pub(crate) failed: usize,
    /// The names of clients that showed a certificate.
    pub(crate) clients: Vec<String>,
}

/// A front; it ends when it is dropped.
pub(crate) struct SecureFront {
    address: SocketAddr,
    seen: Arc<Mutex<Handshakes>>,
    _until: oneshot::Sender<()>,
}

/// What a front asks of clients.
pub(crate) enum Clients<'a> {
    Anybody,
    /// Must show a certificate of an authority.
    Of(&'a Authority),
}

impl SecureFront {
    /// Starts a front of a receiver.
    pub(crate) fn start(receiver: &HttpReceiver, identity: &Identity, clients: &Clients<'_>) -> Self {
        Self::over(receiver.address(), identity, clients)
    }

    /// Starts a front of whatever is at an address.
    pub(crate) fn over(behind: SocketAddr, identity: &Identity, clients: &Clients<'_>) -> Self {
        Self::build(behind, identity, clients, rustls::ALL_VERSIONS)
    }

    pub(crate) fn with_versions(
        receiver: &HttpReceiver,
        identity: &Identity,
        clients: &Clients<'_>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        Self::build(receiver.address(), identity, clients, versions)
    }

    fn build(
        behind: SocketAddr,
        identity: &Identity,
        clients: &Clients<'_>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions).unwrap();
        let builder = match clients {
            Clients::Anybody => builder.with_no_client_auth(),
            Clients::Of(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.certificate().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder.with_single_cert(vec![identity.certificate.clone()], identity.key()).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Handshakes::default()));
        let (noting, acceptor) = (Arc::clone(&seen), TlsAcceptor::from(Arc::new(config)));
        let (until, ending) = oneshot::channel::<()>();
        // A thread of its own, so that tests with and without a runtime use it alike.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let serving = serve(TcpListener::from_std(listener).unwrap(), acceptor, behind, noting);
                tokio::select! {
                    () = serving => {}
                    // The sender is dropped with the front.
                    _ = ending => {}
                }
            });
        });
        Self { address, seen, _until: until }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the address of a path on it, under a name.
    pub(crate) fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.port())
    }

    pub(crate) fn seen(&self) -> Handshakes {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, behind: SocketAddr, seen: Arc<Mutex<Handshakes>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        connections.spawn(async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                seen.lock().unwrap().failed += 1;
                return;
            };
            note(stream.get_ref().1, &mut seen.lock().unwrap());
            let mut inner = TcpStream::connect(behind).await.unwrap();
            // Either side may end it as it likes.
            copy_bidirectional(&mut stream, &mut inner).await.ok();
        });
    }
}

fn note(connection: &rustls::ServerConnection, seen: &mut Handshakes) {
    match connection.handshake_kind() {
        Some(HandshakeKind::Resumed) => seen.resumed += 1,
        _ => seen.full += 1,
    }
    if let Some(certificate) = connection.peer_certificates().and_then(|all| all.first()) {
        let certificate = annunciator::transport::material::Certificate::from_der(certificate.clone().into_owned());
        seen.clients.push(certificate.unwrap().subject);
    }
}
