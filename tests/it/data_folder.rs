//! What a start makes of a data folder that is not whole: lost, foreign and exposed files; and what a clean stop leaves.

use crate::harness::element::Home;
use crate::harness::http::{Answer, HttpReceiver};
use std::os::unix::fs::PermissionsExt;

const CLIENT: &str = "set facilities http client c1 http-basic-authn username ann password s3cret";

fn remove(home: &Home, name: &str) {
    for name in [name.to_owned(), format!("{name}-wal"), format!("{name}-shm")] {
        let removed = std::fs::remove_file(home.data().join(&name));
        assert!(removed.is_ok() || name.contains('-'), "{name}");
    }
}

#[test]
fn a_lost_key_refuses_to_start_until_it_is_given_up() {
    let home = Home::new();
    let element = home.start(&[]);
    home.commit(&[CLIENT]);
    element.stop();
    let key = home.data().join("secret.key");
    let aside = home.path().join("secret.key");
    std::fs::rename(&key, &aside).unwrap();
    let refused = home.run_to_end(&[]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{}", refused.stderr);
    for said in
        ["the key file `data/secret.key` is missing", "client[id='c1']/http-basic-authn/password", "`--new-key`"]
    {
        assert!(refused.stderr.contains(said), "{said}\n{}", refused.stderr);
    }
    assert!(!key.exists());
    // Put back, all is as it was.
    std::fs::rename(&aside, &key).unwrap();
    home.start(&[]).stop();
    std::fs::remove_file(&key).unwrap();
    let element = home.start(&["--new-key"]);
    assert_eq!(element.revision(), 1);
    let said = home.shell(&["configure", "set facilities http client c1 http-basic-authn password other", "commit"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "Commit complete.\n"), "{}", said.stderr);
    let said = element.stop().stderr;
    assert!(
        said.contains("the secret cannot be opened") && said.contains("hint: set it again in clear text"),
        "{said}"
    );
    let said = home.start(&[]).stop().stderr;
    assert!(!said.contains("cannot be opened"), "{said}");
}

#[test]
fn a_lost_key_that_nothing_needs_is_made_anew() {
    let home = Home::new();
    let element = home.start(&[]);
    home.commit(&["set environments environment name lab"]);
    element.stop();
    remove(&home, "secret.key");
    assert_eq!(home.start(&[]).revision(), 1);
}

#[test]
fn a_lost_database_is_said_loudly() {
    let home = Home::new();
    let element = home.start(&[]);
    home.commit(&["set environments environment name lab"]);
    element.stop();
    remove(&home, "records.db");
    let said = home.start(&[]).stop().stderr;
    assert!(said.contains("  WARN `data/records.db` is missing, and `journal.db` is there"), "{said}");
    remove(&home, "journal.db");
    let element = home.start(&[]);
    assert_eq!(element.revision(), 0);
    let said = element.stop().stderr;
    assert!(said.contains("  WARN `data/journal.db` is missing, and `records.db` is there"), "{said}");
    assert!(said.contains("\nhint: if it is not meant to be: stop, and put it back from a backup"), "{said}");
    let whole = home.start(&[]).stop().stderr;
    assert!(!whole.contains("is missing"), "{whole}");
}

#[test]
fn a_file_that_is_not_the_stores_is_left_as_it_is() {
    for (name, statements) in [
        ("journal.db", "CREATE TABLE accounts (name TEXT); INSERT INTO accounts VALUES ('ann')"),
        ("records.db", "PRAGMA application_id = 7"),
        ("journal.db", "PRAGMA user_version = 1; CREATE TABLE journal (x)"),
    ] {
        let home = Home::with(&[("data/keep", "")]);
        let path = home.data().join(name);
        rusqlite::Connection::open(&path).unwrap().execute_batch(statements).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        let before = std::fs::read(&path).unwrap();
        let refused = home.run_to_end(&[]);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert!(refused.stderr.contains("of an annunciator"), "{}", refused.stderr);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
        assert!(before == std::fs::read(&path).unwrap());
        assert!(!home.data().join("secret.key").exists());
    }
    let home = Home::with(&[("data/journal.db", "a text, and long enough to be looked at: no database at all.")]);
    let refused = home.run_to_end(&[]);
    assert!(refused.stderr.contains("is not the journal of an annunciator (it is no SQLite"), "{}", refused.stderr);
    // The two files put in each other's place are noticed, too.
    let home = Home::new();
    home.start(&[]).stop();
    let (journal, records) = (home.data().join("journal.db"), home.data().join("records.db"));
    for (from, to) in [(&journal, &home.path().join("x")), (&records, &journal), (&home.path().join("x"), &records)] {
        std::fs::rename(from, to).unwrap();
    }
    assert_eq!(home.run_to_end(&[]).code, Some(1));
}

const RAISE: &str = "request alarms raise resource-type database resource db1 alarm-type full severity major text full";

#[test]
fn damaged_records_are_set_aside_and_what_stands_comes_from_the_journal() {
    for size in [100, 10_000, 40_000] {
        let (home, receiver) = (Home::new(), HttpReceiver::start());
        receiver.always(Answer::status(200));
        let told = |what: &'static [&str]| {
            receiver.wait_until("an alarm", |all| {
                all.iter().any(|request| what.iter().all(|word| request.text().contains(word)))
            });
        };
        let element = home.start(&[]);
        let port = receiver.address().port();
        home.commit(&[
            "set facilities http client c scheme http",
            &format!("set environments environment alarms alarm-handlers alarm-handler h webhook-notifier web-service hostname 127.0.0.1 port {port} http-client c"),
        ]);
        home.told(&[RAISE]);
        told(&["db1"]);
        element.stop();
        let path = home.data().join("records.db");
        let before = std::fs::read(&path).unwrap();
        // Half of it, or as long as before and nonsense from there on.
        let mut spoilt = before[..before.len().min(size)].to_vec();
        if size > 100 {
            spoilt.resize(before.len(), 0xa5);
            spoilt[4096..].fill(0xa5);
        }
        annunciator::persist::write_atomically(&path, &spoilt, 0o600).unwrap();
        let element = home.start(&[]);
        assert_eq!(element.revision(), 1);
        told(&["storage-damaged", "\"cleared\":false"]);
        let alarms = home.told(&["show alarms detail"]);
        assert!(alarms.contains("db1") && alarms.contains("Set aside: `records.db.damaged-"), "{alarms}");
        let aside = std::fs::read_dir(home.data()).unwrap().map(|entry| entry.unwrap().path());
        let aside = aside.filter(|path| path.to_string_lossy().contains("damaged-")).collect::<Vec<_>>();
        assert!(aside.iter().any(|path| std::fs::read(path).unwrap() == spoilt), "{aside:?}");
        for path in aside {
            std::fs::remove_file(path).unwrap();
        }
        told(&["storage-damaged", "\"cleared\":true"]);
        home.commit(&["set environments environment name lab2"]);
        let said = element.stop().stderr;
        assert!(said.contains("ERROR the file is damaged: it was set aside and is begun anew"), "{said}");
        let element = home.start(&[]);
        assert!(home.told(&["show alarms"]).contains("db1"));
        assert!(!element.stop().stderr.contains("damaged"));
    }
}

