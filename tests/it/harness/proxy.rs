//! An HTTP proxy that wants user and password: CONNECT, and requests with the whole address in their first line.

use super::http::read_head;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A proxy; its threads end with the connections of the test.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts a proxy. `wants` is the value of `Proxy-Authorization`; names that end in `.test` are this machine.
    pub(crate) fn start(wants: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noting = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&noting);
                // Whatever ends a connection ends it for both sides.
                std::thread::spawn(move || serve(stream, wants, &seen).unwrap_or_default());
            }
        });
        Self { address, seen }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the first lines of the requests so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(mut client: TcpStream, wants: Option<&str>, seen: &Mutex<Vec<String>>) -> io::Result<()> {
    loop {
        let head = read_head(&mut client)?;
        let first = head.lines().next().unwrap_or_default().to_owned();
        seen.lock().unwrap().push(first.clone());
        let given = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("proxy-authorization").then(|| value.trim().to_owned())
        });
        let length: usize = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, value)| value.trim().parse().unwrap());
        let mut body = vec![0; length];
        client.read_exact(&mut body)?;
        if wants.is_some() && given.as_deref() != wants {
            client.write_all(
                b"HTTP/1.1 407 Who are you\r\nproxy-authenticate: Basic realm=\"p\"\r\ncontent-length: 0\r\n\r\n",
            )?;
            continue;
        }
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if method == "CONNECT" {
            return tunnel(client, target);
        }
        let rest = target.strip_prefix("http://").unwrap_or_default();
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut server = TcpStream::connect(here(host))?;
        let headers: String = head
            .lines()
            .skip(1)
            .filter(|line| !line.is_empty() && !line.to_ascii_lowercase().starts_with("proxy-"))
            .flat_map(|line| [line, "\r\n"])
            .collect();
        server.write_all(format!("{method} /{path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n").as_bytes())?;
        server.write_all(&body)?;
        io::copy(&mut server, &mut client)?;
        return client.shutdown(Shutdown::Both);
    }
}

fn tunnel(mut client: TcpStream, target: &str) -> io::Result<()> {
    let Ok(server) = TcpStream::connect(here(target)) else {
        return client.write_all(b"HTTP/1.1 502 Nobody there\r\ncontent-length: 0\r\n\r\n");
    };
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let (mut up, mut down) = ((client.try_clone()?, server.try_clone()?), (server, client));
    std::thread::spawn(move || {
        io::copy(&mut up.0, &mut up.1).unwrap_or_default();
        up.1.shutdown(Shutdown::Write).unwrap_or_default();
    });
    io::copy(&mut down.0, &mut down.1)?;
    down.1.shutdown(Shutdown::Write)
}

/// Returns where a target is: whatever its name, on this machine.
fn here(target: &str) -> SocketAddr {
    let port = target.rsplit_once(':').map_or(80, |(_, port)| port.parse().unwrap());
    SocketAddr::from(([127, 0, 0, 1], port))
}
