//! Properties of the J-style notations: what is written reads back, and no text makes a reader panic.

use super::{Builder, read_curly, read_set, write_compare, write_curly, write_set};
use crate::diagnostic::Source;
use crate::tree::arbitrary::{HexSealer, edits, grown, plan, trees};
use crate::tree::{DataPath, DataTree, diff};
use proptest::prelude::*;

type Read = fn(&mut Builder<'_>, &std::sync::Arc<Source>);

fn read(text: &str, read: Read) -> (DataTree, String) {
    let mut builder = Builder::new(DataTree::new(plan()), &HexSealer);
    read(&mut builder, &Source::new("t", text));
    let told = builder.diagnostics.to_string();
    (builder.tree, told)
}

fn curly(tree: &DataTree) -> String {
    let mut text = String::new();
    write_curly(tree.root(), &mut text).unwrap();
    text
}

fn set(tree: &DataTree) -> String {
    let mut text = String::new();
    write_set(tree.root(), &DataPath::ROOT, &mut text).unwrap();
    text
}

proptest! {
    #[test]
    fn curly_reads_back(tree in trees()) {
        let text = curly(&tree);
        let (again, told) = read(&text, read_curly);
        prop_assert_eq!(told, "", "{}", text);
        prop_assert!(again == tree, "{}\nbecame\n{}", text, curly(&again));
    }

    #[test]
    fn set_lines_read_back(tree in trees()) {
        let text = set(&tree);
        let (again, told) = read(&text, read_set);
        prop_assert_eq!(told, "", "{}", text);
        prop_assert!(again == tree, "{}\nbecame\n{}", text, set(&again));
    }

    #[test]
    fn curly_with_a_piece_cut_out_is_read_without_panic(tree in trees(), from in any::<prop::sample::Index>(), count in 0usize..20) {
        let mut chars: Vec<char> = curly(&tree).chars().collect();
        if !chars.is_empty() {
            let from = from.index(chars.len());
            chars.drain(from..(from + count).min(chars.len()));
        }
        let text: String = chars.into_iter().collect();
        read(&text, read_curly);
        read(&text, read_set);
    }

    #[test]
    fn any_text_is_read_without_panic(text in "([a-z]{1,4}|[ \\n;{}\\[\\]\"'|#!\\\\]){0,40}") {
        read(&text, read_curly);
        read(&format!("set {text}"), read_set);
    }

    #[test]
    fn trees_that_differ_compare_to_something(tree in trees(), changes in edits(0..6)) {
        let new = grown(tree.clone(), &changes);
        let mut text = String::new();
        let delta = diff(&tree, &new);
        write_compare(&tree, &new, &delta, &DataPath::ROOT, &mut text).unwrap();
        prop_assert_eq!(text.is_empty(), tree == new, "{}", text);
    }
}

mod built_in {
    use super::*;
    use crate::tree::Plan;
    use crate::yang::builtin_schema;

    fn read(text: &str, read: Read) -> (DataTree, Vec<String>) {
        let plan = Plan::new(builtin_schema().unwrap());
        let mut builder = Builder::new(DataTree::new(plan), &HexSealer);
        read(&mut builder, &Source::new("t", text));
        let told = builder.diagnostics.iter().map(|d| {
            let (line, column) = d.span.as_ref().map_or((0, 0), crate::diagnostic::Span::line_column);
            format!("{line}:{column} {}", d.message)
        });
        let told = told.collect();
        (builder.tree, told)
    }

    fn clients(tree: &DataTree) -> String {
        tree.root().find("facilities/http").map_or_else(String::new, |node| {
            let mut text = String::new();
            write_curly(node, &mut text).unwrap();
            text
        })
    }

    #[test]
    fn all_faults_of_a_curly_text_are_told_and_the_rest_is_read() {
        let (tree, told) = read(
            "facilities {\n http {\n  client a {\n   schme http;\n   scheme ftp;\n   connect-timeout 5\n  }\n  \
             client b { scheme }\n  bogus { x { y; } z; }\n  client \"c d\" { scheme http; }\n  ]\n }\n}\n}\nsystem { ",
            read_curly,
        );
        assert_eq!(told[0], "4:4 unknown element: `schme` is not an element of `client`");
        let places: Vec<&str> = told.iter().filter_map(|said| said.split(' ').next()).collect();
        assert_eq!(places, ["4:4", "5:11", "8:21", "9:3", "11:3", "14:1", "15:10"]);
        assert_eq!(
            clients(&tree),
            "client a {\n    connect-timeout 5;\n}\nclient b;\nclient \"c d\" {\n    scheme http;\n}\n"
        );
    }

    #[test]
    fn a_leaf_with_two_values_is_told_and_an_entry_that_is_opened_again_goes_on() {
        let (tree, told) = read(
            "facilities {\n http {\n  client a {\n   scheme http;\n   connect-timeout 5;\n   scheme http;\n   connect-timeout 6;\n  }\n  \
             client b;\n  client a { cache-x 1; include-client-info true; }\n  client a {\n   http-basic-authn { username u; password x; }\n   \
             http-basic-authn { password y; password x; }\n  }\n }\n}\n",
            read_curly,
        );
        let faults: Vec<&str> = told.iter().map(String::as_str).filter(|said| said.contains("twice")).collect();
        assert_eq!(
            faults,
            [
                "7:20 `connect-timeout` is given twice, with different values: first at t:5:20",
                "13:32 `password` is given twice, with different values: first at t:12:44",
            ]
        );
        assert!(clients(&tree).contains("connect-timeout 5;"), "{}", clients(&tree));
        assert!(clients(&tree).contains("username u;"), "{}", clients(&tree));
    }

    /// Returns all that is told about a text of a notation, which says something of a secret.
    fn all_told(text: &str, format: crate::codec::Format) -> String {
        let plan = Plan::new(builtin_schema().unwrap());
        let mut builder = Builder::new(DataTree::new(plan), &HexSealer);
        crate::codec::read(&mut builder, format, &Source::new("t", text));
        assert!(builder.diagnostics.has_errors(), "{text}");
        builder.diagnostics.to_string()
    }

    #[test]
    fn no_excerpt_and_no_message_shows_a_secret_whatever_is_wrong_around_it() {
        use crate::codec::Format::{Curly, Json, Set, Yaml};
        let client = "set facilities http client c http-basic-authn";
        let texts = [
            (Json, "{\"password\": \"P17\" \"x\": 1}".to_owned()),
            (Json, "{\"password\": P17}".to_owned()),
            (Json, "{\"password\": [\n\"P17\"\n\"x\"]}".to_owned()),
            (Json, "{\"pasword\": \"P17\\q\"}".to_owned()),
            (Json, basic_json("\"password\": [\"P17\"]")),
            (Json, basic_json("\"password\": {\"P17\": \"P17\"}")),
            (Json, basic_json("\"password\": \"P17\", \"password\": \"P17\"")),
            (Json, basic_json("\"pasword\": \"P17\"")),
            (Json, "{\"facilities\": [{\"password\": \"P17\"}]}".to_owned()),
            (Json, basic_json("\"password=P17\": 1")),
            (Json, basic_json("\"password P17\": \"P17\"")),
            (Json, basic_json("\"passwrod:\\u005017\": 1")),
            (Json, "{\"facilities\": {\"http\": \"password=P17\"}}".to_owned()),
            (Yaml, "facilities: {http: password=P17}\n".to_owned()),
            (Yaml, "password: !P17 x\n".to_owned()),
            (Set, format!("{client} password=P17")),
            (Set, format!("{client} passwrod:P17")),
            (Set, format!("{client} password/P17")),
            (Set, format!("{client} \"password P17\"")),
            (Curly, "facilities { http { client c { http-basic-authn { password=P17; } } } }".to_owned()),
            (Yaml, "password: \"P17\" x\n".to_owned()),
            (Yaml, "password: [P17\n".to_owned()),
            (Yaml, "password: |\n  P17\n x: y: z\n".to_owned()),
            (Yaml, "facilities: {http: {client: [{id: c, http-basic-authn: {password: [P17]}}]}}\n".to_owned()),
            (
                Yaml,
                "facilities: {http: {client: [{id: c, http-basic-authn: {password: P17, password: P17}}]}}\n"
                    .to_owned(),
            ),
            (Yaml, "facilities: {http: {client: [{id: c, http-basic-authn: {passwd: {a: P17}}}]}}\n".to_owned()),
            (Set, format!("{client} password x P17")),
            (Set, format!("{client} pasword P17")),
            (Set, format!("{client} password \"P17")),
            (Set, format!("{client} password 'P17")),
            (Set, format!("{client} password [ P17 ]")),
            (Set, format!("st {client} password P17")),
            (Curly, "facilities { http { client c { http-basic-authn { password x P17; } } } }".to_owned()),
            (Curly, "facilities { http { client c { http-basic-authn { pasword P17; } } } }".to_owned()),
            (Curly, "facilities { http { client c { http-basic-authn { password \"P17; } } } }".to_owned()),
            (Curly, "facilities { http { client c { http-basic-authn { password { P17; } } } } }".to_owned()),
        ];
        for (format, text) in texts {
            let told = all_told(&text, format);
            assert!(!told.contains("P17"), "{text}\n{told}");
        }
    }

    fn basic_json(members: &str) -> String {
        format!(
            "{{\"facilities\": {{\"http\": {{\"client\": [{{\"id\": \"c\", \"http-basic-authn\": {{{members}}}}}]}}}}}}"
        )
    }

    #[test]
    fn clear_text_may_be_marked_and_what_only_stands_for_a_secret_is_refused() {
        let set = |value: &str| {
            read(&format!("set facilities http client a http-basic-authn username u password {value}"), read_set)
        };
        for value in ["\"********\"", "[REDACTED]", "\"[REDACTED]\"", "<hidden>", "\"## SECRET-DATA\"", "$8$abc"] {
            assert_eq!(set(value).1.len(), 1, "{value}");
        }
        let (plain, marked) = (set("open sesame"), set("$0$*****"));
        assert_eq!((plain.1.len(), marked.1.len()), (1, 0));
        assert_eq!(clients(&set("$0$plain").0), clients(&set("plain").0));
        assert_ne!(clients(&marked.0), clients(&set("plain").0));
    }

    #[test]
    fn a_json_number_or_boolean_is_hinted_into_quotes_only_where_that_makes_it_a_value() {
        let client = |member: &str| {
            let text = format!("{{\"facilities\": {{\"http\": {{\"client\": [{{\"id\": {member}}}]}}}}}}");
            all_told(&text, crate::codec::Format::Json)
        };
        assert!(client("7").contains("hint: write `\"7\"`"), "{}", client("7"));
        for word in ["true", "7"] {
            let told = client(&format!("\"c\", \"scheme\": {word}"));
            assert!(told.contains(&format!("`{word}` is not a valid value: expected `http` or `https`")), "{told}");
            assert!(!told.contains("hint: write"), "{told}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_word() {
        assert_eq!(read("\u{feff}set facilities http client b", read_set).1, Vec::<String>::new());
        assert_eq!(read("\u{feff}facilities { http { client b; } }", read_curly).1, Vec::<String>::new());
    }

    #[test]
    fn set_lines_delete_too_and_each_fault_has_its_line() {
        let (tree, told) = read(
            "# two clients\nset facilities http client a scheme http connect-timeout 3\nset facilities http client b\n\
             delete facilities http client a scheme\ndelete facilities http client zz\nset facilities http client\n\
             remove facilities\nset system http-server port x\n",
            read_set,
        );
        let places: Vec<&str> = told.iter().filter_map(|said| said.split(' ').next()).collect();
        assert_eq!(places, ["5:1", "6:27", "7:1", "8:29"]);
        assert_eq!(clients(&tree), "client a {\n    connect-timeout 3;\n}\nclient b;\n");
    }

    #[test]
    fn an_order_that_changed_is_a_difference() {
        let leaf = "set environments environment alarms alarm-handlers alarm-handler a delivery retry-intervals";
        let (old, _) = read(&format!("{leaf} [ 1 2 ]"), read_set);
        let (new, _) = read(&format!("{leaf} [ 2 1 ]"), read_set);
        let mut text = String::new();
        write_compare(&old, &new, &diff(&old, &new), &DataPath::ROOT, &mut text).unwrap();
        assert_eq!(
            text,
            "[edit environments environment alarms alarm-handlers alarm-handler a delivery]\n-    retry-intervals [ 1 2 ];\n\
             +    retry-intervals [ 2 1 ];\n"
        );
    }
}
