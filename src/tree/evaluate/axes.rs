//! Where axes lead in the accessible tree (XPath 1.0 §2.2).

use super::super::access::{Access, Node};
use super::{EvaluationError, Evaluator, Selected};
use crate::yang::SchemaId;
use crate::yang::xpath::{Axis, NodeTest, Step};

impl<'t> Evaluator<'_, 't> {
    /// Returns what a step leads to from a node before its predicates, in the order that positions count in.
    pub(super) fn along(&self, step: &Step, from: &Node<'t>) -> Selected<'t> {
        if let (Axis::Child, Some(ids)) = (step.axis, &step.ids) {
            let mut found = Vec::new();
            for id in ids {
                self.access.child(from, *id, &mut found)?;
            }
            // Positions count keys first, and the schema may have them later.
            return Ok(if ids.len() > 1 { self.in_order(found) } else { found });
        }
        let mut found = self.all_along(step.axis, from, matches!(step.test, NodeTest::Text))?;
        self.spend(found.len())?;
        found.retain(|node| self.passes(node, &step.test));
        Ok(found)
    }

    fn passes(&self, node: &Node<'t>, test: &NodeTest) -> bool {
        let is_element = !node.is_text() && node.id() != SchemaId::ROOT;
        let schema = self.access.schema_node(node.id());
        match test {
            NodeTest::Node => true,
            NodeTest::Text => node.is_text(),
            NodeTest::Nothing => false,
            NodeTest::Any => is_element,
            NodeTest::AnyOf(module) => is_element && schema.module == *module,
            NodeTest::Name(modules, name) => is_element && schema.name == *name && modules.contains(&schema.module),
        }
    }

    fn children(&self, of: &Node<'t>, texts: bool) -> Selected<'t> {
        let mut found = Vec::new();
        if texts {
            found.extend(Access::text(of));
        }
        self.access.children(of, &mut found)?;
        Ok(found)
    }

    fn all_along(&self, axis: Axis, from: &Node<'t>, texts: bool) -> Selected<'t> {
        let ancestors = |from: &Node<'t>| {
            std::iter::successors(from.parent().cloned(), |node| node.parent().cloned()).collect::<Vec<_>>()
        };
        Ok(match axis {
            Axis::SelfNode => vec![from.clone()],
            Axis::Child => self.children(from, true)?,
            Axis::Parent => from.parent().cloned().into_iter().collect(),
            Axis::Ancestor => ancestors(from),
            Axis::AncestorOrSelf => std::iter::once(from.clone()).chain(ancestors(from)).collect(),
            Axis::Descendant => self.descendants(from, false, texts)?,
            Axis::DescendantOrSelf => self.descendants(from, true, texts)?,
            Axis::FollowingSibling => self.siblings(from, false)?,
            Axis::PrecedingSibling => self.siblings(from, true)?,
            Axis::Following => {
                let mut found = Vec::new();
                for up in std::iter::once(from.clone()).chain(ancestors(from)) {
                    for sibling in self.siblings(&up, false)? {
                        found.extend(self.descendants(&sibling, true, texts)?);
                    }
                }
                found
            }
            Axis::Preceding => {
                let mut found = Vec::new();
                for up in std::iter::once(from.clone()).chain(ancestors(from)) {
                    for sibling in self.siblings(&up, true)? {
                        found.extend(self.descendants(&sibling, true, texts)?.into_iter().rev());
                    }
                }
                found
            }
            Axis::Attribute | Axis::Namespace => Vec::new(),
        })
    }

    fn descendants(&self, of: &Node<'t>, or_self: bool, texts: bool) -> Selected<'t> {
        let mut found = Vec::new();
        let mut pending = if or_self { vec![of.clone()] } else { self.reversed(of, texts)? };
        while let Some(node) = pending.pop() {
            self.spend(1)?;
            pending.extend(self.reversed(&node, texts)?);
            found.push(node);
        }
        Ok(found)
    }

    fn reversed(&self, of: &Node<'t>, texts: bool) -> Selected<'t> {
        let mut children = self.children(of, texts)?;
        children.reverse();
        Ok(children)
    }

    /// Returns the siblings behind a node, or those before it, the nearest first.
    fn siblings(&self, of: &Node<'t>, before: bool) -> Result<Vec<Node<'t>>, EvaluationError> {
        let Some(parent) = of.parent() else { return Ok(Vec::new()) };
        let plan = self.access.plan();
        let mut all = self.children(parent, false)?;
        all.retain(|node| if before { node.order(of, plan).is_lt() } else { node.order(of, plan).is_gt() });
        if before {
            all.reverse();
        }
        Ok(all)
    }
}
