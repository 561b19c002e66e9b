//! Readers and writers together: round trips of random trees, and what people are told of faulty input.

use super::*;
use crate::diagnostic::Source;
use crate::tree::arbitrary::{HexSealer, edits, grown, plan, trees};
use crate::tree::{Branch, DataPath, DataTree, List, NodeRef, Value, diff};
use proptest::prelude::*;
use std::sync::Arc;

type Read = fn(&mut Builder<'_>, &Arc<Source>);

/// Merges a text into a tree and returns it with what was said.
fn merged(tree: DataTree, read: Read, name: &str, text: &str) -> (DataTree, String) {
    let mut builder = Builder::new(tree, &HexSealer);
    read(&mut builder, &Source::new(name, text));
    (builder.tree, builder.diagnostics.to_string())
}

fn empty() -> DataTree {
    DataTree::new(plan())
}

fn json(tree: &DataTree, path: &DataPath, layout: JsonLayout) -> String {
    let mut text = String::new();
    write_json(&mut text, tree, path, layout).unwrap();
    text
}

fn yaml(tree: &DataTree, path: &DataPath) -> String {
    let mut text = String::new();
    write_yaml(&mut text, tree, path).unwrap();
    text
}

/// Returns what a node holds, to be compared.
fn content(node: NodeRef<'_>) -> (Option<Branch>, Option<List>, Option<Value>, Vec<Value>) {
    (node.branch().cloned(), node.as_list().cloned(), node.value().cloned(), node.values().to_vec())
}

/// Returns a text with one place altered: something left out, put in or said twice.
fn damaged(text: &str, at: usize, length: usize, what: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = at % (chars.len() + 1);
    let end = (at + length).min(chars.len());
    chars[..at].iter().copied().chain(what.chars()).chain(chars[end..].iter().copied()).collect()
}

proptest! {
    #[test]
    fn json_reads_back_as_it_was_written(tree in trees(), indent in 0u8..4) {
        for layout in [JsonLayout::Compact, JsonLayout::Indented(indent)] {
            let text = json(&tree, &DataPath::ROOT, layout);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            let (again, said) = merged(empty(), read_json, "a.json", &text);
            prop_assert_eq!(said, "", "{}", text);
            prop_assert_eq!(&again, &tree, "{}", text);
        }
    }

    #[test]
    fn yaml_reads_back_as_it_was_written(tree in trees()) {
        let text = yaml(&tree, &DataPath::ROOT);
        let (again, said) = merged(empty(), read_yaml, "a.yaml", &text);
        prop_assert_eq!(said, "", "{}", text);
        prop_assert_eq!(again, tree, "{}", text);
    }

    #[test]
    fn a_subtree_is_written_with_what_is_around_it(tree in trees(), other in trees()) {
        for change in &diff(&other, &tree).changes {
            let path = change.path();
            for (read, text) in [
                (read_json as Read, json(&tree, path, JsonLayout::PRETTY)),
                (read_yaml as Read, yaml(&tree, path)),
            ] {
                let (same, said) = merged(tree.clone(), read, "a", &text);
                prop_assert_eq!(said, "", "{}", text);
                prop_assert_eq!(&same, &tree, "{}", text);
                let (part, _) = merged(empty(), read, "a", &text);
                prop_assert_eq!(part.get(path).map(content), tree.get(path).map(content), "{}", text);
            }
        }
    }

    #[test]
    fn deltas_read_back_as_they_were_stored(start in trees(), more in edits(0..60), other in trees()) {
        for end in [grown(start.clone(), &more), other] {
            let delta = diff(&start, &end);
            let text = delta_to_json(&delta, start.plan());
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            prop_assert_eq!(delta_from_json(start.plan(), &text), Ok(delta), "{}", text);
        }
    }

    #[test]
    fn trees_read_back_as_they_were_stored(tree in trees()) {
        let text = tree_to_json(&tree);
        let again = tree_from_json(tree.plan(), &text).unwrap();
        prop_assert!(again.references() == tree.references());
        prop_assert_eq!(again, tree);
    }

    #[test]
    fn no_damage_makes_a_reader_panic(
        tree in trees(), at in any::<usize>(), length in 0usize..6,
        what in "[\\[\\]{}\"',:a&*!|>%@#~é?<.\\n\\r\\t 0-9-]{0,4}",
    ) {
        let text = damaged(&json(&tree, &DataPath::ROOT, JsonLayout::PRETTY), at, length, &what);
        merged(empty(), read_json, "a.json", &text);
        let text = damaged(&yaml(&tree, &DataPath::ROOT), at, length, &what);
        merged(empty(), read_yaml, "a.yaml", &text);
        let text = damaged(&tree_to_json(&tree), at, length, &what);
        tree_from_json(tree.plan(), &text).ok();
        let text = damaged(&delta_to_json(&diff(&empty(), &tree), tree.plan()), at, length, &what);
        delta_from_json(tree.plan(), &text).ok();
    }
}

/// Asserts that a text is refused with exactly these messages: place, message, path, hint.
fn assert_refused(read: Read, text: &str, expected: &[(&str, &str, &str, &str)]) {
    let mut builder = Builder::new(empty(), &HexSealer);
    read(&mut builder, &Source::new("f", text));
    let said: Vec<(String, &str, &str, &str)> = builder
        .diagnostics
        .iter()
        .map(|d| {
            let place = d.span.as_ref().map_or_else(String::new, ToString::to_string);
            (place, d.message.as_str(), d.data_path.as_deref().unwrap_or(""), d.hint.as_deref().unwrap_or(""))
        })
        .collect();
    let expected: Vec<_> = expected.iter().map(|(place, m, p, h)| (format!("f:{place}"), *m, *p, *h)).collect();
    assert_eq!(said, expected, "{text}");
}

#[test]
fn all_faults_of_a_json_file_are_told_with_place_path_and_hint() {
    assert_refused(
        read_json,
        r#"{
  "tpo": {},
  "arb:top": {
    "texd": "x",
    "text": true,
    "port": "70000",
    "tiny": [1],
    "words": "one",
    "steps": [1, 2, "1"],
    "plain": null,
    "other:x": 1,
    "shoes": "s",
    "train": {}
  },
  "arc:queue": [],
  "pair": {"x": {}},
  "queue": [
    {"id": "a"},
    {"required": "b"},
    {"id": "a"},
    7
  ],
  "status": {"seen": "1"}
}"#,
        &[
            ("2:3", "`tpo` is not a top-level element", "/", "did you mean `top`?"),
            ("4:5", "`texd` is not an element of `top`", "/arb:top", "did you mean `text`?"),
            (
                "5:13",
                "`text` is a string: expected a value of it, found a boolean",
                "/arb:top/text",
                "write `\"true\"`",
            ),
            ("6:13", "`port`: `70000` is out of range: expected 0..65535", "/arb:top/port", ""),
            ("7:13", "`tiny` is a leaf: expected one value, found an array", "/arb:top/tiny", "write `\"tiny\": …`"),
            (
                "8:14",
                "`words` is a leaf-list: expected an array of values, found a string",
                "/arb:top/words",
                "write `\"words\": [ … ]`",
            ),
            (
                "9:21",
                "the value `1` of `steps` is given twice: first at f:9:15",
                "/arb:top/steps",
                "keep one of the two",
            ),
            (
                "10:14",
                "`plain` is a container: expected an object, found `null`",
                "/arb:top/plain",
                "write `\"plain\": { … }`",
            ),
            ("11:5", "`other` in `other:x` is not a module of the schema", "/arb:top", ""),
            (
                "13:5",
                "`train` excludes `shoes`, which is given at f:12:5",
                "/arb:top",
                "they are alternatives of the choice `way`: keep one of the two",
            ),
            ("15:3", "`arc` in `arc:queue` is not a module of the schema", "/", "write `arb:queue`, or `queue`"),
            (
                "16:11",
                "`pair` is a list: expected an array of objects, found an object",
                "/arb:pair",
                "write `\"pair\": [{ \"a\": …, \"b\": …, … }]`",
            ),
            ("19:5", "this entry of `queue` lacks its key `id`", "/arb:queue", "write `\"queue\": [{ \"id\": …, … }]`"),
            ("20:5", "the entry `id` = `a` is given twice: first at f:18:5", "/arb:queue", "keep one of the two"),
            (
                "21:5",
                "`queue` is a list: expected an array of objects, found a number",
                "/arb:queue",
                "write `\"queue\": [{ \"id\": …, … }]`",
            ),
            (
                "23:3",
                "`status` is state (`config false`) and cannot be configured",
                "/",
                "leave it out: the element itself says what it is",
            ),
        ],
    );
}

