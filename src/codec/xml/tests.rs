//! What is XML and what is not, and how instance data stands in it.

use crate::codec::{Builder, Rules, XmlFrame, read_json, read_xml, write_json, write_xml};
use crate::diagnostic::{Source, Span};
use crate::tree::arbitrary::{HexSealer, plan, trees};
use crate::tree::{DataPath, DataTree};
use proptest::prelude::*;

fn read(text: &str) -> (DataTree, Vec<String>) {
    let mut builder = Builder::new(DataTree::new(plan()), &HexSealer);
    read_xml(&mut builder, &Source::new("t", text));
    let told = builder.diagnostics.iter().map(|d| {
        let (line, column) = d.span.as_ref().map_or((0, 0), Span::line_column);
        format!("{line}:{column} {}", d.message)
    });
    let told = told.collect();
    (builder.tree, told)
}

fn xml(tree: &DataTree) -> String {
    let mut text = String::new();
    write_xml(&mut text, tree, &DataPath::ROOT, XmlFrame::Bare).unwrap();
    text
}

fn json(tree: &DataTree) -> String {
    let mut text = String::new();
    write_json(&mut text, tree, &DataPath::ROOT, crate::codec::JsonLayout::Compact).unwrap();
    text
}

/// Asserts what a document makes, as JSON.
fn assert_makes(text: &str, expected: &str) {
    let (tree, told) = read(text);
    assert_eq!(told, [""; 0], "{text}");
    assert_eq!(json(&tree), expected, "{text}");
}

#[test]
fn what_is_not_xml_is_refused_at_its_place() {
    for (text, expected) in [
        ("<a", "1:1 tag not closed: `>` not found before end of input"),
        ("<top xmlns='urn:arb'>", "1:22 the text ends here inside `<top>`"),
        ("<top xmlns='urn:arb'></tip>", "1:22 expected `</top>`, found `</tip>`"),
        ("<top xmlns='urn:arb'/></top>", "1:23 `</top>` without its start tag"),
        ("<top xmlns='urn:arb' a='1' a='2'/>", "1:28 the attribute `a` is given twice"),
        ("<top xmlns='urn:arb' xmlns:p='u' xmlns:q='u' p:a='1' q:a='2'/>", "1:54 the attribute `q:a` is given twice"),
        ("<top xmlns='urn:arb' a='<'/>", "1:22 `<` in an attribute"),
        ("<top xmlns='urn:arb' a=1/>", "1:24 expected attributes as in `name=\"value\"`"),
        ("<top xmlns='urn:arb' a/>", "1:23 expected attributes as in `name=\"value\"`"),
        ("<top xmlns='urn:arb'a='1'/>", "1:21 expected a blank in front of an attribute"),
        ("<top xmlns='urn:arb' a='&b;'/>", "1:22 a reference in an attribute that stands for no character"),
        ("<!-- a -- b --><top xmlns='urn:arb'/>", "1:1 `--` inside a comment"),
        ("<!-- a ---><top xmlns='urn:arb'/>", "1:1 `--` inside a comment"),
        ("<p:top/>", "1:2 the prefix `p` is not declared"),
        ("<top xmlns='urn:arb' p:a='1'/>", "1:22 the prefix `p` is not declared"),
        ("<top xmlns:p=''/>", "1:6 `xmlns:p` declares no namespace for a prefix"),
        ("<top xmlns:xmlns='u'/>", "1:6 the prefix `xmlns` cannot be declared: it is XML's own"),
        ("<1a/>", "1:2 `1a` is not a name in XML"),
        ("<a:b:c/>", "1:2 `a:b:c` is not a name in XML"),
        ("< a/>", "1:2 `` is not a name in XML"),
        ("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "1:1 a document type (`<!DOCTYPE`) is not read"),
        ("<top xmlns='urn:arb'><text>&b;</text></top>", "1:28 `&b;` is not one of XML's own five entities"),
        ("<top xmlns='urn:arb'><text>a & b</text></top>", "1:30 `&` without its reference"),
        ("<top xmlns='urn:arb'><text>&#0;</text></top>", "1:28 `&#0;` stands for no character of XML"),
        ("<top xmlns='urn:arb'><text>&#xfffe;</text></top>", "1:28 `&#xfffe;` stands for no character of XML"),
        ("<top xmlns='urn:arb'><text>]]></text></top>", "1:28 `]]>` in a text"),
        ("<top xmlns='urn:arb'><text>\u{1}</text></top>", "1:28 the character U+0001, which XML cannot carry"),
        ("text", "1:1 expected an element, found text"),
        ("<top xmlns='urn:arb'/>text", "1:23 expected an element, found text"),
        ("&amp;", "1:1 expected an element, found text"),
        ("<![CDATA[x]]>", "1:1 expected an element, found text"),
        (
            " <?xml version='1.0'?><top xmlns='urn:arb'/>",
            "1:2 an XML declaration stands at the very start, or not at all",
        ),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "1:1 expected XML in UTF-8"),
        ("<?xml version='2.0'?><a/>", "1:1 expected XML 1.0"),
        ("<?xml encoding='UTF-8'?><a/>", "1:1 expected XML 1.0"),
        ("<?XML x?><a/>", "1:1 an XML declaration stands at the very start, or not at all"),
        ("<!ELEMENT a><a/>", "1:1 `<!` opens neither a comment nor CDATA here"),
        ("<![CDATA[x", "1:1 CDATA not closed: `]]>` not found before end of input"),
        ("<a></ a>", "1:4 expected `</a>`, found `</ a>`"),
    ] {
        assert_eq!(read(text).1.first().map(String::as_str), Some(expected), "{text}");
    }
    let deep = "<a>".repeat(100_000);
    assert!(read(&deep).1[0].starts_with("1:193 nested deeper than 64 levels"), "{:?}", read(&deep).1);
    let attributes = (0..100_000).fold(String::new(), |all, n| all + &format!(" a{n}=''"));
    assert!(read(&format!("<a{attributes}/>")).1[0].ends_with("more than 64 attributes of one element"));
}

