//! Conditions of modules: what is said about them, and what is known of what they read.

use super::{Expression, Route};
use crate::diagnostic::{Diagnostics, Source, Span};
use crate::yang::{CompileOptions, SchemaTree, compile};
use std::sync::Arc;

fn compiled(body: &str) -> Result<(SchemaTree, Diagnostics), Diagnostics> {
    let text = format!(
        "module m {{ yang-version 1.1; namespace \"urn:m\"; prefix m; identity animal; identity cat {{ base animal; }}\n{body}\n}}"
    );
    compile(&[Source::new("m.yang", text)], &CompileOptions::default())
}

fn lines(found: &Diagnostics) -> Vec<String> {
    let place = |span: &Option<Span>| span.as_ref().map_or_else(String::new, Span::to_string);
    let hint = |hint: &Option<String>| hint.as_ref().map_or_else(String::new, |h| format!(" [{h}]"));
    found.iter().map(|d| format!("{} {}{}", place(&d.span), d.message, hint(&d.hint))).collect()
}

/// What is said about a `must` on leaf `a` beside leaf `b` and list `l`.
fn said(must: &str) -> Vec<String> {
    let body = format!(
        "leaf a {{ type string; must \"{must}\"; }} leaf b {{ type enumeration {{ enum on; enum off; }} }}\nlist l {{ key k; leaf k {{ type string; }} }}"
    );
    match compiled(&body) {
        Ok((_, warnings)) => lines(&warnings),
        Err(faults) => lines(&faults),
    }
}

#[test]
fn what_is_sound_is_silent() {
    for must in [
        "../b = 'on'",
        "/m:b or /b",
        "count(/m:l) > 3",
        "/l[k = current()]/k",
        "derived-from-or-self(., 'm:cat')",
        "re-match(., '[a-z]+') and string-length() < 4",
        "deref(.)/.. or true()",
        "//k",
        "not(../*[. = 'x'])",
        "../b/text() = 'on'",
        "substring(., 1, 2) = concat('a', 'b', 'c')",
        "(../a | ../b)[1]",
    ] {
        let told: Vec<String> = said(must).into_iter().filter(|l| !l.contains("neither a leafref")).collect();
        assert_eq!(told, Vec::<String>::new(), "{must}");
    }
}

#[test]
fn faults_stand_where_they_are_in_the_module() {
    assert_eq!(said("../b = "), ["m.yang:2:36 XPath: expected the name of a node, `.` or `..`"]);
    assert_eq!(
        said("conut(../b)"),
        ["m.yang:2:29 XPath: `conut()` is not a function of XPath 1.0 or YANG [did you mean `count()`?]"]
    );
    assert_eq!(said("count(../b, 1)"), ["m.yang:2:29 XPath: `count()` takes one argument, and has 2"]);
    assert_eq!(said("count('x')"), ["m.yang:2:35 XPath: `count()` takes nodes here, and this is a text"]);
    assert_eq!(said("n:b = 1"), ["m.yang:2:29 XPath: prefix `n` is not that of the module or of an import"]);
    assert_eq!(
        said("..[b]"),
        ["m.yang:2:31 XPath: `.` and `..` take no predicate [write `self::node()[…]` or `parent::node()[…]`]"]
    );
    assert_eq!(said("$x"), ["m.yang:2:29 XPath: variable `$x` is not there: YANG has none"]);
    assert_eq!(said("'a' | ../b"), ["m.yang:2:29 XPath: `|` joins nodes, and this is a text"]);
    assert_eq!(said("true()/b"), ["m.yang:2:29 XPath: expected nodes, found a boolean"]);
    assert_eq!(said("re-match(., '[')"), ["m.yang:2:41 XPath: pattern `[` is wrong: `[` is not closed"]);
}

#[test]
fn a_path_that_cannot_exist_is_a_warning() {
    assert_eq!(
        said("../bb"),
        ["m.yang:2:32 XPath: the top level has no node `bb`: the path leads nowhere [did you mean `b`?]"]
    );
    assert_eq!(said("../../b"), ["m.yang:2:32 XPath: this goes up beyond the root: the path leads nowhere"]);
    assert_eq!(
        said("../b = 'offf'"),
        ["m.yang:2:36 XPath: `offf` is not a value of `b`: this is never equal [did you mean `off`?]"]
    );
    assert_eq!(said("derived-from(., 'm:dog')").len(), 1);
}

#[test]
fn broken_xpath_of_a_grouping_that_nobody_uses_is_told() {
    let Err(faults) = compiled("grouping g { leaf a { type string; when 'b['; } }") else { panic!() };
    assert_eq!(lines(&faults), ["m.yang:2:44 XPath: expected the name of a node, `.` or `..`"]);
}

fn must<'s>(schema: &'s SchemaTree, path: &[&str]) -> &'s Arc<Expression> {
    let node = schema.node(schema.find(path.iter().copied()).unwrap());
    node.musts[0].expression.as_ref().unwrap()
}

#[test]
fn the_way_back_stays_inside_an_entry_where_the_path_does() {
    let (schema, warnings) = compiled(
        "container c { list l { key k; leaf k { type string; } leaf a { type string; must \"../b/x = 'y'\"; } container b { leaf x { type string; } } } }",
    )
    .unwrap();
    assert!(warnings.is_empty(), "{warnings}");
    let list = schema.find(["c", "l"]).unwrap();
    let reads = &must(&schema, &["c", "l", "a"]).reads;
    assert!(!reads.is_empty() && reads.iter().all(|r| r.route == Route::Within(list)), "{reads:?}");
}

#[test]
fn a_join_over_a_leafref_is_known_with_a_key_and_with_deref() {
    for expression in ["/m:t[n = current()/../r]/on = 'true'", "deref(../r)/../on = 'true'"] {
        let (schema, warnings) = compiled(&format!(
            "list t {{ key n; leaf n {{ type string; }} leaf on {{ type boolean; }} }}
            list l {{ key k; leaf k {{ type string; }} leaf r {{ type leafref {{ path \"/t/n\"; }} }} leaf a {{ type string; must \"{expression}\"; }} }}"
        ))
        .unwrap();
        assert!(warnings.is_empty(), "{warnings}");
        let (list, on) = (schema.find(["t"]).unwrap(), schema.find(["t", "on"]).unwrap());
        let read = must(&schema, &["l", "a"]).reads.iter().find(|r| r.node == on).copied().unwrap();
        let Route::Join { list: joined, within, .. } = read.route else { panic!("{read:?}") };
        assert_eq!((joined, within), (list, schema.find(["l"]).unwrap()));
    }
}

#[test]
fn looking_through_a_list_for_each_entry_of_a_list_is_a_warning() {
    let (_, warnings) = compiled(
        "list t { key n; leaf n { type string; } leaf p { type string; } }
         list l { key k; leaf k { type string; } leaf a { type string; must \"not(/t[p = current()])\"; } }",
    )
    .unwrap();
    let told = lines(&warnings);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("m.yang:3:77 XPath: this looks through all `t`"), "{told:?}");
}