#[test]
fn all_faults_of_a_yaml_file_are_told_with_place_path_and_hint() {
    assert_refused(
        read_yaml,
        "top:\n  text:\n  flag: yes\n  port: 0x10\n  words: a, b\n  held: 1\n  arb:port: 1\nqueue:\n  a:\n    required: x\npair:\n  - a: x\n    b: 300\n",
        &[
            (
                "2:7",
                "`text` is a string: expected a value of it, found nothing",
                "/arb:top/text",
                "give it a value, leave it out, or write `\"\"` if the empty text is meant",
            ),
            ("3:9", "`flag`: `yes` is not a boolean: expected `true` or `false`", "/arb:top/flag", ""),
            ("4:9", "`port`: `0x10` is not an integer", "/arb:top/port", ""),
            (
                "5:10",
                "`words` is a leaf-list: expected a sequence of values, found a value",
                "/arb:top/words",
                "write `words: [ … ]`, or `- …` for each value below",
            ),
            (
                "6:9",
                "`held` is a container: expected a map, found a value",
                "/arb:top/held",
                "write `held:` and its elements below, indented",
            ),
            ("7:3", "`port` is given twice: first at f:4:3", "/arb:top", "keep one of the two"),
            (
                "9:3",
                "`queue` is a list: expected a sequence of maps, found a map",
                "/arb:queue",
                "write `queue:` and below it `- id: …` for each entry",
            ),
            ("13:8", "`b`: `300` is out of range: expected 0..255", "/arb:pair", ""),
        ],
    );
}

