//! Starting from files: what is loaded, what is refused and where, and what later starts make of them.

use crate::harness::element::Home;
use crate::harness::process::Finished;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

const SHIPPED: &str = include_str!("../../config/annunciator.yaml");

const YAML: &str = "\
environments:
  environment:
    name: lab
    node-id: lab1
facilities:
  http:
    client:
      - id: c1
        scheme: http
      - id: c 2
";

const JSON: &str = r#"{
  "annunciator-environments:environments": {"environment": {"name": "lab", "node-id": "lab1"}},
  "facilities": {"http": {"client": [{"id": "c1", "scheme": "http"}, {"id": "c 2"}]}}
}"#;

const CURLY: &str = "\
# A comment.
environments {
    environment {
        name    lab;
        node-id lab1;
    }
}
facilities {
    http {
        client c1 {
            scheme http;
        }
        client \"c 2\";
    }
}
";

const SET: &str = "\
# A comment.
set environments environment name lab node-id lab1
set facilities http client c1 scheme http
set facilities http client \"c 2\"
";

/// What each of the four says.
const LOADED: &str = "\
set environments environment name lab
set environments environment node-id lab1
set facilities http client \"c 2\"
set facilities http client c1 scheme http
";

/// The same five faults: a misspelt name, a port out of range, a port that is missing, a client that does not exist, and
/// an entry or leaf that makes no sense. What marks the place of each comes first, with what is said there.
struct Faulty {
    file: &'static str,
    text: &'static str,
    faults: [(&'static str, &'static str); 5],
}

const MISSPELT: &str = "`web-servce` is not an element of `webhook-notifier`";
const OUT_OF_RANGE: &str = "`port`: `70000`: a port is a number from 1 to 65535";
const MISSING: &str = "`port` is mandatory in `web-service` and is not configured";
const DANGLING: &str = "`http-client` refers to client `nope`, which does not exist";
const TWICE: &str = "the entry `id` = `wh2` is given twice";
const NO_MEMBER: &str = "`message-format`: `flatt` is not a valid value";

const FAULTY: [Faulty; 4] = [
    Faulty {
        file: "faulty.yaml",
        text: "\
environments:
  environment:
    alarms:
      alarm-handlers:
        alarm-handler:
          - id: wh1
            webhook-notifier:
              web-servce:
                hostname: example.com
              web-service:
                hostname: example.com
                port: 70000
                http-client: nope
          - id: wh2
            webhook-notifier:
              web-service: {hostname: example.net, http-client: c1}
          - id: wh2
            enabled: false
facilities:
  http:
    client:
      - id: c1
",
        faults: [
            ("web-servce", MISSPELT),
            ("70000", OUT_OF_RANGE),
            ("id: wh2\n            enabled", TWICE),
            ("nope", DANGLING),
            ("web-service: {hostname: example.net", MISSING),
        ],
    },
    Faulty {
        file: "faulty.json",
        text: r#"{
  "environments": {"environment": {"alarms": {"alarm-handlers": {"alarm-handler": [
    {"id": "wh1", "webhook-notifier": {
      "web-servce": {"hostname": "example.com"},
      "web-service": {"hostname": "example.com", "port": 70000, "http-client": "nope"}}},
    {"id": "wh2", "webhook-notifier": {
      "web-service": {"hostname": "example.net", "http-client": "c1"}}},
    {"id": "wh2", "enabled": false}
  ]}}}},
  "facilities": {"http": {"client": [{"id": "c1"}]}}
}
"#,
        faults: [
            ("\"web-servce\"", MISSPELT),
            ("70000", OUT_OF_RANGE),
            ("{\"id\": \"wh2\", \"enabled\"", TWICE),
            ("\"nope\"", DANGLING),
            ("\"web-service\": {\"hostname\": \"example.net\"", MISSING),
        ],
    },
    Faulty {
        file: "faulty.conf",
        text: "\
environments {
    environment {
        alarms {
            alarm-handlers {
                alarm-handler wh1 {
                    webhook-notifier {
                        web-servce {
                            hostname example.com;
                        }
                        web-service {
                            hostname    example.com;
                            port        70000;
                            http-client nope;
                        }
                        message-format flatt;
                    }
                }
                alarm-handler wh2 {
                    webhook-notifier {
                        web-service { hostname example.net; http-client c1; }
                    }
                }
            }
        }
    }
}
facilities {
    http {
        client c1;
    }
}
",
        faults: [
            ("web-servce", MISSPELT),
            ("70000", OUT_OF_RANGE),
            ("flatt", NO_MEMBER),
            ("nope", DANGLING),
            ("web-service { hostname example.net", MISSING),
        ],
    },
    Faulty {
        file: "faulty.set",
        text: "\
set environments environment alarms alarm-handlers alarm-handler wh1 webhook-notifier web-servce hostname example.com
set environments environment alarms alarm-handlers alarm-handler wh1 webhook-notifier web-service hostname example.com
set environments environment alarms alarm-handlers alarm-handler wh1 webhook-notifier web-service port 70000
set environments environment alarms alarm-handlers alarm-handler wh1 webhook-notifier web-service http-client nope
set environments environment alarms alarm-handlers alarm-handler wh1 webhook-notifier message-format flatt
set environments environment alarms alarm-handlers alarm-handler wh2 webhook-notifier web-service http-client c1 hostname h
set facilities http client c1
",
        faults: [
            ("web-servce", MISSPELT),
            ("70000", OUT_OF_RANGE),
            ("flatt", NO_MEMBER),
            ("nope", DANGLING),
            ("web-service http-client c1", MISSING),
        ],
    },
];

