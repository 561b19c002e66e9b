//! The product's modules before other YANG compilers, and its shipped configuration before another validator.

use super::{Judged, ask};
use annunciator::codec::{JsonLayout, write_json};
use annunciator::daemon::{builtin_plan, discover, load};
use annunciator::persist;
use annunciator::secret::KeyRing;
use annunciator::tree::DataPath;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schema")
}

fn modules() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "yang")).collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

/// Gives a peer a flag with the folder of the modules, other flags, and all modules.
fn ask_about_modules(program: &str, flags: &[&str]) -> Option<Judged> {
    let mut arguments: Vec<PathBuf> = flags.iter().map(PathBuf::from).collect();
    arguments.extend(["-p".into(), folder()]);
    arguments.extend(modules());
    ask(program, &arguments)
}

/// A peer that starts and cannot work (an interpreter's shim without its interpreter) is as good as none.
fn works(program: &str) -> bool {
    match ask(program, &["--version"]) {
        None => false,
        Some(Judged { accepts: true, .. }) => true,
        Some(judged) => {
            eprintln!("skipped: `{program}` does not run: {}", judged.said.trim_end());
            false
        }
    }
}

#[test]
fn pyang_accepts_every_module_strictly() {
    if works("pyang") {
        let judged = ask_about_modules("pyang", &["--strict"]).unwrap();
        assert!(judged.accepts && judged.said.is_empty(), "{}", judged.said);
    }
}

#[test]
fn pyang_finds_the_modules_documented_as_the_ietf_asks() {
    if works("pyang") {
        // `--ietf` would also ask for the names and namespaces of the IETF's own documents.
        let judged = ask_about_modules("pyang", &["--lint", "--max-line-length", "120"]).unwrap();
        assert!(judged.accepts, "{}", judged.said);
    }
}

#[test]
fn yanglint_accepts_every_module() {
    if works("yanglint") {
        let judged = ask_about_modules("yanglint", &[]).unwrap();
        assert!(judged.accepts && judged.said.is_empty(), "{}", judged.said);
    }
}

#[test]
fn the_peers_refuse_what_is_wrong() {
    // Otherwise their word would be worth nothing.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.yang");
    let text = "module wrong { yang-version 1.1; namespace 'urn:w'; prefix w; leaf a { type nothing; } }\n";
    persist::write_atomically(&file, text.as_bytes(), 0o600).unwrap();
    for program in ["pyang", "yanglint"] {
        if works(program) {
            let judged = ask(program, &[&file]).unwrap();
            assert!(!judged.accepts, "{program}: {}", judged.said);
        }
    }
}

/// Data that both must accept or both refuse; what is accepted is written again by us and judged once more.
const DATA: [(&str, bool); 12] = [
    ("{}", true),
    (r#"{"annunciator-system:system": {"http-server": {"address": "::1", "port": 65535}, "revisions-kept": 1}}"#, true),
    (r#"{"annunciator-system:system": {"http-server": {"port": 65536}}}"#, false),
    (r#"{"annunciator-system:system": {"http-server": {"port": 0}}}"#, false),
    (r#"{"annunciator-system:system": {"http-sever": {}}}"#, false),
    (r#"{"annunciator-system:system": {"http-server": {"address": "not an address"}}}"#, false),
    (
        r#"{"annunciator-facilities:facilities": {"http": {"client": [{"id": "a"}, {"id": "b c", "scheme": "http"}]}}}"#,
        true,
    ),
    (r#"{"annunciator-facilities:facilities": {"http": {"client": [{"id": "a"}, {"id": "a"}]}}}"#, false),
    (r#"{"annunciator-facilities:facilities": {"http": {"client": [{"id": " a"}]}}}"#, false),
    (r#"{"annunciator-facilities:facilities": {"http": {"client": [{"id": "a", "http-basic-authn": {}}]}}}"#, false),
    (
        r#"{"annunciator-environments:environments": {"environment": {"alarms": {"alarm-handlers": {"alarm-handler":
        [{"id": "a"}]}}}}}"#,
        false,
    ),
    (
        r#"{"annunciator-environments:environments": {"environment": {"base-url": "https://a.example/x", "alarms":
        {"alarm-handlers": {"alarm-handler": [{"id": "a", "webhook-notifier": {"web-service":
        {"hostname": "h", "port": 1, "http-client": "none"}}}]}}}}}"#,
        false,
    ),
];

/// Loads a file as a start does and writes it as JSON; `None` when it is refused.
fn loaded(file: &Path) -> Option<String> {
    let plan = builtin_plan().unwrap();
    let found = discover(&[file.to_owned()]);
    let keys = KeyRing::ephemeral().unwrap();
    let (tree, _) = load(found.all(&plan, &keys).unwrap(), &plan, &keys).ok()?;
    let mut text = String::new();
    write_json(&mut text, &tree, &DataPath::ROOT, JsonLayout::Indented(2)).unwrap();
    Some(text)
}

fn yanglint_on(data: &Path) -> Judged {
    let mut arguments: Vec<PathBuf> = ["-t", "config", "-p"].iter().map(PathBuf::from).collect();
    arguments.push(folder());
    arguments.extend(modules());
    arguments.push(data.to_owned());
    ask("yanglint", &arguments).unwrap()
}

#[test]
fn yanglint_and_we_accept_and_refuse_the_same_data() {
    if !works("yanglint") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        persist::write_atomically(&file, text.as_bytes(), 0o600).unwrap();
        file
    };
    for (text, is_valid) in DATA {
        let file = write("given.json", text);
        let (ours, theirs) = (loaded(&file), yanglint_on(&file));
        assert_eq!((ours.is_some(), theirs.accepts), (is_valid, is_valid), "{text}\n{}", theirs.said);
        if let Some(written) = ours {
            let again = yanglint_on(&write("written.json", &written));
            assert!(again.accepts, "{written}\n{}", again.said);
        }
    }
}

#[test]
fn yanglint_accepts_the_shipped_configuration_as_we_write_it() {
    if works("yanglint") {
        let written = loaded(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config/annunciator.yaml")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shipped.json");
        persist::write_atomically(&file, written.as_bytes(), 0o600).unwrap();
        let judged = yanglint_on(&file);
        assert!(judged.accepts, "{}", judged.said);
    }
}
