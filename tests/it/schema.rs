//! `annunciator schema`: any YANG modules, judged and drawn.

use crate::harness::element::Home;

const BASE: &str = "module base {\n  yang-version 1.1;\n  namespace urn:base;\n  prefix b;\n  revision 2024-01-01;\n  feature f;\n  \
                    typedef t { type uint8; }\n  container top { leaf a { if-feature f; type t; } }\n}\n";

fn user(import: &str, body: &str) -> String {
    format!(
        "module user {{\n  yang-version 1.1;\n  namespace urn:user;\n  prefix u;\n  import base {{ prefix b; {import} }}\n{body}\n}}\n"
    )
}

#[test]
fn sound_modules_are_named_and_what_is_odd_is_told() {
    let home = Home::with(&[("user.yang", &user("", "leaf x { type string; }")), ("base.yang", BASE)]);
    let said = home.annunciator(&["schema", "lint", "user.yang", "base.yang"], "");
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "user: ok\nbase: ok\n"));
    assert!(
        said.stderr.contains("warning: module `base` is imported and not used\n  --> user.yang:5:3"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("description"), "{}", said.stderr);
    let said = home.annunciator(&["schema", "lint", "--strict", "base.yang"], "");
    assert_eq!(said.code, Some(0));
    assert!(said.stderr.contains("`leaf a` has no description"), "{}", said.stderr);
}

#[test]
fn every_fault_is_told_with_its_place_and_a_hint() {
    let body = "leaf x { type b:tt; }\n  leaf y { type b:t { range \"1..300\"; } mandatory yes; }\n  b:nope;";
    let home = Home::with(&[("user.yang", &user("", body)), ("base.yang", BASE)]);
    let said = home.annunciator(&["schema", "lint", "user.yang"], "");
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""));
    for told in [
        "type `tt` is not defined in module `base`\n  --> user.yang:6:15",
        "hint: did you mean `b:t`?",
        "range is wrong: `1..300` is not within what the base type allows\n  --> user.yang:7:29",
        "`yes` is not a valid argument of `mandatory`\n  --> user.yang:7:51",
        "module `base` has no extension `nope`\n  --> user.yang:8:3",
        "4 errors",
    ] {
        assert!(said.stderr.contains(told), "{told}\n{}", said.stderr);
    }
}

#[test]
fn imports_are_found_by_name_and_revision() {
    let newer = BASE
        .replace("2024-01-01", "2025-02-02")
        .replace("typedef t {", "typedef newer {")
        .replace("type t;", "type newer;");
    let home = Home::with(&[
        ("user.yang", &user("", "leaf x { type b:newer; }")),
        ("exact/user.yang", &user("revision-date 2024-01-01;", "leaf x { type b:t; }")),
        ("absent/user.yang", &user("revision-date 2020-01-01;", "leaf x { type b:t; }")),
        // The file's name says nothing of the revision: its text does.
        ("library/base.yang", &newer),
        ("library/deep/base@2024-01-01.yang", BASE),
    ]);
    let lint = |file: &str| home.annunciator(&["schema", "lint", "--schema-dir", "library", file], "");
    assert_eq!(lint("user.yang").code, Some(0), "{}", lint("user.yang").stderr);
    assert_eq!(lint("exact/user.yang").code, Some(0), "{}", lint("exact/user.yang").stderr);
    let absent = lint("absent/user.yang");
    assert_eq!(absent.code, Some(2));
    assert!(absent.stderr.contains("module `base` in revision 2020-01-01 is not given"), "{}", absent.stderr);
    let nowhere = home.annunciator(&["schema", "lint", "--schema-dir", "nowhere", "user.yang"], "");
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.stderr.contains("cannot read the folder `nowhere`"), "{}", nowhere.stderr);
}

#[test]
fn diagrams_follow_the_files_and_the_features() {
    let body =
        "augment /b:top { leaf c { type leafref { path /b:top/b:a; } } }\n  rpc r { input { leaf p { type empty; } } }";
    let home = Home::with(&[("user.yang", &user("", body)), ("base.yang", BASE)]);
    let tree = |arguments: &[&str]| {
        let said = home.annunciator(&[&["schema", "tree"], arguments].concat(), "");
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        said.stdout
    };
    assert_eq!(
        tree(&["user.yang"]),
        "module: user\n\n  augment /b:top:\n    +--rw c?   -> /b:top/a\n\n  rpcs:\n    +---x r\n       +---w input\n          +---w p?   empty\n"
    );
    assert_eq!(
        tree(&["base.yang", "user.yang"]),
        "module: base\n  +--rw top\n     +--rw a?     t {f}?\n     +--rw u:c?   -> /b:top/a\n\nmodule: user\n\n  rpcs:\n    +---x r\n       +---w input\n          +---w p?   empty\n"
    );
    assert_eq!(tree(&["--feature", "base:", "base.yang"]), "module: base\n  +--rw top\n");
    let odd = home.annunciator(&["schema", "tree", "--feature", "base", "base.yang"], "");
    assert_eq!(odd.code, Some(64), "{}", odd.stderr);
    assert_eq!(home.annunciator(&["schema", "tree"], "").code, Some(64));
}

#[test]
fn a_file_that_is_no_module_is_refused() {
    let home = Home::with(&[("a.yang", "leaf a { type string; }"), ("b.yang", "module b {")]);
    let said = home.annunciator(&["schema", "lint", "a.yang", "b.yang"], "");
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("expected `module` or `submodule`, found `leaf a`"), "{}", said.stderr);
    assert!(said.stderr.contains("`module b` is not closed"), "{}", said.stderr);
    let said = home.annunciator(&["schema", "lint", "c.yang"], "");
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("cannot read `c.yang`"), "{}", said.stderr);
}