impl Faulty {
    /// Returns the place of the n-th fault as a diagnostic writes it.
    fn place(&self, mark: &str) -> String {
        let before = &self.text[..self.text.find(mark).unwrap()];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        format!("  --> {}:{line}:{column}\n", self.file)
    }

    /// Checks that a check tells each fault at its place, with its data path, and nothing else.
    fn is_told_by_check(&self, finished: &Finished) {
        let told: Vec<&str> = finished.stderr.split("\n\n").filter(|told| told.starts_with("error: ")).collect();
        self.is_told(&told, finished);
        assert!(finished.stderr.ends_with("\n\n5 errors\n"), "{}", finished.stderr);
    }

    /// Checks the same of a start, which tells them in its log.
    fn is_told_by_run(&self, finished: &Finished) {
        let blocks = log_blocks(&finished.stderr);
        let (last, told) = blocks.split_last().unwrap();
        assert!(last.ends_with(" ERROR the start is refused: 5 errors"), "{last}");
        assert!(told.iter().all(|block| block[27..].starts_with(" ERROR ")), "{}", finished.stderr);
        self.is_told(&told.iter().map(String::as_str).collect::<Vec<_>>(), finished);
    }

    fn is_told(&self, told: &[&str], finished: &Finished) {
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{}", finished.stderr);
        assert_eq!(told.len(), self.faults.len(), "{}", finished.stderr);
        for (mark, said) in self.faults {
            let place = self.place(mark);
            let about = told.iter().find(|told| told.contains(&place));
            let about = about.unwrap_or_else(|| panic!("nothing is said at{place}{}", finished.stderr));
            assert!(about.contains(said), "{said}\n{about}");
            assert!(about.contains("\n  path: /annunciator-environments:environments/environment/alarms/"), "{about}");
        }
        for hint in ["did you mean `web-service`?", "hint: set `port`", "or refer to one that exists"] {
            assert!(finished.stderr.contains(hint), "{hint}\n{}", finished.stderr);
        }
    }
}

/// Splits a log in text into its events, each of which begins with its time.
fn log_blocks(stderr: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    for line in stderr.lines() {
        let is_time = line.len() > 27 && line.as_bytes().get(26) == Some(&b'Z') && line.starts_with("20");
        match blocks.last_mut() {
            Some(block) if !is_time => *block += &format!("\n{line}"),
            _ => {
                assert!(is_time, "no time in front of {line}");
                blocks.push(line.to_owned());
            }
        }
    }
    blocks
}

#[test]
fn every_notation_loads_into_an_empty_store() {
    for (file, text) in [("a.yaml", YAML), ("a.yml", YAML), ("a.json", JSON), ("a.conf", CURLY), ("a.set", SET)] {
        let home = Home::with(&[(file, text)]);
        let element = home.start(&["--config", file]);
        assert_eq!((element.revision(), home.running().as_str()), (1, LOADED), "{file}");
        assert!(element.ready().starts_with("annunciator ready: node lab1, revision 1, shell "), "{}", element.ready());
        let finished = element.stop();
        assert_eq!(finished.stdout.lines().count(), 1, "{}", finished.stdout);
    }
}