#[test]
fn a_damaged_journal_is_refused_with_its_name_and_what_to_do_and_left_as_it_is() {
    for size in [60, 6000] {
        let home = Home::new();
        let element = home.start(&[]);
        home.told(&[RAISE]);
        element.stop();
        let path = home.data().join("journal.db");
        let mut spoilt = std::fs::read(&path).unwrap();
        spoilt.truncate(size);
        annunciator::persist::write_atomically(&path, &spoilt, 0o600).unwrap();
        let refused = home.run_to_end(&[]);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        let said = &refused.stderr;
        assert!(said.contains("`data/journal.db` is "), "{said}");
        assert!(said.contains("hint: the journal holds the configuration"), "{said}");
        assert_eq!(said.matches("malformed").count(), 1, "{said}");
        assert!(std::fs::read(&path).unwrap() == spoilt);
    }
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let home = Home::new();
    home.start(&[]).stop();
    let key = home.data().join("secret.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o640)).unwrap();
    let refused = home.run_to_end(&[]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("has mode 640; only its owner may read it"), "{}", refused.stderr);
}

#[test]
fn a_clean_stop_leaves_all_in_the_files_themselves() {
    let home = Home::new();
    let element = home.start(&[]);
    home.commit(&["set environments environment name lab", CLIENT]);
    home.told(&["request alarms raise resource-type database resource db1 alarm-type full severity major text full"]);
    element.stop();
    for name in ["journal.db", "records.db"] {
        let log = home.data().join(format!("{name}-wal"));
        assert!(log.metadata().map_or(0, |log| log.len()) == 0, "{name} has a log");
    }
    // A copy of the two files alone is a whole element.
    let copy = Home::with(&[("data/.keep", "")]);
    for name in ["journal.db", "records.db", "secret.key"] {
        std::fs::copy(home.data().join(name), copy.data().join(name)).unwrap();
    }
    let element = copy.start(&[]);
    assert_eq!(element.revision(), 1);
    assert!(copy.told(&["show alarms"]).contains("db1"));
}
