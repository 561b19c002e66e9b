//! Giving an entry another key: its content, its place and what refers to it stay.

use super::{Cell, DataPath, DataTree, EditError, Key, Position, Value};

impl DataTree {
    /// Gives an entry another key and returns where it is then. In a list that the user orders it keeps its place. Where its
    /// key is one leaf and its list in no other, so that the key says which entry is meant, leaves that refer to it refer to
    /// it afterwards.
    ///
    /// # Errors
    /// When the path leads to no entry, or to none that is there; the tree is as it was.
    pub fn rename_entry(&mut self, path: &DataPath, key: &Key) -> Result<DataPath, EditError> {
        let plan = std::sync::Arc::clone(self.plan());
        let schema = plan.schema();
        let node = schema.node(path.schema_id());
        let (Some(list), Some((old, above)), true) = (node.as_list(), path.keys().split_last(), path.is_entry(schema))
        else {
            return Err(EditError::WrongKind(path.display(schema).to_string(), "a list entry"));
        };
        let whole = DataPath::new(path.schema_id(), above.to_vec());
        let renamed = whole.entry(key.clone());
        let before = self.get(&whole).and_then(|n| n.as_list()).filter(|list| list.is_user_ordered());
        let before = before.map(|list| list.keys().take_while(|other| *other != old).last().cloned());
        let content = self.remove(path).ok_or(EditError::NotFound)?;
        self.put(&renamed, content)?;
        if let Some(before) = before {
            self.move_entry(&renamed, &before.map_or(Position::First, Position::After))?;
        }
        if let ([leaf], [was], [is], true) = (&*list.keys, old.values(), key.values(), above.is_empty()) {
            let sources: Vec<DataPath> = self.references().to(*leaf, was).cloned().collect();
            sources.into_iter().try_for_each(|source| self.refer_to(&source, was, is))?;
        }
        Ok(renamed)
    }

    /// Lets one leaf, or one value of a leaf-list, say another value. A key leaf stays: its entry would be another.
    fn refer_to(&mut self, source: &DataPath, was: &Value, is: &Value) -> Result<(), EditError> {
        let plan = std::sync::Arc::clone(self.plan());
        let schema = plan.schema();
        if schema.node(source.schema_id()).is_key() {
            return Ok(());
        }
        if source.leaf_list_value(schema).is_none() {
            self.put(source, Cell::Leaf(is.clone()))?;
            return Ok(());
        }
        let Some((_, above)) = source.keys().split_last() else { return Ok(()) };
        let whole = DataPath::new(source.schema_id(), above.to_vec());
        let Some(values) = self.get(&whole).map(|node| node.values().to_vec()) else { return Ok(()) };
        let values = values.into_iter().map(|value| if value == *was { is.clone() } else { value });
        self.set_values(&whole, values.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::arbitrary::plan;

    fn path(tree: &DataTree, text: &str) -> DataPath {
        DataPath::parse(tree.schema(), text).unwrap()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn keys(tree: &DataTree) -> Vec<String> {
        let list = tree.get(&path(tree, "/arb:queue")).unwrap();
        list.entries().map(|entry| entry.key().unwrap().values()[0].to_string()).collect()
    }

    #[test]
    fn an_entry_keeps_its_content_its_place_and_those_who_refer_to_it() {
        let mut tree = DataTree::new(plan());
        for (id, next) in [("a", "b"), ("b", "b"), ("c", "b")] {
            for (leaf, value) in [("required", "r"), ("next", next)] {
                let at = path(&tree, &format!("/arb:queue[id='{id}']/{leaf}"));
                tree.set(&at, text(value)).unwrap();
            }
        }
        let (from, mut same) = (path(&tree, "/arb:queue[id='b']"), tree.clone());
        let to = tree.rename_entry(&from, &Key::One(text("z"))).unwrap();
        assert_eq!(to, path(&tree, "/arb:queue[id='z']"));
        assert_eq!(keys(&tree), ["a", "z", "c"]);
        for id in ["a", "z", "c"] {
            let next = tree.get(&path(&tree, &format!("/arb:queue[id='{id}']/next"))).unwrap();
            assert_eq!(next.value(), Some(&text("z")), "{id}");
        }
        assert_eq!(tree.get(&path(&tree, "/arb:queue[id='z']/required")).unwrap().value(), Some(&text("r")));
        // What is indexed is what a tree built like this has.
        assert_eq!(tree.references().len(), same.references().len());
        same.rename_entry(&from, &Key::One(text("b"))).unwrap();
        assert_eq!(keys(&same), ["a", "b", "c"]);
        assert_eq!(tree.rename_entry(&from, &Key::One(text("y"))), Err(EditError::NotFound));
        let leaf = path(&tree, "/arb:queue[id='z']/required");
        assert!(matches!(tree.rename_entry(&leaf, &Key::One(text("y"))), Err(EditError::WrongKind(..))));
    }
}