#[test]
fn what_people_write_is_read_leniently() {
    let (tree, said) = merged(
        empty(),
        read_json,
        "a.json",
        r#"{"top": {"port": "443", "tiny": -1, "flag": "true", "long": 5, "ratio": 1.50, "nothing": null, "text": "a",
            "arb-more:text": "b", "more": {"x": 1}, "shape": "circle", "raw": "AA\n=="}}"#,
    );
    assert_eq!(said, "");
    let text = json(&tree, &DataPath::ROOT, JsonLayout::Compact);
    assert_eq!(
        text,
        r#"{"arb:top":{"text":"a","tiny":-1,"port":443,"long":"5","ratio":"1.5","flag":true,"nothing":[null],"raw":"AA==","shape":"arb:circle","arb-more:text":"b","arb-more:more":{"x":1}}}"#
    );
    let (same, said) = merged(
        empty(),
        read_yaml,
        "a.yaml",
        "top:\n  port: 443\n  tiny: '-1'\n  flag: true\n  long: 5\n  ratio: 1.50\n  nothing: ~\n  text: a\n  arb-more:text: b\n  more: {x: 1}\n  shape: arb:circle\n  raw: AA==\n  plain:\nqueue:\n",
    );
    assert_eq!(said, "");
    assert_eq!(same, tree);
}

#[test]
fn plain_yaml_scalars_are_the_texts_they_look_like() {
    let (tree, said) =
        merged(empty(), read_yaml, "a.yaml", "top: {words: [no, 017, 1e3, '~', \"null\", 'true', 1.0, 0x1F]}");
    assert_eq!(said, "");
    let words = tree.root().leaf_list("top/words").iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(words, ["017", "0x1F", "1.0", "1e3", "no", "null", "true", "~"]);
}

#[test]
fn yamls_word_for_nothing_is_no_text() {
    for word in ["~", "null", "Null", "NULL"] {
        let (_, said) = merged(empty(), read_yaml, "a.yaml", &format!("top: {{text: {word}}}"));
        let expected = format!(
            "`text` is a string: expected a value of it, found nothing\n  --> a.yaml:1:13\n   | top: {{text: {word}}}\n"
        );
        assert!(said.contains(&expected), "{said}");
        let hint =
            format!("hint: `{word}` is YAML for no value: leave it out, or write `\"{word}\"` if the text is meant");
        assert!(said.contains(&hint), "{said}");
    }
}

