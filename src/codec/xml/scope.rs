//! Which prefix stands for which namespace, element by element (Namespaces in XML 1.0).

use crate::yang::{ModuleId, SchemaTree};
use std::borrow::Cow;
use std::sync::Arc;

/// The namespace of the prefix `xml`, which needs no declaration.
const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// A namespace and the module that it is of, if it is one of the schema's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Namespace {
    pub(super) name: Arc<str>,
    pub(super) module: Option<ModuleId>,
}

impl Namespace {
    /// Builds a namespace with the module that it is of; of several revisions the implemented one is meant.
    pub(super) fn new(schema: &SchemaTree, name: &str) -> Self {
        let of = |is_implemented: bool| {
            let is_it = |m: &crate::yang::Module| &*m.namespace == name && (m.implemented || !is_implemented);
            schema.modules().iter().position(is_it)
        };
        let at = if name.is_empty() { None } else { of(true).or_else(|| of(false)) };
        let module = at.and_then(|at| schema.module_by_name(&schema.modules().get(at)?.name));
        Self { name: Arc::from(name), module }
    }

    /// Returns whether it is none: the name stands in no namespace.
    pub(super) fn is_none(&self) -> bool {
        self.name.is_empty()
    }
}

#[derive(Debug)]
struct Binding<'s> {
    /// Empty for the default namespace.
    prefix: Cow<'s, str>,
    namespace: Namespace,
}

/// The declarations that hold here; inner ones behind outer ones.
#[derive(Debug)]
pub(super) struct Scopes<'s> {
    bindings: Vec<Binding<'s>>,
}

impl<'s> Scopes<'s> {
    pub(super) fn new(schema: &SchemaTree) -> Self {
        let binding = |prefix: &'static str, name| Binding {
            prefix: Cow::Borrowed(prefix),
            namespace: Namespace::new(schema, name),
        };
        Self { bindings: vec![binding("xml", XML_NAMESPACE), binding("", "")] }
    }

    /// Returns a mark to come back to when the element ends.
    pub(super) fn mark(&self) -> usize {
        self.bindings.len()
    }

    /// Forgets what was declared since the mark.
    pub(super) fn leave(&mut self, mark: usize) {
        self.bindings.truncate(mark);
    }

    /// Declares a prefix, the empty one for the default namespace.
    pub(super) fn declare(&mut self, prefix: &'s str, namespace: Namespace) {
        self.bindings.push(Binding { prefix: Cow::Borrowed(prefix), namespace });
    }

    /// Returns the namespace that a prefix stands for here; that of no prefix is the default.
    pub(super) fn find(&self, prefix: &str) -> Option<&Namespace> {
        self.bindings.iter().rev().find(|binding| binding.prefix == prefix).map(|binding| &binding.namespace)
    }
}
