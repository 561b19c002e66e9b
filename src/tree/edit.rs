//! NETCONF's edit operations with their exact errors (RFC 6241 §7.2, RFC 7950 §7.5.8, §7.6.7, §7.7.9, §7.8.6, §15).

use super::{Branch, Cell, DataPath, DataTree, EditError, Key, Position, Value};
use crate::yang::{NodeKind, SchemaNode};

/// What is done with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Operation {
    /// It is brought together with what is there.
    #[default]
    Merge,
    /// It takes the place of what is there.
    Replace,
    /// It comes into being, and must not be there before.
    Create,
    /// It goes, and must have been there.
    Delete,
    /// It goes, if it is there.
    Remove,
    /// Nothing; it must be there when something is done below it. Only as a default operation.
    None,
}

/// One node of an edit.
#[derive(Debug, Clone, PartialEq)]
pub struct EditNode {
    /// Where; of a leaf-list, without the value.
    pub path: DataPath,
    /// What is done; where it is not said, what is done with what holds it.
    pub operation: Option<Operation>,
    /// What it is.
    pub content: EditContent,
    /// Where it goes among the entries or values that the user orders.
    pub insert: Option<Position>,
}

/// What a node of an edit holds.
#[derive(Debug, Clone, PartialEq)]
pub enum EditContent {
    /// A container or a list entry with what is in it; keys are said by the path.
    Inner(Vec<EditNode>),
    /// A leaf's value, or one of a leaf-list; none where it is deleted.
    Value(Option<Value>),
    /// `anydata`, as JSON text.
    AnyData(String),
}

/// NETCONF's name for a fault (RFC 6241 appendix A).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of RFC 6241")]
pub enum ErrorTag {
    DataExists,
    DataMissing,
    BadAttribute,
    UnknownAttribute,
    BadElement,
}

impl ErrorTag {
    /// Returns the name as NETCONF writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DataExists => "data-exists",
            Self::DataMissing => "data-missing",
            Self::BadAttribute => "bad-attribute",
            Self::UnknownAttribute => "unknown-attribute",
            Self::BadElement => "bad-element",
        }
    }
}

/// Why an operation is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct OperationError {
    /// NETCONF's name for the fault.
    pub tag: ErrorTag,
    /// RFC 7950 §15's name for it.
    pub app_tag: Option<&'static str>,
    /// Where.
    pub path: DataPath,
    /// What is wrong.
    pub message: String,
}

/// Deepest nesting of an edit: no schema is deeper, and making it recurses.
const DEPTH_MAX: usize = 200;

impl DataTree {
    /// Makes an edit wholly or, where any of it is refused, not at all.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn edit(&mut self, edits: &[EditNode], default: Operation) -> Result<(), Vec<OperationError>> {
        let mut editor = Editor { tree: self.clone(), errors: Vec::new() };
        for edit in edits {
            editor.node(edit, default, 0);
        }
        if !editor.errors.is_empty() {
            return Err(editor.errors);
        }
        *self = editor.tree;
        Ok(())
    }
}

struct Editor {
    tree: DataTree,
    errors: Vec<OperationError>,
}

impl Editor {
    fn refuse(&mut self, tag: ErrorTag, app_tag: Option<&'static str>, path: &DataPath, what: &str) {
        let name = self.tree.schema().node(path.schema_id()).name.to_string();
        self.errors.push(OperationError { tag, app_tag, path: path.clone(), message: format!("`{name}` {what}") });
    }

    fn node(&mut self, edit: &EditNode, inherited: Operation, depth: usize) {
        let operation = edit.operation.unwrap_or(inherited);
        if depth > DEPTH_MAX {
            return self.refuse(ErrorTag::BadElement, None, &edit.path, "is nested too deep");
        }
        if edit.insert.is_some() && !is_user_ordered(self.tree.schema().node(edit.path.schema_id())) {
            return self.refuse(ErrorTag::UnknownAttribute, None, &edit.path, "is not ordered by the user");
        }
        let place = self.place(edit);
        let exists = self.tree.get(&place).is_some();
        match operation {
            Operation::Create if exists => self.refuse(ErrorTag::DataExists, None, &place, "is there already"),
            Operation::Delete if !exists => self.refuse(ErrorTag::DataMissing, None, &place, "is not there"),
            Operation::None if !exists && !self.is_plain(&place) => {
                self.refuse(ErrorTag::DataMissing, None, &place, "is not there");
            }
            Operation::Delete | Operation::Remove => drop(self.tree.remove(&place)),
            Operation::None => self.inner(edit, operation, depth),
            Operation::Merge | Operation::Create => self.put(edit, &place, operation, depth),
            Operation::Replace => {
                self.clear(edit, &place);
                self.put(edit, &place, operation, depth);
            }
        }
    }

    /// Returns the path of a node, of a leaf-list's value with the value.
    fn place(&self, edit: &EditNode) -> DataPath {
        let is_list = matches!(self.tree.schema().node(edit.path.schema_id()).kind, NodeKind::LeafList(_));
        match &edit.content {
            EditContent::Value(Some(value)) if is_list => edit.path.entry(Key::One(value.clone())),
            _ => edit.path.clone(),
        }
    }

