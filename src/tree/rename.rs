//! Giving an entry another key: its content, its place and what refers to it stay.

use super::{Cell, DataPath, DataTree, EditError, Key, Position, Value};

impl DataTree {
    /// Gives an entry another key and returns where it is then. In a list that the user orders it keeps its place. Where its
    /// list is in no other, and so its key says which entry is meant, leaves that refer to it refer to it afterwards.
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
        if above.is_empty() {
            for ((leaf, was), is) in list.keys.iter().zip(old.values()).zip(key.values()) {
                let sources: Vec<DataPath> = self.references().to(*leaf, was).cloned().collect();
                sources.into_iter().try_for_each(|source| self.refer_to(&source, was, is))?;
            }
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