#[test]
fn a_folder_of_files_is_merged_in_name_order() {
    let home = Home::with(&[
        ("config/10.yaml", "environments: {environment: {name: first}}\nfacilities: {http: {client: [{id: c1}]}}\n"),
        ("config/20.set", "set environments environment name second\nset system revisions-kept 7\n"),
        ("config/30.conf", "system { revisions-kept 9; }\n"),
        ("config/notes.txt", "not a configuration"),
        ("config/.hidden.yaml", "not: a configuration"),
    ]);
    // `config/` is where files are looked for when none is named.
    let _element = home.start(&[]);
    let merged =
        "set environments environment name second\nset facilities http client c1\nset system revisions-kept 9\n";
    assert_eq!(home.running(), merged);
}

#[test]
fn files_that_refer_to_each_other_are_one_configuration() {
    let handler = "set environments environment alarms alarm-handlers alarm-handler wh1 webhook-notifier web-service \
                   hostname h port 1 http-client c1\n";
    let home = Home::with(&[("a.set", handler), ("b.yaml", "facilities: {http: {client: [{id: c1}]}}\n")]);
    let element = home.start(&["--config", "a.set", "--config", "b.yaml"]);
    assert_eq!(element.revision(), 1);
    drop(element);
    let alone = Home::with(&[("a.set", handler)]).run_to_end(&["--config", "a.set"]);
    assert_eq!(alone.code, Some(2), "{}", alone.stderr);
    assert!(alone.stderr.contains("`http-client` refers to client `c1`, which does not exist"), "{}", alone.stderr);
}

#[test]
fn every_fault_of_a_file_is_told_at_its_place_and_the_store_is_untouched() {
    for faulty in &FAULTY {
        let home = Home::with(&[(faulty.file, faulty.text), ("good.yaml", YAML)]);
        faulty.is_told_by_run(&home.run_to_end(&["--config", faulty.file]));
        let element = home.start(&["--config", "good.yaml"]);
        assert_eq!((element.revision(), home.running().as_str()), (1, LOADED), "after {}", faulty.file);
    }
}

#[test]
fn check_says_the_same_as_a_start() {
    for faulty in &FAULTY {
        let home = Home::with(&[(faulty.file, faulty.text)]);
        faulty.is_told_by_check(&home.annunciator(&["check", faulty.file], ""));
        assert!(!home.data().exists(), "a check leaves nothing behind");
    }
}

#[test]
fn what_is_no_configuration_is_refused() {
    let home = Home::with(&[("a.toml", ""), ("broken.json", "{\"system\": "), ("tab.yaml", "system:\n\tx: 1\n")]);
    for (file, said) in [
        ("a.toml", "`a.toml` has no extension of a known notation\nhint: known are .yaml"),
        (
            "absent.yaml",
            "cannot read `absent.yaml`: No such file or directory (os error 2)\nhint: name a configuration file",
        ),
        ("absent", "cannot read `absent`: No such file"),
        ("broken.json", "  --> broken.json:1:"),
        ("tab.yaml", "  --> tab.yaml:2:"),
    ] {
        let finished = home.run_to_end(&["--config", file]);
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{file}: {}", finished.stderr);
        assert!(finished.stderr.contains(said), "{file}: {}", finished.stderr);
    }
}

#[test]
fn a_later_start_uses_what_is_stored_and_warns_of_a_changed_file() {
    let home = Home::with(&[("a.yaml", YAML)]);
    home.start(&["--config", "a.yaml"]).stop();
    let unchanged = home.start(&["--config", "a.yaml"]).stop();
    assert!(!unchanged.stderr.contains("WARN"), "{}", unchanged.stderr);
    home.write("a.yaml", "environments: {environment: {name: changed}}\n");
    let element = home.start(&["--config", "a.yaml"]);
    assert_eq!((element.revision(), home.running().as_str()), (1, LOADED));
    let said = element.stop().stderr;
    assert!(said.contains("  WARN the configuration file `a.yaml` has changed since"), "{said}");
    assert!(said.contains("hint: the stored configuration is used; `--config-override`"), "{said}");
    // A file that could not be loaded any more does not keep the element from starting, either.
    home.write("a.yaml", FAULTY[0].text);
    assert_eq!(home.start(&["--config", "a.yaml"]).revision(), 1);
}