    /// A container without presence is there whether anything is in it or not.
    fn is_plain(&self, path: &DataPath) -> bool {
        matches!(self.tree.schema().node(path.schema_id()).kind, NodeKind::Container { presence: None })
    }

    fn inner(&mut self, edit: &EditNode, operation: Operation, depth: usize) {
        if let EditContent::Inner(children) = &edit.content {
            for child in children {
                self.node(child, operation, depth + 1);
            }
        }
    }

    /// Empties a container or an entry, which keeps its place among the others.
    fn clear(&mut self, edit: &EditNode, place: &DataPath) {
        if matches!(edit.content, EditContent::Inner(_)) && self.tree.get(place).is_some() {
            // The kind is right: it is the one that is there.
            self.tree.put(place, Cell::Container(Branch::default())).ok();
        }
    }

    fn put(&mut self, edit: &EditNode, place: &DataPath, operation: Operation, depth: usize) {
        let before = self.tree.clone();
        let made = match &edit.content {
            EditContent::Inner(_) => self.tree.create(place).map(|_| ()),
            EditContent::AnyData(text) => self.tree.put(place, Cell::AnyData(text.as_str().into())).map(|_| ()),
            EditContent::Value(Some(value)) if *place != edit.path => {
                self.tree.add_value(&edit.path, value.clone(), &Position::Last).map(|_| ())
            }
            EditContent::Value(Some(value)) => self.tree.set(place, value.clone()).map(|_| ()),
            EditContent::Value(None) => return self.refuse(ErrorTag::BadElement, None, place, "has no value"),
        };
        if let Err(error) = made {
            self.tree = before;
            return self.refuse(ErrorTag::BadElement, None, place, &error.to_string());
        }
        if let Some(position) = &edit.insert {
            match self.moved(edit, place, position) {
                Ok(()) => {}
                Err(EditError::NotFound) => {
                    self.tree = before;
                    let what = "cannot stand beside what is not there";
                    return self.refuse(ErrorTag::BadAttribute, Some("missing-instance"), place, what);
                }
                Err(error) => return self.refuse(ErrorTag::BadElement, None, place, &error.to_string()),
            }
        }
        self.inner(edit, if operation == Operation::Replace { Operation::Merge } else { operation }, depth);
    }

    fn moved(&mut self, edit: &EditNode, place: &DataPath, position: &Position) -> Result<(), EditError> {
        let EditContent::Value(Some(value)) = &edit.content else {
            return self.tree.move_entry(place, position);
        };
        let neighbour = match position {
            Position::Before(key) | Position::After(key) => key.values().first(),
            Position::First | Position::Last => None,
        };
        // Beside itself it stands already.
        if neighbour == Some(value) {
            return Ok(());
        }
        self.tree.remove(place);
        self.tree.add_value(&edit.path, value.clone(), position).map(|_| ())
    }
}

