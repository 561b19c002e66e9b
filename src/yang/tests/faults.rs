//! Faulty modules and what is said about them.

use super::{compile_all, faults_of, lines, module};
use crate::yang::{CompileOptions, compile};

/// A module's body, and the faults told as `file:line:column message [hint]`.
type Case<'a> = (&'a str, &'a [&'a str]);

/// Writes the errors only.
fn errors(faults: &crate::diagnostic::Diagnostics) -> Vec<String> {
    let mut only = crate::diagnostic::Diagnostics::new();
    only.extend(faults.iter().filter(|f| f.is_error()).cloned());
    lines(&only)
}

fn expect(cases: &[Case<'_>]) {
    for (body, expected) in cases {
        assert_eq!(errors(&faults_of(&[&module(body)])), *expected, "{body}");
    }
}

#[test]
fn statements_are_checked_against_the_grammar() {
    expect(&[
        ("lef a { type string; }", &["1:2:1 `lef` is not a statement of YANG [did you mean `leaf`?]"]),
        ("leaf a { tpye string; }", &["1:2:10 `tpye` is not a statement of YANG [did you mean `type`?]"]),
        ("leaf a { type string; key b; }", &["1:2:23 `key` is not a substatement of `leaf a`"]),
        ("leaf a { type string; type string; }", &["1:2:23 `leaf` has more than one `type`"]),
        (
            "leaf 9a { type string; }",
            &[
                "1:2:6 `9a` is not a valid argument of `leaf` [expected a name: a letter or `_`, then letters, digits, `_`, `-` and `.`]",
            ],
        ),
        ("leaf a;", &["1:2:1 `leaf a` has no `type` [add `type …;`]"]),
        (
            "leaf a { type string; mandatory yes; }",
            &["1:2:33 `yes` is not a valid argument of `mandatory` [expected `true` or `false`]"],
        ),
        (
            "leaf a { type string; status currnet; }",
            &["1:2:30 `currnet` is not a valid argument of `status` [did you mean `current`?]"],
        ),
        (
            "leaf a { type string; description \"\\q\"; must ''; }",
            &[
                "1:2:36 backslash in a double-quoted text is followed by neither `n`, `t`, `\"` nor `\\` [write `\\\\`, or use single quotes]",
                "1:2:46 `` is not a valid argument of `must` [expected a text that is not empty]",
            ],
        ),
    ]);
}

#[test]
fn names_are_resolved_or_told() {
    expect(&[
        ("leaf a { type strng; }", &["1:2:15 type `strng` is not defined [did you mean `string`?]"]),
        (
            "leaf a { type x:string; }",
            &["1:2:15 prefix `x` is not declared in this module [add `import … { prefix x; }`]"],
        ),
        ("container c { uses g; } grouping gg;", &["1:2:20 grouping `g` is not defined"]),
        ("grouping a { uses b; } grouping b { container c { uses a; } } uses a;", &["1:2:56 grouping `a` uses itself"]),
        ("typedef a { type b; } typedef b { type a; }", &["1:2:18 type `b` is defined by itself"]),
        (
            "typedef t { type string; } container c { typedef t { type int8; } }",
            &["1:2:50 `typedef t` is defined twice [the other one is at 1.yang:2:1]"],
        ),
        (
            "typedef t { type string; } typedef t { type int8; }",
            &["1:2:36 `typedef t` is defined twice [the other one is at 1.yang:2:1]"],
        ),
        (
            "leaf a { if-feature 'f and'; type string; } leaf b { if-feature g; type string; } feature ff;",
            &[
                "1:2:21 if-feature expression is wrong: the name of a feature is missing",
                "1:2:65 feature `g` is not defined",
            ],
        ),
        (
            "feature a { if-feature b; } feature b { if-feature a; }",
            &["1:2:24 feature depends on itself by way of `b`"],
        ),
        ("identity a { base b; } identity b { base a; }", &["1:2:10 identity `a` is derived from itself"]),
        ("leaf a { type identityref { base x; } } identity y;", &["1:2:34 identity `x` is not defined"]),
        (
            "identity b; identity d { base b; } leaf a { type identityref { base d; } default b; }",
            &["1:2:82 default `b` is not a value of `identityref`: it is not derived from the base of the type"],
        ),
        ("x:foo bar;", &["1:2:1 prefix `x` is not declared in this module [add `import … { prefix x; }`]"]),
        (
            "extension e { argument n; } extension f; m:e; m:f x; m:g;",
            &[
                "1:2:42 `m:e` has no argument, which is its `n`",
                "1:2:47 `m:f` takes no argument",
                "1:2:54 module `m` has no extension `g`",
            ],
        ),
        ("leaf a { type union { type int8; type nothing; } }", &["1:2:39 type `nothing` is not defined"]),
    ]);
}

#[test]
fn types_and_defaults_are_checked() {
    expect(&[
        (
            "leaf a { type int8 { range '1..200'; } }",
            &["1:2:28 range is wrong: `1..200` is not within what the base type allows"],
        ),
        (
            "typedef t { type int8 { range '1..5 | 7'; } } leaf a { type t { range '1..6'; } }",
            &[
                "1:2:71 range is wrong: `1..6` is not within what the base type allows [the base type allows `1..5 | 7`]",
            ],
        ),
        ("leaf a { type int8 { length 3; } }", &["1:2:22 `length` does not apply to `int8` [it takes `range`]"]),
        (
            "leaf a { type boolean { range 3; } }",
            &["1:2:25 `range` does not apply to `boolean` [the type takes no restrictions here]"],
        ),
        ("leaf a { type string { pattern '[a'; } }", &["1:2:32 pattern is wrong: `[` is not closed"]),
        (
            "leaf a { type decimal64; }",
            &["1:2:10 `type decimal64` has no `fraction-digits` [add `fraction-digits …;`]"],
        ),
        ("leaf a { type enumeration; }", &["1:2:10 `type enumeration` has no `enum` [add `enum …;`]"]),
        (
            "leaf a { type enumeration { enum x; enum x; enum y { value 0; } enum z { value 2147483647; } enum zz; } }",
            &[
                "1:2:42 `enum x` is defined twice [the other one is at 1.yang:2:29]",
                "1:2:45 value 0 is that of another enum already",
                "1:2:94 enum `zz` needs a `value`: the one before has the highest there is",
            ],
        ),
        (
            "typedef t { type enumeration { enum red; } } leaf a { type t { enum rde; } }",
            &["1:2:69 enum `rde` is not one of the base type [did you mean `red`?]"],
        ),
        (
            "leaf a { type uint8; default 300; }",
            &["1:2:30 default `300` is not a value of `uint8`: expected a number from 0 to 255"],
        ),
        (
            "leaf a { type enumeration { enum major; } default majr; }",
            &[
                "1:2:51 default `majr` is not a value of `enumeration`: it is not one of the enums [did you mean `major`?]",
            ],
        ),
        (
            "typedef t { type uint8; default x; }",
            &["1:2:33 default `x` is not a value of `uint8`: it is not a whole number"],
        ),
    ]);
}

#[test]
fn nodes_are_consistent() {
    expect(&[
        (
            "leaf a { type string; } container a;",
            &["1:2:35 `a` is there already among its siblings [the other one is at 1.yang:2:1]"],
        ),
        (
            "choice w { case c { leaf a { type string; } } case d { leaf a { type int8; } } }",
            &["1:2:61 `a` is there already among its siblings [the other one is at 1.yang:2:21]"],
        ),
        ("leaf a { type uint8; default 1; mandatory true; }", &["1:2:22 leaf `a` is mandatory and has a default"]),
        (
            "list l { leaf k { type string; } }",
            &["1:2:1 list `l` has no key, which configuration needs [add `key …;`]"],
        ),
        (
            "list l { key 'k l kk'; leaf kk { type string; } container l; }",
            &["1:2:14 key `k` is not a leaf of list `l`", "1:2:14 key `l` is not a leaf"],
        ),
        (
            "list l { key k; unique 'c/x'; leaf k { type string; } container c { leaf y { type string; } } }",
            &["1:2:24 `c/x` is not a leaf below list `l`"],
        ),
        (
            "list l { key k; min-elements 3; max-elements 2; leaf k { type string; } }",
            &["1:2:17 `min-elements` 3 is above `max-elements` 2"],
        ),
        (
            "container c { config false; leaf a { config true; type string; } }",
            &["1:2:38 `a` cannot be configuration: what it is in is not"],
        ),
        ("choice w { default c; leaf a { type string; } }", &["1:2:20 choice `w` has no case `c`"]),
        (
            "choice w { default a; case a { leaf x { type string; mandatory true; } } }",
            &["1:2:20 default case `a` has the mandatory node `x`"],
        ),
        ("rpc r { input { action a; } }", &["1:2:17 `action` is not a substatement of `input`"]),
        (
            "notification n { leaf a { type string; } } container c { list l { config false; action a; } }",
            &["1:2:81 `a` stands in a list without key, where neither actions nor notifications can be"],
        ),
        (
            "revision 2025-13-01; leaf-list l { type int8; default 1; default 01; }",
            &[
                "1:2:10 `2025-13-01` is not a valid argument of `revision` [expected a date such as `2025-11-01`]",
                "1:2:58 default `1` of leaf-list `l` is there twice",
            ],
        ),
    ]);
}

#[test]
fn paths_and_other_modules_are_found_or_told() {
    expect(&[
        (
            "leaf a { type leafref { path '../b/c'; } } leaf bb { type string; }",
            &["1:2:30 leafref `a` leads nowhere: the top level has no node `b`"],
        ),
        (
            "leaf a { type leafref { path '/m:cc/m:x'; } } container c;",
            &["1:2:30 leafref `a` leads nowhere: the top level has no node `m:cc` [did you mean `c`?]"],
        ),
        (
            "leaf a { type leafref { path '../../c'; } }",
            &["1:2:30 leafref `a` leads nowhere: it goes up beyond the root [`..` counts neither choices nor cases]"],
        ),
        (
            "leaf a { type leafref { path '/c'; } } container c;",
            &["1:2:30 leafref `a` leads to `c`, which is not a leaf"],
        ),
        ("leaf a { type leafref { path 'c'; } }", &["1:2:30 path is wrong: it starts with neither `/` nor `../`"]),
        (
            "leaf a { type leafref { path '/b'; } } leaf b { type leafref { path '/a'; } }",
            &["1:2:69 leafref `b` leads back to itself"],
        ),
        (
            "leaf a { type leafref { path '/b'; } } leaf b { type string; config false; }",
            &["1:2:30 leafref `a` is configuration, its target `b` is not [add `require-instance false;`]"],
        ),
        ("leaf a { type leafref; }", &["1:2:10 `type leafref` has no `path` [add `path …;`]"]),
        (
            "augment /m:c/m:d { leaf x { type string; } } container c { container dd; }",
            &["1:2:9 target of the augment is not there: `c` has no node `m:d`"],
        ),
        (
            "augment /c { leaf x { type string; } } leaf c { type string; }",
            &["1:2:9 target of the augment is a leaf, which has no children"],
        ),
        (
            "augment c { leaf x { type string; } } container c;",
            &["1:2:9 the path of an augment at the top level starts with `/`"],
        ),
        (
            "container c { uses g { refine x/y { description d; } refine x { mandatory true; } augment x { case c; } } } grouping g { container x; }",
            &[
                "1:2:31 target of the refine is not there: `x` has no node `y`",
                "1:2:75 `mandatory` does not apply to a container",
                "1:2:100 `case` cannot be added to a container",
            ],
        ),
        ("import nowhere { prefix n; } leaf a { type n:x; }", &["1:2:8 module `nowhere` is not given"]),
        ("import m { prefix mm; }", &["1:2:8 modules import each other: `m` → `m`"]),
        ("include s;", &["1:2:9 submodule `s` is not given"]),
        (
            "deviation /m:a { deviate add { default 1; } deviate delete { units u; } deviate replace { must 'x'; } deviate add { type string; } } leaf a { type int8; default 2; }",
            &[
                "1:2:32 `a` has `default` already [use `deviate replace`]",
                "1:2:68 `a` has no `units u` to delete",
                "1:2:96 `deviate replace` does not take `must`",
                "1:2:122 `deviate add` does not take `type`",
            ],
        ),
    ]);
}

#[test]
fn a_module_needs_its_header() {
    assert_eq!(
        lines(&faults_of(&["module m;"])),
        [
            "1:1:1 `module m` has no `namespace` [add `namespace …;`]",
            "1:1:1 `module m` has no `prefix` [add `prefix …;`]",
        ]
    );
    assert_eq!(lines(&faults_of(&[""])), [" `1.yang` has no statement [expected `module NAME { … }`]"]);
    assert_eq!(lines(&faults_of(&["container c;"])), ["1:1:1 expected `module` or `submodule`, found `container c`"]);
    assert_eq!(
        lines(&faults_of(&["module m { namespace urn:m; prefix m; } module n { namespace urn:n; prefix n; }"])),
        ["1:1:41 `module n` follows the end of the module [one text holds one module]"]
    );
}

#[test]
fn all_faults_of_all_texts_are_told_in_reading_order() {
    let first = "module a { namespace urn:a; prefix a; import b { prefix b; } leaf x { type b:nothing; } leaf y { type int8 { range 1..300; } } }";
    let second = "module b { namespace urn:b; prefix b; leaf 1 { type string; } augment /b:z { leaf q { type string; } } typedef n { type strin; } }";
    assert_eq!(
        lines(&faults_of(&[first, second])),
        [
            "1:1:76 type `nothing` is not defined in module `b`",
            "1:1:116 range is wrong: `1..300` is not within what the base type allows",
            "2:1:44 `1` is not a valid argument of `leaf` [expected a name: a letter or `_`, then letters, digits, `_`, `-` and `.`]",
            "2:1:71 target of the augment is not there: the top level has no node `b:z`",
            "2:1:121 type `strin` is not defined [did you mean `string`?]",
        ]
    );
}

#[test]
fn a_text_that_cannot_be_read_hides_what_refers_to_it() {
    let user = "module a { namespace urn:a; prefix a; import b { prefix b; } leaf x { type b:t; } }";
    assert_eq!(
        lines(&faults_of(&[user, "module b { typedef t { type string; }"])),
        ["2:1:1 `module b` is not closed [add `}`]"]
    );
    let other = "module c { namespace urn:c; prefix c; leaf x { type nothing; } }";
    assert_eq!(
        lines(&faults_of(&[user, "module b { typedef t { type string; }", other])),
        ["2:1:1 `module b` is not closed [add `}`]", "3:1:53 type `nothing` is not defined"]
    );
}

#[test]
fn modules_must_not_import_each_other_or_be_given_twice() {
    let named = |name: &str, body: &str| format!("module {name} {{ namespace urn:{name}; prefix {name}; {body} }}");
    let import = |name: &str| format!("import {name} {{ prefix x; }}");
    assert_eq!(
        errors(&faults_of(&[&named("a", &import("b")), &named("b", &import("c")), &named("c", &import("a"))])),
        ["3:1:46 modules import each other: `a` → `b` → `c` → `a`"]
    );
    assert_eq!(
        lines(&faults_of(&[&named("a", ""), &named("a", "")])),
        ["2:1:8 `module a` is given twice [the other one is at 1.yang:1:1]"]
    );
}

#[test]
fn a_fault_in_a_grouping_is_told_once() {
    let body = "grouping g { leaf a { type leafref { path '../b'; } default 1; } } container c { uses g; } container d { uses g; }";
    assert_eq!(
        lines(&faults_of(&[&module(body)])),
        [
            "1:2:43 leafref `a` leads nowhere: `c` has no node `b`",
            "1:2:43 leafref `a` leads nowhere: `d` has no node `b`"
        ]
    );
    let body = "grouping g { leaf a { type int8; default x; } } container c { uses g; } container d { uses g; }";
    assert_eq!(lines(&faults_of(&[&module(body)])).len(), 1);
}

#[test]
fn a_mandatory_node_is_not_added_to_another_modules_configuration() {
    let base = module("container c;");
    let other = |when: &str| {
        format!(
            "module o {{ yang-version 1.1; namespace urn:o; prefix o; import m {{ prefix m; }} augment /m:c {{ {when} leaf x {{ type string; mandatory true; }} }} }}"
        )
    };
    assert_eq!(
        lines(&faults_of(&[&base, &other("")])),
        [
            "2:1:118 `x` is mandatory, which a node added to another module's configuration cannot be [give the augment a `when`]"
        ]
    );
    compile_all(&[&base, &other("when 'true()';")]);
}

#[test]
fn what_stands_out_of_order_is_told_once() {
    expect(&[(
        "leaf a { type string; } revision 2025-01-01; import m { prefix x; }",
        &[
            "1:2:25 `revision 2025-01-01` stands behind the definitions of the module [the order is header, imports and includes, texts, revisions, definitions]",
            "1:2:53 modules import each other: `m` → `m`",
        ],
    )]);
}

#[test]
fn what_is_odd_is_told_and_does_not_keep_a_module_from_use() {
    let text = "module m { yang-version 1.1; namespace urn:m; prefix m; import o { prefix o; } revision 2020-01-01; revision 2021-01-01;
list l { key k; leaf k { type string; default x; } } rpc r { input { leaf a { type string; config true; } } } }";
    let other = "module o { namespace urn:o; prefix o; leaf u { type union { type empty; type int8; } } }";
    let told = |looked_up, strict| {
        let options = CompileOptions { looked_up, strict, ..CompileOptions::default() };
        let (_, warnings) = compile(&super::sources(&[text, other]), &options).unwrap_or_else(|f| panic!("{f}"));
        lines(&warnings)
    };
    let own = [
        "1:1:57 module `o` is imported and not used",
        "1:1:101 revision 2021-01-01 stands behind 2020-01-01 [the latest revision comes first, each date once]",
        "1:2:39 `default` says nothing on the key `k` [an entry always has its keys]",
        "1:2:92 `config` says nothing in an operation or notification",
    ];
    assert_eq!(told(1, false), own);
    assert_eq!(
        told(0, false).last().unwrap(),
        "2:1:61 `empty` is in a union, which only YANG 1.1 allows [add `yang-version 1.1;` to the module]"
    );
    assert!(told(1, true).contains(&"1:2:1 `list l` has no description".to_owned()));
}

