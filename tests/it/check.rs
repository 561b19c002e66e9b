//! `annunciator check`: configuration files without an element.

use crate::harness::element::Home;
use crate::harness::pki::{Authority, EXPIRED, VALID};

const CLIENT: &str = "facilities {\n    http {\n        client c1 {\n            http-basic-authn {\n                \
                      username ann;\n                password \"planted s3cret\";\n            }\n        }\n    }\n}\n";

#[test]
fn sound_files_are_told_one_by_one() {
    let home = Home::with(&[
        ("a.conf", CLIENT),
        ("more/b.json", "{}"),
        ("more/c.set", "set system http-server port 8010\n"),
        ("more/README", "not a configuration"),
    ]);
    let checked = home.annunciator(&["check", "a.conf", "more"], "");
    assert_eq!(checked.stdout, "a.conf: ok\nmore/b.json: ok\nmore/c.set: ok\n");
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));
    assert!(!home.data().exists());
}

#[test]
fn files_are_checked_together_and_each_fault_names_its_file() {
    let home = Home::with(&[
        ("a.yaml", "system:\n  revisions-kept: 0\n"),
        ("b.set", "set system http-server port none\n"),
        ("c.json", "{\"system\": {\"http-sever\": {}}}\n"),
    ]);
    let checked = home.annunciator(&["check", "a.yaml", "b.set", "c.json", "absent.yaml"], "");
    // A file that cannot be read is told before any is.
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(2), ""), "{}", checked.stderr);
    assert!(checked.stderr.contains("cannot read `absent.yaml`: No such file"), "{}", checked.stderr);
    let checked = home.annunciator(&["check", "a.yaml", "b.set", "c.json"], "");
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(2), ""), "{}", checked.stderr);
    for place in ["--> a.yaml:2:19", "--> b.set:1:29", "--> c.json:1:13", "3 errors", "did you mean `http-server`?"] {
        assert!(checked.stderr.contains(place), "{place}\n{}", checked.stderr);
    }
}

#[test]
fn a_sealed_secret_is_opened_with_the_key_of_a_data_folder() {
    let home = Home::with(&[("a.conf", CLIENT)]);
    let element = home.start(&["--config", "a.conf"]);
    home.write("shown.conf", &home.told(&["show configuration"]));
    element.stop();
    let checked = home.annunciator(&["check", "--data-dir", "data", "shown.conf"], "");
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));
    let without_key = home.annunciator(&["check", "shown.conf"], "");
    assert_eq!(without_key.code, Some(2), "{}", without_key.stderr);
    assert!(without_key.stderr.contains("--> shown.conf:"), "{}", without_key.stderr);
    assert!(without_key.stderr.contains("hint: "), "{}", without_key.stderr);
    let no_folder = home.annunciator(&["check", "--data-dir", "absent", "shown.conf"], "");
    assert_eq!(no_folder.code, Some(1), "{}", no_folder.stderr);
}

#[test]
fn a_fault_in_a_secret_does_not_quote_it() {
    let long = "planted".repeat(200);
    for (file, text) in [
        ("a.conf", CLIENT.replace("planted s3cret", &long)),
        ("a.set", format!("set facilities http client c1 http-basic-authn username ann password {long}\n")),
        (
            "a.yaml",
            format!(
                "facilities: {{http: {{client: [{{id: c, http-basic-authn: {{username: u, password: {long}}}}}]}}}}\n"
            ),
        ),
    ] {
        let home = Home::with(&[(file, text.as_str())]);
        let checked = home.annunciator(&["check", file], "");
        assert_eq!(checked.code, Some(2), "{}", checked.stderr);
        assert!(checked.stderr.contains("the secret does not fit its type"), "{}", checked.stderr);
        assert!(!checked.stderr.contains("plantedplanted"), "{file}: {}", checked.stderr);
    }
}

#[test]
fn a_command_line_that_is_not_understood_is_usage() {
    let home = Home::new();
    for arguments in [&["check"][..], &["chek"], &["run", "--http-listen", "here"], &["shell", "-c", "x", "-f", "y"]] {
        let finished = home.annunciator(arguments, "");
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(64), ""), "{arguments:?}");
        assert!(finished.stderr.contains("error: "), "{}", finished.stderr);
    }
    let help = home.annunciator(&["--help"], "");
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for verb in ["run", "shell", "check", "demo"] {
        assert!(help.stdout.contains(&format!("\n  {verb} ")), "{}", help.stdout);
    }
}

/// A keystore in braces, its certificate and key in files of the home.
fn keystore_in_files(home: &Home, id: &str) -> String {
    let path = |name: &str| home.path().join(name).display().to_string();
    format!(
        "facilities {{ crypto {{ ssl {{ client-keystores {{ client-keystore {id} {{\n\
         certificate-chain-file {};\nprivate-key-file {};\n}} }} }} }} }}\n",
        path("chain.pem"),
        path("key.pem")
    )
}

#[test]
fn certificates_and_keys_are_read_and_matched_as_a_start_does() {
    let ours = Authority::new("Ours");
    let (one, other, old) = (ours.client("one", VALID), ours.client("other", VALID), ours.client("old", EXPIRED));
    let home = Home::new();
    home.write("a.conf", &keystore_in_files(&home, "panel"));
    let place = "--> a.conf:1:";
    let path = "client-keystore[id='panel']";
    // Files that are not there.
    let checked = home.annunciator(&["check", "a.conf"], "");
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(2), ""), "{}", checked.stderr);
    for said in ["chain.pem` cannot be read", "key.pem` cannot be read", place] {
        assert!(checked.stderr.contains(said), "{said}: {}", checked.stderr);
    }
    home.write("chain.pem", &one.certificate_pem);
    home.write("key.pem", &other.key_pem);
    let checked = home.annunciator(&["check", "a.conf"], "");
    assert_eq!(checked.code, Some(2), "{}", checked.stderr);
    assert!(checked.stderr.contains("the key is not that of the certificate `CN=one`"), "{}", checked.stderr);
    assert!(checked.stderr.contains(place) || checked.stderr.contains(path), "{}", checked.stderr);
    // A start refuses the same before it creates anything.
    let started = home.run_to_end(&["--config", "a.conf"]);
    assert_eq!(started.code, Some(2), "{}", started.stderr);
    assert!(started.stderr.contains("the key is not that of the certificate"), "{}", started.stderr);
    assert!(!home.data().exists());
    home.write("key.pem", &one.key_pem);
    let checked = home.annunciator(&["check", "a.conf"], "");
    assert_eq!((checked.code, checked.stdout.as_str(), checked.stderr.as_str()), (Some(0), "a.conf: ok\n", ""));
    home.write("chain.pem", &old.certificate_pem);
    home.write("key.pem", &old.key_pem);
    let checked = home.annunciator(&["check", "a.conf"], "");
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(0), "a.conf: ok\n"), "{}", checked.stderr);
    assert!(checked.stderr.contains("the certificate `CN=old` has expired"), "{}", checked.stderr);
}