#[test]
fn numbers_of_a_union_are_written_as_the_member_wants_it() {
    for (text, written) in [
        ("7", "7"),
        ("-1", "\"-1\""),
        ("300", "\"300\""),
        ("true", "true"),
        ("017", "17"),
        ("1.50", "\"1.5\""),
        ("x", "\"x\""),
    ] {
        let (tree, said) = merged(empty(), read_yaml, "a.yaml", &format!("top: {{mixed: {text}}}"));
        assert_eq!(said, "");
        assert_eq!(
            json(&tree, &DataPath::ROOT, JsonLayout::Compact),
            format!("{{\"arb:top\":{{\"mixed\":{written}}}}}")
        );
    }
}

#[test]
fn a_secret_is_sealed_and_not_quoted_back() {
    let (tree, said) = merged(empty(), read_yaml, "a.yaml", "top: {password: s3cret, tokens: [one, two]}");
    assert_eq!(said, "");
    let text = json(&tree, &DataPath::ROOT, JsonLayout::PRETTY);
    assert!(!text.contains("s3cret") && text.contains("$9$"), "{text}");
    let (same, _) = merged(tree.clone(), read_yaml, "a.yaml", "top: {password: s3cret}");
    assert!(diff(&same, &tree).is_empty());
    let mut builder = Builder::new(empty(), &HexSealer);
    read_json(&mut builder, &Source::new("a.json", r#"{"top": {"password": 54321, "tokens": ["54321", "54321"]}}"#));
    for diagnostic in &builder.diagnostics {
        let said = format!("{} {:?} {:?}", diagnostic.message, diagnostic.hint, diagnostic.data_path);
        assert!(!said.contains("54321"), "{said}");
    }
    assert_eq!(builder.diagnostics.error_count(), 2);
}

#[test]
fn a_subtree_of_each_kind_has_its_form() {
    let input = r#"{"top": {"text": "t", "words": ["a", "b"], "plain": {"y": "1"}},
        "pair": [{"a": "x", "b": 1, "c": "c"}, {"a": "x", "b": 2, "inner": [{"id": "9", "value": 3}]}]}"#;
    let (tree, said) = merged(empty(), read_json, "a.json", input);
    assert_eq!(said, "");
    for (path, expected) in [
        ("/arb:top/text", r#"{"arb:top":{"text":"t"}}"#),
        ("/arb:top/words[.='b']", r#"{"arb:top":{"words":["b"]}}"#),
        ("/arb:top/plain", r#"{"arb:top":{"plain":{"y":"1"}}}"#),
        ("/arb:top/port", r#"{"arb:top":{}}"#),
        ("/arb:pair[a='x'][b='1']", r#"{"arb:pair":[{"a":"x","b":1,"c":"c"}]}"#),
        (
            "/arb:pair[a='x'][b='2']/inner[id='9']/value",
            r#"{"arb:pair":[{"a":"x","b":2,"inner":[{"id":"9","value":"3"}]}]}"#,
        ),
        ("/arb:pair[a='x'][b='2']/a", r#"{"arb:pair":[{"a":"x","b":2}]}"#),
    ] {
        let path = DataPath::parse(tree.schema(), path).unwrap();
        assert_eq!(json(&tree, &path, JsonLayout::Compact), expected);
    }
    let pair = DataPath::parse(tree.schema(), "/arb:pair").unwrap();
    let mut text = String::new();
    write_yaml_node(&mut text, tree.get(&pair).unwrap()).unwrap();
    assert_eq!(text, "- a: x\n  b: 1\n  c: c\n- a: x\n  b: 2\n  inner:\n    - id: \"9\"\n      value: \"3\"\n");
}

#[test]
fn a_stored_text_that_the_schema_refuses_says_so() {
    let plan = plan();
    assert_eq!(tree_from_json(&plan, "{\"arb:gone\":1}"), Err(StoredError::NotInSchema("arb:gone".to_owned())));
    assert!(matches!(tree_from_json(&plan, "{"), Err(StoredError::Syntax(_))));
    assert!(matches!(tree_from_json(&plan, "{\"arb:top\":{\"port\":-1}}"), Err(StoredError::Value { .. })));
    assert!(matches!(tree_from_json(&plan, "{\"arb:top\":{\"password\":\"clear\"}}"), Err(StoredError::Form(_))));
    assert!(matches!(delta_from_json(&plan, "[{\"path\":\"/arb:top/port\"}]"), Err(StoredError::Form(_))));
}