fn is_user_ordered(node: &SchemaNode) -> bool {
    match &node.kind {
        NodeKind::List(list) => list.user_ordered,
        NodeKind::LeafList(list) => list.user_ordered,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::*;
    use crate::diagnostic::Source;
    use crate::yang::{CompileOptions, compile};
    use std::sync::Arc;

    fn tree() -> DataTree {
        let text = r#"module e { yang-version 1.1; namespace "urn:e"; prefix e;
          container c { leaf a { type string; } leaf b { type string; default x; } }
          list l { key k; ordered-by user; leaf k { type string; } leaf v { type string; } leaf w { type string; } }
          leaf-list u { ordered-by user; type string; }
          leaf-list s { type string; }
          list sorted { key k; leaf k { type string; } }
          choice ch { leaf one { type string; } leaf two { type string; } } }"#;
        let (schema, _) = compile(&[Source::new("e.yang", text)], &CompileOptions::default()).unwrap();
        DataTree::new(Plan::new(Arc::new(schema)))
    }

    fn path(text: &str) -> DataPath {
        DataPath::parse(tree().schema(), text).unwrap()
    }

    fn key(text: &str) -> Key {
        Key::One(Value::Text(text.into()))
    }

    fn leaf(at: &str, operation: Option<Operation>, value: &str) -> EditNode {
        let value = Some(Value::Text(value.into()));
        EditNode { path: path(at), operation, content: EditContent::Value(value), insert: None }
    }

    fn inner(at: &str, operation: Option<Operation>, children: Vec<EditNode>) -> EditNode {
        EditNode { path: path(at), operation, content: EditContent::Inner(children), insert: None }
    }

    fn made(tree: &mut DataTree, edits: &[EditNode]) -> Vec<String> {
        let errors = tree.edit(edits, Operation::Merge).err().unwrap_or_default();
        errors.iter().map(|e| format!("{} {}", e.tag.name(), e.app_tag.unwrap_or("-"))).collect()
    }

    fn shown(tree: &DataTree) -> String {
        let walk = |list: &str| match tree.get(&path(list)) {
            Some(found) => match found.as_list() {
                Some(list) => list.keys().map(|k| k.values()[0].to_string()).collect::<Vec<_>>().join(" "),
                None => found.values().iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            },
            None => String::new(),
        };
        format!("{} | {}", walk("/e:l"), walk("/e:u"))
    }

    #[test]
    fn create_and_delete_ask_what_was_there_before() {
        let mut tree = tree();
        assert_eq!(made(&mut tree, &[leaf("/e:c/a", Some(Operation::Delete), "x")]), ["data-missing -"]);
        assert_eq!(made(&mut tree, &[leaf("/e:c/a", Some(Operation::Remove), "x")]), Vec::<String>::new());
        assert_eq!(made(&mut tree, &[leaf("/e:c/a", Some(Operation::Create), "x")]), Vec::<String>::new());
        assert_eq!(made(&mut tree, &[leaf("/e:c/a", Some(Operation::Create), "x")]), ["data-exists -"]);
        // A default that nobody set is not there.
        assert_eq!(made(&mut tree, &[leaf("/e:c/b", Some(Operation::Create), "x")]), Vec::<String>::new());
        assert_eq!(made(&mut tree, &[inner("/e:c", Some(Operation::Delete), vec![])]), Vec::<String>::new());
        assert!(tree.is_empty());
    }

    #[test]
    fn an_edit_that_is_refused_in_part_changes_nothing() {
        let mut tree = tree();
        let edits = [
            leaf("/e:c/a", None, "x"),
            leaf("/e:one", Some(Operation::Delete), "x"),
            inner("/e:l[k='a']", Some(Operation::Delete), vec![]),
        ];
        assert_eq!(made(&mut tree, &edits), ["data-missing -", "data-missing -"]);
        assert!(tree.is_empty());
    }

    #[test]
    fn replace_drops_what_it_does_not_say_and_merge_keeps_it() {
        let mut tree = tree();
        made(
            &mut tree,
            &[inner("/e:l[k='a']", None, vec![leaf("/e:l[k='a']/v", None, "1")]), inner("/e:l[k='b']", None, vec![])],
        );
        made(&mut tree, &[inner("/e:l[k='a']", None, vec![leaf("/e:l[k='a']/w", None, "2")])]);
        assert!(tree.get(&path("/e:l[k='a']/v")).is_some());
        made(&mut tree, &[inner("/e:l[k='a']", Some(Operation::Replace), vec![leaf("/e:l[k='a']/w", None, "3")])]);
        assert!(tree.get(&path("/e:l[k='a']/v")).is_none() && tree.get(&path("/e:l[k='a']/w")).is_some());
        assert_eq!(shown(&tree), "a b | ");
        made(&mut tree, &[leaf("/e:one", None, "1")]);
        made(&mut tree, &[leaf("/e:two", None, "2")]);
        assert!(tree.get(&path("/e:one")).is_none());
    }

    #[test]
    fn insert_places_entries_and_values_that_the_user_orders() {
        let mut tree = tree();
        let at = |text: &str, position| EditNode { insert: Some(position), ..inner(text, None, vec![]) };
        let value = |text: &str, position| EditNode { insert: Some(position), ..leaf("/e:u", None, text) };
        made(&mut tree, &[inner("/e:l[k='a']", None, vec![]), inner("/e:l[k='b']", None, vec![])]);
        made(&mut tree, &[at("/e:l[k='c']", Position::First), at("/e:l[k='d']", Position::After(key("c")))]);
        made(&mut tree, &[at("/e:l[k='a']", Position::Last), at("/e:l[k='b']", Position::Before(key("c")))]);
        made(&mut tree, &[leaf("/e:u", None, "1"), leaf("/e:u", None, "2"), value("3", Position::Before(key("2")))]);
        made(&mut tree, &[value("2", Position::First), value("2", Position::After(key("2")))]);
        assert_eq!(shown(&tree), "b c d a | 2 1 3");
        assert_eq!(
            made(&mut tree, &[at("/e:l[k='x']", Position::After(key("y")))]),
            ["bad-attribute missing-instance"]
        );
        assert_eq!(made(&mut tree, &[value("9", Position::Before(key("8")))]), ["bad-attribute missing-instance"]);
        assert_eq!(made(&mut tree, &[at("/e:sorted[k='x']", Position::First)]), ["unknown-attribute -"]);
        assert_eq!(shown(&tree), "b c d a | 2 1 3");
    }

    #[test]
    fn no_default_operation_asks_for_what_it_leads_through() {
        let mut tree = tree();
        let deep = inner("/e:l[k='a']", None, vec![leaf("/e:l[k='a']/v", Some(Operation::Merge), "1")]);
        let errors = tree.edit(std::slice::from_ref(&deep), Operation::None).unwrap_err();
        assert_eq!(errors[0].tag, ErrorTag::DataMissing);
        made(&mut tree, &[inner("/e:l[k='a']", None, vec![])]);
        assert!(tree.edit(&[deep], Operation::None).is_ok());
        assert!(tree.get(&path("/e:l[k='a']/v")).is_some());
    }
}
