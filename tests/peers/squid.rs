//! A real squid that wants a user: CONNECT for TLS targets, plain requests, and other credentials.

use super::has;
use crate::clients::{client, commit, handler, raise, trust, wait_for_deliveries};
use crate::harness::element::Home;
use crate::harness::http::HttpReceiver;
use crate::harness::pki::{Authority, VALID};
use crate::harness::process::Process;
use crate::harness::secure::{Clients, SecureFront};
use std::fs::{Permissions, set_permissions};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;

fn start_squid(home: &Home, address: SocketAddr) -> Process {
    // Its helper runs as another user.
    set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
    home.write(
        "users.sh",
        "while read -r user password; do\n[ \"$user $password\" = 'panel geheim' ] && echo OK || echo ERR\ndone\n",
    );
    let users = home.path().join("users.sh");
    set_permissions(&users, Permissions::from_mode(0o644)).unwrap();
    home.write(
        "squid.conf",
        &format!(
            "http_port {address}\npid_filename none\naccess_log none\ncache_store_log none\ncache_log /dev/null\ncache deny all\n\
             netdb_filename none\npinger_enable off\nshutdown_lifetime 0 seconds\ncoredump_dir none\n\
             auth_param basic program /bin/sh {}\nauth_param basic children 1\nauth_param basic realm lab\n\
             acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n",
            users.display()
        ),
    );
    let conf = home.path().join("squid.conf").display().to_string();
    let mut squid = Process::start_program("squid", &["-N", "-d", "1", "-f", &conf], home.path());
    squid.wait_for_line("Accepting HTTP Socket connections");
    squid
}

#[test]
fn squid_lets_the_element_through_by_its_user_to_http_and_https() {
    if !has("squid") {
        return;
    }
    let proxy = TcpListener::bind(("127.77.2.1", 0)).unwrap().local_addr().unwrap();
    let ours = Authority::new("Ours");
    let receiver = HttpReceiver::start();
    let front = SecureFront::start(&receiver, &ours.server(&["localhost"], VALID), &Clients::Anybody);
    let home = Home::new();
    let squid = start_squid(&home, proxy);
    let element = home.start(&[]);
    let through = |id: &str, scheme: &str, password: &str| {
        let (ip, port) = (proxy.ip(), proxy.port());
        [
            client(id, &format!("scheme {scheme} tls use-truststore true")),
            client(id, &format!("proxy scheme http hostname {ip} port {port} username panel password {password}")),
        ]
    };
    let mut lines = vec![trust(&ours)];
    lines.extend(through("plain", "http", "geheim"));
    lines.extend(through("secure", "https", "geheim"));
    lines.extend(through("intruder", "https", "falsch"));
    lines.extend(through("plain-intruder", "http", "falsch"));
    lines.push(handler("h1", "localhost", receiver.address().port(), "plain"));
    lines.push(handler("h2", "localhost", front.port(), "secure"));
    commit(&home, &lines);
    raise(&home, "db1");
    wait_for_deliveries(&home, "h1", 1);
    wait_for_deliveries(&home, "h2", 1);
    let shows = receiver.requests().iter().any(|request| request.header("proxy-authorization").is_some());
    assert!(!shows, "the server is not told the user of the proxy");
    let tried = |id: &str, url: &str| {
        let finished = home.shell(&[&format!("request facilities http client {id} test url {url}")]);
        format!("{}{}", finished.stdout, finished.stderr)
    };
    let said = tried("intruder", &format!("https://localhost:{}/", front.port()));
    assert!(said.contains("proxy tunnel failed: proxy-authentication"), "{said}");
    let said = tried("plain-intruder", &receiver.url("/"));
    assert!(said.contains("request failed: proxy-authentication"), "{said}");
    // Nobody listens on port 1 of the server: squid says so in place of it.
    let said = tried("secure", "https://localhost:1/");
    assert!(said.contains("proxy tunnel failed: proxy-refused"), "{said}");
    element.stop();
    squid.crash();
}