#[test]
fn what_yang_1_1_brought_is_not_yang_1() {
    let old = |body: &str| format!("module m {{ namespace \"urn:m\"; prefix m;\n{body}\n}}");
    for (body, fault) in [
        (
            "anydata a;",
            "1:2:1 `anydata a` in `module m` is YANG 1.1, and the module is YANG 1 [add `yang-version 1.1;` to the module]",
        ),
        (
            "leaf-list l { type int8; default 1; }",
            "1:2:26 `default 1` in `leaf-list l` is YANG 1.1, and the module is YANG 1 [add `yang-version 1.1;` to the module]",
        ),
        (
            "feature f; leaf a { if-feature 'not f'; type int8; }",
            "1:2:32 YANG 1 has names of features in `if-feature`, no expressions [add `yang-version 1.1;` to the module]",
        ),
        (
            "leaf xml-a { type int8; }",
            "1:2:6 `leaf xml-a` is a name that starts with `xml`, which YANG 1 keeps for itself [YANG 1.1 allows it]",
        ),
        (
            "list l { key k; leaf k { type empty; } }",
            "1:2:14 key `k` is of type `empty`, which YANG 1 does not allow for keys",
        ),
    ] {
        assert_eq!(lines(&faults_of(&[&old(body)])), [fault], "{body}");
        compile_all(&[&module(body)]);
    }
}

#[test]
fn faults_of_groupings_that_nobody_uses_are_told() {
    expect(&[
        (
            "grouping g { leaf a { type int8; } leaf a { type int8; } }",
            &["1:2:41 `a` is there already among its siblings [the other one is at 1.yang:2:14]"],
        ),
        (
            "grouping g { leaf a { type int8; } } grouping h { uses g { refine b { config false; } } }",
            &["1:2:67 target of the refine is not there: the top level has no node `b`"],
        ),
    ]);
    compile_all(&[&module("grouping g { list l { leaf a { type leafref { path '../../nowhere'; } } } }")]);
}

#[test]
fn what_is_in_use_does_not_refer_to_what_is_not() {
    expect(&[(
        "typedef t { type int8; status obsolete; } leaf a { status deprecated; type t; }",
        &["1:2:76 `leaf a` is deprecated and refers to `typedef t`, which is obsolete"],
    )]);
}