#[test]
fn what_does_not_fit_the_schema_is_told_with_the_rest_read() {
    let (tree, told) = read(
        "<top xmlns='urn:arb'>\n <tiny>300</tiny>\n <txet>a</txet>\n <text>a</text>\n <text>b</text>\n x\n</top>\n\
         <top xmlns='urn:no'/>\n<queue xmlns='urn:arb'><id>a</id></queue><queue xmlns='urn:arb'><id>a</id></queue>\n\
         <queue xmlns='urn:arb'/><pair xmlns='urn:arb'><a>1</a></pair>\n<status xmlns='urn:arb'/>\n<top/>\n\
         <pair xmlns='urn:arb'><a>x</a><b>1</b><c><d/></c><d>e</d></pair>",
    );
    assert_eq!(
        told,
        [
            "6:2 `top` is a container: it holds elements and no text",
            "8:2 `top` is in the namespace `urn:no`, which is of no module here: it is another element",
            "9:42 the entry `id` = `a` is given twice: first at t:9:1",
            "10:1 this entry of `queue` lacks its key `id`",
            "10:25 this entry of `pair` lacks its key `b`",
            "13:42 `c` is a leaf: it holds a value and no elements",
            "13:53 `d` is a container: it holds elements and no text",
            "11:2 `status` is state (`config false`) and cannot be configured",
            "12:2 `top` has no namespace: it is another element",
        ],
        "{}",
        json(&tree)
    );
}

#[test]
fn numbers_may_have_blanks_around_them_and_texts_keep_theirs() {
    assert_makes(
        "<top xmlns='urn:arb'><tiny>\n 5 </tiny><ratio> 1.50\t</ratio><text> a </text><options> two\n zero </options>\
         <raw> AA\n== </raw></top>",
        r#"{"arb:top":{"text":" a ","tiny":5,"ratio":"1.5","raw":"AA==","options":"zero two"}}"#,
    );
    for wrong in ["<flag> true</flag>", "<colour>red </colour>", "<nothing> </nothing>", "<tiny>5 5</tiny>"] {
        assert_eq!(read(&format!("<top xmlns='urn:arb'>{wrong}</top>")).1.len(), 1, "{wrong}");
    }
}

#[test]
fn references_cdata_comments_and_line_ends_are_text_as_xml_says() {
    assert_makes(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<!-- c --><?p i?><top xmlns='urn:arb'>\
         <text>a<!-- x -->b&lt;&#65;&#x42;<![CDATA[<&]]>\r\n\r&#13;</text></top>",
        r#"{"arb:top":{"text":"ab<AB<&\n\n\r"}}"#,
    );
}

#[test]
fn prefixes_mean_what_they_are_declared_to_where_they_stand() {
    assert_makes(
        "<a:top xmlns:a='urn:arb' xmlns='urn:arb-more'><a:shape>oval</a:shape><text>x</text><a:text>y</a:text>\
         <a:shapes xmlns='urn:arb'>circle</a:shapes><a:shapes xmlns:q='urn:arb-more'>q:oval</a:shapes>\
         <a:place xmlns:p='urn:arb'>/p:pair[p:a='x'][p:b=\"1\"]/p:shape</a:place></a:top>",
        r#"{"arb:top":{"text":"y","shape":"arb-more:oval","place":"/arb:pair[a='x'][b='1']/shape","shapes":["arb-more:oval","arb:circle"],"arb-more:text":"x"}}"#,
    );
    for wrong in ["<shape>p:circle</shape>", "<place>/p:top</place>", "<shape xmlns:arb='urn:no'>arb:circle</shape>"] {
        assert_eq!(read(&format!("<top xmlns='urn:arb'>{wrong}</top>")).1.len(), 1, "{wrong}");
    }
}

