//! Texts that nobody wrote for good: no panic, no endless work, whatever comes in.

use super::{faults_of, lines, module, sources};
use crate::yang::{CompileOptions, builtin, compile};
use proptest::prelude::*;
use std::fmt::Write;

/// A module that uses most of the language, as soil for mutations.
const RICH: &str = include_str!("rich.yang");

fn must_not_panic(texts: &[&str]) {
    let _either = compile(&sources(texts), &CompileOptions::default());
}

#[test]
fn the_module_that_is_mutated_is_sound() {
    super::compile_all(&[RICH]);
}

#[test]
fn groupings_that_double_come_to_an_end() {
    let mut body = String::from("grouping g0 { leaf a { type string; } }");
    for at in 1..40 {
        write!(body, "grouping g{at} {{ container a {{ uses g{}; }} container b {{ uses g{}; }} }}", at - 1, at - 1)
            .unwrap();
    }
    body.push_str("uses g39;");
    assert!(lines(&faults_of(&[&module(&body)])).iter().any(|l| l.contains("more than")));
}

#[test]
fn empty_groupings_that_double_come_to_an_end() {
    let mut body = String::from("grouping g0;");
    for at in 1..60 {
        write!(body, "grouping g{at} {{ uses g{}; uses g{}; }}", at - 1, at - 1).unwrap();
    }
    body.push_str("uses g59;");
    assert_eq!(faults_of(&[&module(&body)]).error_count(), 1);
}

#[test]
fn long_chains_end_in_a_fault_and_not_in_a_full_stack() {
    const LINKS: usize = 5_000;
    let refused = |first: &str, link: &dyn Fn(usize) -> String| {
        let forward: String = (1..LINKS).map(link).collect();
        let backward: String = (1..LINKS).rev().map(link).collect();
        assert!(faults_of(&[&module(&format!("{first} {forward}"))]).has_errors(), "{first}");
        assert!(faults_of(&[&module(&format!("{first} {backward}"))]).has_errors(), "{first}");
    };
    refused("typedef t0 { type string; }", &|n| format!("typedef t{n} {{ type t{}; }}", n - 1));
    refused("typedef t0 { type string; }", &|n| format!("typedef t{n} {{ type union {{ type t{}; }} }}", n - 1));
    refused("grouping g0; container c { uses g4999; }", &|n| format!("grouping g{n} {{ uses g{}; }}", n - 1));
    refused("leaf l0 { type string; }", &|n| format!("leaf l{n} {{ type leafref {{ path /l{}; }} }}", n - 1));
    let join = |link: &dyn Fn(usize) -> String| (1..LINKS).map(link).collect::<Vec<_>>().concat();
    let features = join(&|n| format!("feature f{n} {{ if-feature f{}; }}", n + 1));
    assert!(faults_of(&[&module(&features)]).has_errors());
    let identities = join(&|n| format!("identity i{n} {{ base i{}; }}", n - 1));
    super::compile_all(&[&module(&format!("identity i0; {identities}"))]);
}

#[test]
fn unions_that_double_come_to_an_end() {
    let mut body = String::from("typedef u0 { type string; }");
    for at in 1..60 {
        write!(body, "typedef u{at} {{ type union {{ type u{}; type u{}; }} }}", at - 1, at - 1).unwrap();
    }
    assert!(lines(&faults_of(&[&module(&body)])).iter().any(|l| l.contains("comes down to more than")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_text_does_not_panic(text in any::<String>(), tokens in proptest::collection::vec("[a-z:/{};\"'+ \\[\\]().|*^\\\\-]{1,8}", 0..40)) {
        must_not_panic(&[&text]);
        must_not_panic(&[&module(&tokens.join(" "))]);
    }

    #[test]
    fn random_arguments_do_not_panic(argument in "[ -~éλ]{0,24}", keyword in proptest::sample::select(vec!["range", "length", "pattern", "path", "if-feature", "key", "unique", "default", "augment", "deviation"])) {
        let quoted = argument.replace('\'', "");
        let body = match keyword {
            "range" => format!("leaf a {{ type decimal64 {{ fraction-digits 3; range '{quoted}'; }} }}"),
            "length" | "pattern" => format!("leaf a {{ type string {{ {keyword} '{quoted}'; }} }}"),
            "path" => format!("leaf a {{ type leafref {{ path '../{quoted}'; }} }}"),
            "if-feature" | "default" => format!("feature f; leaf a {{ type union {{ type int8; type bits {{ bit x; }} type binary; type instance-identifier; }} {keyword} '{quoted}'; }}"),
            "key" | "unique" => format!("list a {{ {keyword} '{quoted}'; leaf k {{ type string; }} }}"),
            other => format!("{other} '/{quoted}' {{ deviate not-supported; }} container c;"),
        };
        must_not_panic(&[&module(&body)]);
    }

    #[test]
    fn mutated_modules_do_not_panic(which in 0_usize..6, cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_u8..4), 1..6)) {
        let original = builtin().get(which).map_or(RICH, |(_, text)| *text);
        let mut words: Vec<&str> = original.split_inclusive([' ', '\n', ';', '{', '}']).collect();
        for (from, to, how) in cuts {
            let (from, to) = (from.index(words.len()), to.index(words.len()));
            match how {
                0 => { words.remove(from); }
                1 => words.swap(from, to),
                2 => words.insert(to, words[from]),
                _ => words[to] = words[from],
            }
        }
        let mutated = words.concat();
        let mut texts: Vec<&str> = builtin().iter().map(|(_, text)| *text).collect();
        match texts.get_mut(which) {
            Some(text) => *text = &mutated,
            None => texts.push(&mutated),
        }
        must_not_panic(&texts);
    }
}
