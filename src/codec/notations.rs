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
