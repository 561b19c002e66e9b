//! How fast alarms are taken durably over HTTP, one by one and in batches of 64, beside Alertmanager in the same run; and the memory of
//! 100,000 standing alarms.
//!
//! `cargo bench --bench ingest`. Alertmanager keeps alerts in memory only; it is measured when `prometheus-alertmanager` is
//! installed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark ends at the first surprise, prints what it measured, and needs the machine's clock"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Clients at once: what a handful of Prometheus servers and gateways keep open.
const CONNECTIONS: usize = 16;

/// Standing alarms whose memory is measured.
const STANDING: usize = 100_000;

/// Something that takes alerts; killed when dropped.
struct Server {
    name: &'static str,
    process: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn annunciator(folder: &Path) -> Server {
    std::fs::create_dir_all(folder).unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_annunciator"))
        .args(["run", "--http-listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.join("data"))
        .current_dir(folder)
        .env("RUST_LOG", "error")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit_once("http://").unwrap().1.parse().unwrap();
    Server { name: "annunciator (durable)", process, address }
}

fn alertmanager(folder: &Path) -> Option<Server> {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::File::create(folder.join("am.yml"))
        .unwrap()
        .write_all(b"route: {receiver: none}\nreceivers: [{name: none}]\n")
        .unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let process = Command::new("prometheus-alertmanager")
        .args(["--config.file=am.yml", "--storage.path=am", "--cluster.listen-address=", "--log.level=error"])
        .arg(format!("--web.listen-address={address}"))
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let server = Server { name: "alertmanager (memory)", process, address };
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "alertmanager does not start");
        std::thread::yield_now();
    }
    Some(server)
}

/// One keep-alive connection.
struct Connection {
    stream: TcpStream,
    answer: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let answer = BufReader::new(stream.try_clone().unwrap());
        Self { stream, answer }
    }

    fn post(&mut self, body: &str) {
        let request = format!(
            "POST /api/v2/alerts HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        let (mut line, mut length, mut status) = (String::new(), 0_usize, String::new());
        loop {
            line.clear();
            self.answer.read_line(&mut line).unwrap();
            if status.is_empty() {
                line.trim().clone_into(&mut status);
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut rest = vec![0; length];
        self.answer.read_exact(&mut rest).unwrap();
        assert!(status.contains(" 200 "), "{status}: {}", String::from_utf8_lossy(&rest));
    }
}

/// Alerts of their own: each is a new alarm.
fn body(first: usize, count: usize) -> String {
    let alerts: Vec<String> = (first..first + count)
        .map(|number| {
            format!(
                r#"{{"labels":{{"alertname":"Bench","instance":"host{number}","job":"bench","severity":"critical"}},"annotations":{{"summary":"It hurts"}},"endsAt":"2099-01-01T00:00:00Z"}}"#
            )
        })
        .collect();
    format!("[{}]", alerts.join(","))
}

/// Posts new alarms from all connections until so many are taken; returns alarms a second.
fn rate(server: &Server, batch: usize, until: usize) -> f64 {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    let taken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut connection = Connection::open(server.address);
                loop {
                    let first = next.fetch_add(batch, Ordering::Relaxed);
                    if first >= until {
                        return;
                    }
                    connection.post(&body(first, batch));
                    taken.fetch_add(batch, Ordering::Relaxed);
                }
            });
        }
    });
    #[allow(clippy::cast_precision_loss, reason = "some millions are exact")]
    let taken = taken.load(Ordering::Relaxed) as f64;
    taken / begun.elapsed().as_secs_f64()
}

fn resident_mib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn measure(start: impl Fn(&Path) -> Option<Server>, folder: &Path) {
    for batch in [1, 64] {
        let Some(server) = start(&folder.join(format!("rate-{batch}"))) else { return };
        // The list is bounded: no more than fit.
        let until = if batch == 1 { STANDING / 4 } else { STANDING - 64 };
        let rate = rate(&server, batch, until);
        println!("{:<24} batches of {batch:<3} {rate:>10.0} alarms/s", server.name);
    }
    let Some(server) = start(&folder.join("memory")) else { return };
    let idle = resident_mib(&server);
    rate(&server, 64, STANDING - 64);
    println!("{:<24} {STANDING} standing   {:>10} MiB (idle {idle} MiB)", server.name, resident_mib(&server));
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    measure(|folder| Some(annunciator(folder)), &folder.path().join("annunciator"));
    measure(alertmanager, &folder.path().join("alertmanager"));
}