#[test]
fn an_override_loads_the_files_as_one_commit() {
    let home = Home::with(&[("a.yaml", YAML)]);
    home.start(&["--config", "a.yaml"]).stop();
    home.write("a.yaml", "environments: {environment: {name: changed}}\n");
    let arguments = ["--config", "a.yaml", "--config-override"];
    let element = home.start(&arguments);
    assert_eq!((element.revision(), home.running().as_str()), (2, "set environments environment name changed\n"));
    element.stop();
    // The same files once more change nothing, and are no commit.
    let element = home.start(&arguments);
    assert_eq!(element.revision(), 2);
    let before = "set environments environment name lab";
    assert!(home.told(&["configure", "rollback 1", "show | display set", "rollback"]).contains(before));
    element.stop();
    home.write("a.yaml", FAULTY[0].text);
    let refused = home.run_to_end(&arguments);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let element = home.start(&[]);
    assert_eq!((element.revision(), home.running().as_str()), (2, "set environments environment name changed\n"));
}

#[test]
fn the_shipped_configuration_starts_and_checks() {
    let home = Home::with(&[("config/annunciator.yaml", SHIPPED)]);
    let checked = home.annunciator(&["check", "config"], "");
    assert_eq!(
        (checked.code, checked.stdout.as_str(), checked.stderr.as_str()),
        (Some(0), "config/annunciator.yaml: ok\n", "")
    );
    let element = home.start(&[]);
    assert_eq!(element.revision(), 1);
    let finished = element.stop();
    assert!(!finished.stderr.contains("WARN") && !finished.stderr.contains("ERROR"), "{}", finished.stderr);
}

#[test]
fn two_elements_do_not_share_a_data_folder() {
    let home = Home::new();
    let element = home.start(&[]);
    let second = home.run_to_end(&[]);
    assert_eq!((second.code, second.stdout.as_str()), (Some(1), ""), "{}", second.stderr);
    let owner = format!("is in use by another element, process {}:", element.process.id());
    assert!(second.stderr.contains(&owner), "{}", second.stderr);
    assert_eq!(home.running(), "");
}

#[test]
fn an_address_that_cannot_be_had_is_refused_where_it_is_said_and_nothing_is_created() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let file = format!("system:\n  http-server:\n    address: 127.0.0.1\n    port: {port}\n");
    let home =
        Home::with(&[("a.yaml", file.as_str()), ("b.yaml", "system:\n  http-server:\n    address: 192.0.2.1\n")]);
    for (arguments, place) in [
        (&["run", "--config", "a.yaml"][..], "\n  --> a.yaml:4:11\n"),
        (&["run", "--config", "b.yaml"], "\n  --> b.yaml:3:14\n"),
        (&["run", "--http-listen", &format!("127.0.0.1:{port}")], "(`--http-listen`): address in use\n"),
        (&["run", "--config", "a.yaml", "--http-listen", &format!("127.0.0.1:{port}")], "(`--http-listen`)"),
    ] {
        let refused = home.annunciator(arguments, "");
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("cannot listen on") && refused.stderr.contains(place), "{}", refused.stderr);
        assert!(!home.data().exists(), "{arguments:?}");
    }
    // A later start, too, leaves what is stored alone.
    home.start(&["--config", "b.yaml"]).stop();
    let before = std::fs::read(home.data().join("journal.db")).unwrap();
    let listen = format!("127.0.0.1:{port}");
    let refused = home.annunciator(&["run", "--config", "a.yaml", "--config-override", "--http-listen", &listen], "");
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(before == std::fs::read(home.data().join("journal.db")).unwrap(), "the journal was changed");
}

#[test]
fn a_socket_that_cannot_be_had_is_refused_and_nothing_is_created() {
    let home = Home::with(&[("a.yaml", YAML), ("taken", "precious")]);
    let long = "x".repeat(120);
    for (socket, said) in [
        (
            long.as_str(),
            "has 120 bytes, and the system allows 107\nhint: give `run` and `shell` a shorter one with `--socket`",
        ),
        ("taken", "`taken` exists and is no socket\nhint: move it away, or name another socket with `--socket`"),
        ("absent/run/s", "there is no folder `absent`\nhint: create that one first"),
    ] {
        let refused = home.run_to_end(&["--config", "a.yaml", "--socket", socket]);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{}", refused.stderr);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
        assert!(!home.data().exists(), "{socket}");
    }
    let unreachable = home.annunciator(&["shell", "--socket", &long, "-c", "help"], "");
    assert_eq!(unreachable.code, Some(1));
    assert!(unreachable.stderr.contains("has 120 bytes, and the system allows 107\nhint: "), "{}", unreachable.stderr);
    assert_eq!(home.start(&["--config", "a.yaml"]).revision(), 1);
}

