//! A real nginx that wants client certificates, over HTTP/2, reached directly and through a real tinyproxy that wants a user.

use super::has;
use crate::clients::{client, commit, handler, keystore, raise, trust, wait_for_alarms, wait_for_deliveries};
use crate::harness::element::Home;
use crate::harness::pki::{Authority, VALID};
use crate::harness::process::Process;
use std::net::{SocketAddr, TcpListener};

/// Returns a free address that no other test asks for: each has a network of its own on the loopback interface.
fn address(own: &str) -> SocketAddr {
    TcpListener::bind((own, 0)).unwrap().local_addr().unwrap()
}

/// Starts nginx in a home that has its certificates; what it is asked for it notes in `access.log`.
fn start_nginx(home: &Home, address: SocketAddr) -> Process {
    home.write(
        "nginx.conf",
        &format!(
            "daemon off; master_process off; error_log stderr notice; pid nginx.pid; events {{}}\n\
             http {{\n\
             log_format seen '$ssl_client_verify $ssl_client_s_dn $server_protocol $ssl_protocol $request_method $status $ssl_session_reused';\n\
             access_log access.log seen;\n\
             client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n\
             server {{ listen {address} ssl http2; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate server.pem; ssl_certificate_key server.key;\n\
             ssl_client_certificate ca.pem; ssl_verify_client on; location / {{ return 204; }} }} }}\n"
        ),
    );
    let folder = home.path().display().to_string();
    let mut nginx = Process::start_program("nginx", &["-p", &folder, "-c", "nginx.conf"], home.path());
    // Said once the socket is open; without workers there is one process to end.
    nginx.wait_for_line("getrlimit");
    nginx
}

fn start_tinyproxy(home: &Home, address: SocketAddr) -> Process {
    let (ip, port) = (address.ip(), address.port());
    home.write(
        "tinyproxy.conf",
        &format!("Port {port}\nListen {ip}\nTimeout 60\nMaxClients 20\nLogLevel Info\nBasicAuth panel geheim\n"),
    );
    let mut proxy = Process::start_program("tinyproxy", &["-d", "-c", "tinyproxy.conf"], home.path());
    proxy.wait_for_line("Accepting connections");
    proxy
}

fn seen(home: &Home) -> Vec<String> {
    let log = std::fs::read_to_string(home.path().join("access.log")).unwrap();
    log.lines().map(str::to_owned).collect()
}

#[test]
fn nginx_knows_the_element_by_its_certificate_and_tinyproxy_by_its_user() {
    if !has("nginx") || !has("tinyproxy") {
        return;
    }
    let ours = Authority::new("Ours");
    let (server, proxy) = (address("127.77.1.1"), address("127.77.1.2"));
    let identity = ours.server(&[&server.ip().to_string()], VALID);
    let home = Home::with(&[
        ("ca.pem", ours.pem()),
        ("server.pem", &identity.certificate_pem),
        ("server.key", &identity.key_pem),
    ]);
    let nginx = start_nginx(&home, server);
    let tinyproxy = start_tinyproxy(&home, proxy);
    let element = home.start(&[]);
    let host = server.ip().to_string();
    let tls = "tls use-truststore true client-keystore panel";
    let through = |id: &str, password: &str| {
        let (ip, port) = (proxy.ip(), proxy.port());
        client(id, &format!("proxy scheme http hostname {ip} port {port} username panel password {password}"))
    };
    commit(
        &home,
        &[
            trust(&ours),
            keystore("panel", &ours.client("panel", VALID)),
            client("direct", tls),
            client("proxied", tls),
            through("proxied", "geheim"),
            client("intruder", tls),
            through("intruder", "falsch"),
            client("nameless", "tls use-truststore true"),
            handler("h1", &host, server.port(), "direct"),
            handler("h2", &host, server.port(), "proxied"),
        ],
    );
    raise(&home, "db1");
    wait_for_deliveries(&home, "h1", 1);
    wait_for_deliveries(&home, "h2", 1);
    let lines = seen(&home);
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in lines {
        assert_eq!(line, "SUCCESS CN=panel HTTP/2.0 TLSv1.3 POST 204 .", "{line}");
    }
    let url = format!("https://{server}/");
    let tried = |id: &str| {
        let finished = home.shell(&[&format!("request facilities http client {id} test url {url}")]);
        (finished.code, format!("{}{}", finished.stdout, finished.stderr))
    };
    let (code, said) = tried("proxied");
    assert!(code == Some(0) && said.contains("h2") && said.contains("proxy tunnel  ok"), "{said}");
    let (_, said) = tried("intruder");
    assert!(said.contains("proxy tunnel failed: proxy-authentication"), "{said}");
    // nginx lets the handshake pass and refuses the request: what waits is kept, whatever a 400 is elsewhere.
    let (code, said) = tried("nameless");
    assert!(code == Some(2) && said.contains("authentication-refused: the server answers 400"), "{said}");
    commit(&home, &[handler("h3", &host, server.port(), "nameless")]);
    raise(&home, "db2");
    let told = wait_for_alarms(&home, |said| said.contains("handler-suspended"));
    assert!(told.contains("failed-authentication"), "{told}");
    let kept = home.told(&["show deliveries handler h3"]);
    assert!(kept.contains("authentication-refused") && !kept.contains("dead"), "{kept}");
    element.stop();
    nginx.crash();
    tinyproxy.crash();
}