#[test]
fn entries_need_not_stand_together_nor_keys_first_and_wrappers_are_looked_through() {
    let inside = "<queue xmlns='urn:arb'><required>x</required><id>b</id></queue><top xmlns='urn:arb'/>\
                  <queue xmlns='urn:arb'><id>a</id></queue>";
    let expected = r#"{"arb:queue":[{"id":"b","required":"x"},{"id":"a"}]}"#;
    assert_makes(inside, expected);
    let base = "urn:ietf:params:xml:ns:netconf:base:1.0";
    assert_makes(&format!("<config xmlns='{base}'>{inside}</config>"), expected);
    assert_makes(&format!("<rpc-reply message-id='1' xmlns='{base}'><data>{inside}</data></rpc-reply>"), expected);
    assert_makes(&format!("<config xmlns='http://tail-f.com/ns/config/1.0'>{inside}</config>"), expected);
    assert_makes(&format!("<data>{inside}</data>"), expected);
}

#[test]
fn annotations_are_passed_over_with_a_word_and_edits_are_refused() {
    let told = |attribute: &str| read(&format!("<top xmlns='urn:arb' {attribute}><text>a</text></top>")).1;
    assert_eq!(told("xmlns:o='urn:o' o:origin='x'"), ["1:38 the annotation `origin` of `top` is passed over"]);
    assert_eq!(told("xml:lang='en'"), [""; 0]);
    let base = "urn:ietf:params:xml:ns:netconf:base:1.0";
    assert_eq!(
        told(&format!("xmlns:nc='{base}' nc:operation='delete'")),
        ["1:73 the attribute `operation` asks for an edit, and a document holds data only"]
    );
    assert_eq!(told("active='no'"), ["1:22 `top` has no attribute `active`"]);
}

#[test]
fn anydata_is_kept_in_the_form_that_xml_has_for_it() {
    let json = |inside: &str| {
        let (tree, told) = read(&format!("<top xmlns='urn:arb'><notes>{inside}</notes></top>"));
        (tree.root().find("top/notes").and_then(|n| n.any_data().map(str::to_owned)), told)
    };
    let kept = |text: &str| (Some(text.to_owned()), Vec::<String>::new());
    assert_eq!(json("<a>1</a><b><c/><c>x</c></b>"), kept(r#"{"a":"1","b":{"c":["","x"]}}"#));
    assert_eq!(
        json("<a xmlns='urn:arb-more'/><b xmlns='urn:no'><c/></b>"),
        kept(r#"{"arb-more:a":"","{urn:no}b":{"c":""}}"#)
    );
    assert_eq!(json("a<b/>").1, ["1:22 `notes` holds elements and text: one of the two can be kept"]);
    assert_eq!(json("<a b='1'/>").1, ["1:32 the attribute `b` of `a` is not kept"]);
}

#[test]
fn the_outermost_element_of_a_module_declares_it_and_names_in_values_their_own() {
    let mut builder = Builder::new(DataTree::new(plan()), &HexSealer);
    let text = r#"{"arb:top": {"shape": "arb-more:oval", "place": "/arb:top/arb-more:text", "notes": {"a": 1}, "nothing": [null],
        "arb-more:more": {"x": 1}}, "arb:pair": [{"a": "]]>", "b": 2}]}"#;
    read_json(&mut builder, &Source::new("t", text));
    assert_eq!(
        xml(&builder.tree),
        "<top xmlns=\"urn:arb\">\n  <nothing/>\n  <shape xmlns:more=\"urn:arb-more\">more:oval</shape>\n  \
         <place xmlns:arb=\"urn:arb\" xmlns:more=\"urn:arb-more\">/arb:top/more:text</place>\n  <notes>\n    \
         <a xmlns:j=\"urn:annunciator:json\" j:json=\"\">1</a>\n  </notes>\n  <more xmlns=\"urn:arb-more\">\n    <x>1</x>\n  \
         </more>\n</top>\n<pair xmlns=\"urn:arb\">\n  <a>]]&gt;</a>\n  <b>2</b>\n</pair>\n"
    );
}

#[test]
fn state_may_stand_where_it_is_asked_for() {
    let text = "<status xmlns='urn:arb'><seen>1</seen></status>";
    assert_eq!(read(text).1.len(), 1);
    let mut builder =
        Builder::new(DataTree::new(plan()), &HexSealer).rules(Rules { has_state: true, ..Rules::default() });
    read_xml(&mut builder, &Source::new("t", text));
    assert!(builder.diagnostics.is_empty(), "{}", builder.diagnostics);
    assert_eq!(json(&builder.tree), r#"{"arb:status":{"seen":"1"}}"#);
}

proptest! {
    #[test]
    fn xml_reads_back_as_it_was_written(tree in trees()) {
        let text = xml(&tree);
        let (again, told) = read(&text);
        prop_assert_eq!(told, Vec::<String>::new(), "{}", text);
        prop_assert_eq!(&again, &tree, "{}\n{}", text, xml(&again));
    }

    #[test]
    fn any_text_is_read_without_panic(text in "(<[/!?]?[a-z:]{0,5}|>|/>|[ '\"=&;#a-z]|xmlns|\\PC){0,40}") {
        read(&text);
        read(&format!("<top xmlns='urn:arb'>{text}</top>"));
    }
}
