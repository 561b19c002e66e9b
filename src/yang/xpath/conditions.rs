//! Compiles every `must` and `when` of a schema, and says what is wrong in them at their places in the module text.

use super::compile::{Site, compile};
use super::expression::{Expression, Read, Route};
use super::fault::Fault;
use super::nodes::is_within;
use super::{parser, place};
use crate::diagnostic::{Diagnostic, Diagnostics, Gravity, Span};
use crate::yang::{Condition, NodeKind, SchemaId, SchemaNode, SchemaTree};
use std::sync::Arc;

/// Returns what is wrong with the form of an expression, given where it is written.
pub(in crate::yang) fn check_syntax(text: &str, span: &Span) -> Option<Diagnostic> {
    parser::parse(text).err().map(|fault| told(text, span, fault))
}

/// Compiles the conditions of all nodes of a schema.
pub(in crate::yang) fn compile_conditions(schema: &mut SchemaTree, faults: &mut Diagnostics) {
    // What refers to a node that could not be built leads nowhere: only errors count then.
    let is_whole = !faults.has_errors();
    let mut found = Diagnostics::new();
    for at in 0..schema.nodes.len() {
        let node = &schema.nodes[at];
        let own = evaluated_on(schema, node, false);
        let musts: Vec<_> = node.musts.iter().map(|c| compiled(schema, node, own, c, &mut found)).collect();
        let whens: Vec<_> = node
            .whens
            .iter()
            .map(|(c, outer)| compiled(schema, node, evaluated_on(schema, node, *outer), c, &mut found))
            .collect();
        let node = &mut schema.nodes[at];
        node.musts.iter_mut().zip(musts).for_each(|(condition, compiled)| condition.expression = compiled);
        node.whens.iter_mut().zip(whens).for_each(|((condition, _), compiled)| condition.expression = compiled);
    }
    faults.extend(found.into_iter().filter(|fault| is_whole || fault.is_error()));
}

/// RFC 7950 §7.21.5: the node itself; of a choice, a case, `uses` and `augment`, the data node that holds it.
fn evaluated_on(schema: &SchemaTree, node: &SchemaNode, outer: bool) -> SchemaId {
    let is_data = !matches!(node.kind, NodeKind::Choice { .. } | NodeKind::Case);
    if is_data && !outer {
        return node.id;
    }
    let holder = schema.node(node.data_parent);
    // Input and output are no data nodes: the operation is what the data have.
    match holder.kind {
        NodeKind::Input | NodeKind::Output => holder.data_parent,
        _ => holder.id,
    }
}

fn compiled(
    schema: &SchemaTree,
    node: &SchemaNode,
    context: SchemaId,
    condition: &Condition,
    faults: &mut Diagnostics,
) -> Option<Arc<Expression>> {
    let prefixes = &condition.prefixes;
    let site = Site { context, home: node.module, module: condition.module, prefixes };
    let (expression, found) = compile(schema, site, &condition.xpath);
    let is_sound = found.iter().all(|fault| fault.gravity == Gravity::Warning);
    for fault in found {
        faults.push(told(&condition.xpath, &condition.span, fault));
    }
    let expression = expression.filter(|_| is_sound)?;
    if let Some(what) = cost(schema, &expression) {
        let warning = Diagnostic::warning(what).at(condition.span.clone());
        faults.push(warning.hint("name the entry by its keys, best through a leafref"));
    }
    Some(Arc::new(expression))
}

fn told(text: &str, span: &Span, fault: Fault) -> Diagnostic {
    let at = place::within(text, span, fault.at.start, fault.at.end);
    let diagnostic = match fault.gravity {
        Gravity::Error => Diagnostic::error(format!("XPath: {}", fault.message)),
        Gravity::Warning => Diagnostic::warning(format!("XPath: {}", fault.message)),
    };
    let diagnostic = diagnostic.at(at);
    match fault.hint {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}

/// Returns what to say about an expression in a list that looks through a list: each change there evaluates it again for
/// every entry here.
fn cost(schema: &SchemaTree, expression: &Expression) -> Option<String> {
    let here = schema.node(expression.context).list_depth;
    let read = expression.reads.iter().find(|read| {
        let Read { node, route: Route::Within(holder), .. } = read else { return false };
        let shared = schema.node(*holder).list_depth;
        let is_beside = !is_within(schema, expression.context, *node);
        here > shared && schema.node(*node).list_depth > shared && is_beside
    });
    let place = &schema.node(expression.context).name;
    if expression.reads_anything {
        return Some(format!(
            "XPath: where this looks only the data say, so every change evaluates it for all `{place}`"
        ));
    }
    let name = &schema.node(read?.node).name;
    Some(format!("XPath: this looks through all `{name}`, so each change of one evaluates it for all `{place}`"))
}
