//! Building whole nodes from the leaves up, for readers that have all of a node at once: nothing is built twice.

use super::node::Slot;
use super::{Branch, Cell, Key, List, Plan};
use crate::yang::SchemaId;

impl Branch {
    /// Builds the content of a container or list entry from its children.
    ///
    /// Children may come in any order; of a repeated one the last counts, of two cases of a choice the later one.
    /// Empty lists and empty containers without presence are left out: they do not exist by themselves.
    #[must_use]
    pub fn assemble(plan: &Plan, children: Vec<(SchemaId, Cell)>) -> Self {
        let schema = plan.schema();
        let mut slots: Vec<Slot> = Vec::with_capacity(children.len());
        for (id, cell) in children {
            let node = schema.node(id);
            if says_nothing(&cell) && !node.is_presence_container() {
                continue;
            }
            slots.retain(|slot| slot.id != id && !plan.excludes(id, slot.id));
            slots.push(Slot { order: node.slot, id, cell });
        }
        slots.sort_by_key(|slot| slot.order);
        Self::from_slots(slots)
    }
}

fn says_nothing(cell: &Cell) -> bool {
    match cell {
        Cell::Container(branch) => branch.is_empty(),
        Cell::List(list) => list.is_empty(),
        Cell::LeafList(values) => values.is_empty(),
        Cell::Leaf(_) | Cell::AnyData(_) => false,
    }
}

impl List {
    /// Builds a list from its entries, in this order where the order is the user's; of a repeated key the last counts.
    #[must_use]
    pub fn assemble(user_ordered: bool, entries: impl IntoIterator<Item = (Key, Branch)>) -> Self {
        let mut list = Self::new(user_ordered);
        for (key, content) in entries {
            list.put(key, content);
        }
        list
    }
}