#[test]
fn only_the_last_folder_of_a_path_is_created_and_it_is_said() {
    let home = Home::new();
    let refused = home.run_to_end(&["--data-dir", "deep/down/data"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("`deep/down/data`: there is no folder `deep/down`"), "{}", refused.stderr);
    assert!(!home.path().join("deep").exists());
    let said = home.start(&["--socket", "run/s"]).stop().stderr;
    for created in ["created the folder `data` for", "created the folder `run` for the shell's socket, mode 0700"] {
        assert!(said.contains(created), "{created}\n{said}");
    }
    for folder in ["data", "run"] {
        assert_eq!(home.path().join(folder).metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn a_named_file_that_is_gone_is_a_warning_once_there_is_something_stored() {
    let home = Home::with(&[("a.yaml", YAML), ("more/b.set", SET)]);
    let gone = ["--config", "a.yaml", "--config", "more"];
    home.start(&gone).stop();
    std::fs::remove_file(home.path().join("a.yaml")).unwrap();
    std::fs::remove_dir_all(home.path().join("more")).unwrap();
    let element = home.start(&gone);
    assert_eq!((element.revision(), home.running().as_str()), (1, LOADED));
    let said = element.stop().stderr;
    for name in ["a.yaml", "more"] {
        let warning = format!(
            "  WARN cannot read `{name}`: No such file or directory (os error 2)\nhint: the stored configuration is used\n"
        );
        assert!(said.contains(&warning), "{said}");
    }
    assert_eq!(said.matches(" WARN ").count(), 2, "{said}");
    let refused = home.run_to_end(&["--config", "a.yaml", "--config-override"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("ERROR cannot read `a.yaml`"), "{}", refused.stderr);
}

#[test]
fn a_start_without_any_configuration_says_so() {
    let home = Home::new();
    let said = home.start(&[]).stop().stderr;
    assert!(said.contains("  WARN there is no folder `config/` here: "), "{said}");
    assert!(said.contains("\nhint: name files with `--config`, or configure"), "{said}");
    home.write("config/README", "not a configuration");
    let said = home.start(&[]).stop().stderr;
    assert!(said.contains("  WARN there is no configuration file in `config/`: "), "{said}");
    let element = home.start(&[]);
    home.commit(&["set environments environment name lab"]);
    element.stop();
    let said = home.start(&[]).stop().stderr;
    assert!(!said.contains(" WARN "), "{said}");
}

#[test]
fn the_log_is_of_one_form_throughout() {
    let faulty = &FAULTY[0];
    let home = Home::with(&[(faulty.file, faulty.text), ("a.yaml", YAML)]);
    let json = ["--log-format", "json", "--config"];
    let refused = home.run_to_end(&[&json[..], &[faulty.file]].concat());
    let objects = json_lines(&refused.stderr);
    assert_eq!(objects.len(), 6, "{}", refused.stderr);
    let misspelt = objects.iter().find(|o| o["message"] == MISSPELT).unwrap();
    let expected = [
        ("level", serde_json::json!("ERROR")),
        ("file", faulty.file.into()),
        ("line", 8.into()),
        ("column", 15.into()),
        ("hint", "did you mean `web-service`?".into()),
    ];
    for (name, value) in expected {
        assert_eq!(misspelt[name], value, "{misspelt}");
    }
    assert!(misspelt["path"].as_str().unwrap().ends_with("alarm-handler[id='wh1']/webhook-notifier"), "{misspelt}");
    home.start(&[&json[..], &["a.yaml"]].concat()).stop();
    home.write("a.yaml", "{}");
    let said = home.start(&[&json[..], &["a.yaml"]].concat()).stop().stderr;
    let warning = json_lines(&said).into_iter().find(|object| object["level"] == "WARN").unwrap();
    assert!(
        warning["message"].as_str().unwrap().starts_with("the configuration file `a.yaml` has changed"),
        "{warning}"
    );
    log_blocks(&home.start(&["--config", "a.yaml"]).stop().stderr);
}

fn json_lines(text: &str) -> Vec<serde_json::Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let objects: Vec<serde_json::Value> = text.lines().map(parse).collect();
    assert!(objects.iter().all(|o| o["timestamp"].is_string() && o["level"].is_string() && o["message"].is_string()));
    objects
}
