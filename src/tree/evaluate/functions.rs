//! The function library (XPath 1.0 §4, RFC 7950 §10).

use super::super::Value;
use super::super::access::Node;
use super::{Evaluated, EvaluationError, Evaluator, Focus, Object, Selected, leafref_instances, number};
use crate::tree::DataPath;
use crate::yang::xpath::{Expr, Function, compile_pattern, find_identity};
use crate::yang::{BaseType, IdentityId, NodeKind, Type};

impl<'t> Evaluator<'_, 't> {
    /// Calls a function; the compiler has seen to the number and kinds of its arguments.
    pub(super) fn call(&self, function: Function, arguments: &[Expr], focus: &Focus<'_, 't>) -> Evaluated<'t> {
        use Function as F;
        let text = |at: usize| match arguments.get(at) {
            Some(argument) => self.text(argument, focus),
            None => self.string_value(focus.node),
        };
        let number = |at: usize| match arguments.get(at) {
            Some(argument) => self.number(argument, focus),
            None => Ok(number::parse(&self.string_value(focus.node)?)),
        };
        let nodes = |at: usize| match arguments.get(at) {
            Some(argument) => self.nodes(argument, focus),
            None => Ok(vec![focus.node.clone()]),
        };
        Ok(match function {
            F::True => Object::Boolean(true),
            // No data tree has the attribute that `lang` asks for.
            F::False | F::Lang => Object::Boolean(false),
            F::Boolean | F::Not => {
                let is_true = match arguments.first() {
                    Some(argument) => self.boolean(argument, focus)?,
                    None => false,
                };
                Object::Boolean(is_true == (function == F::Boolean))
            }
            F::Current => Object::Nodes(vec![focus.current.clone()]),
            F::Id => Object::Nodes(Vec::new()),
            F::Position => counted(focus.position),
            F::Last => counted(focus.last),
            F::Count => match arguments.first() {
                Some(Expr::Path(path)) => counted(self.count(path, focus)?),
                _ => counted(nodes(0)?.len()),
            },
            F::Sum => {
                let mut sum = 0.0;
                for node in nodes(0)? {
                    sum += number::parse(&self.string_value(&node)?);
                }
                Object::Number(sum)
            }
            F::Number => Object::Number(number(0)?),
            F::Ceiling => Object::Number(number(0)?.ceil()),
            F::Floor => Object::Number(number(0)?.floor()),
            F::Round => Object::Number(number::round(number(0)?)),
            F::Name | F::LocalName | F::NamespaceUri => Object::Text(match nodes(0)?.first() {
                Some(node) => self.name(function, node, focus),
                None => String::new(),
            }),
            F::ReMatch => {
                let pattern = compile_pattern(&text(1)?).map_err(EvaluationError::Pattern)?;
                Object::Boolean(pattern.is_match(&text(0)?))
            }
            F::DerivedFrom | F::DerivedFromOrSelf => {
                let base = self.identity(&text(1)?, focus);
                let or_self = function == F::DerivedFromOrSelf;
                let nodes = nodes(0)?;
                Object::Boolean(base.is_some_and(|base| self.is_derived(&nodes, base, or_self)))
            }
            F::EnumValue => Object::Number(nodes(0)?.first().map_or(f64::NAN, |node| self.enum_value(node))),
            F::BitIsSet => {
                let bit = text(1)?;
                let is_set = nodes(0)?.first().and_then(Node::value).is_some_and(|value| match value {
                    Value::Bits(set) => set.split(' ').any(|name| name == bit),
                    _ => false,
                });
                Object::Boolean(is_set)
            }
            F::Deref => Object::Nodes(match nodes(0)?.first() {
                Some(node) => self.deref(node)?,
                None => Vec::new(),
            }),
            _ => self.call_on_texts(function, arguments, focus)?,
        })
    }

    /// XPath 1.0 §4.2.
    fn call_on_texts(&self, function: Function, arguments: &[Expr], focus: &Focus<'_, 't>) -> Evaluated<'t> {
        use Function as F;
        let text = |at: usize| match arguments.get(at) {
            Some(argument) => self.text(argument, focus),
            None => self.string_value(focus.node),
        };
        let number = |at: usize| match arguments.get(at) {
            Some(argument) => self.number(argument, focus),
            None => Ok(f64::NAN),
        };
        Ok(match function {
            F::StringLength => counted(text(0)?.chars().count()),
            F::NormalizeSpace => {
                let given = text(0)?;
                let blanks = [' ', '\t', '\n', '\r'];
                Object::Text(given.split(blanks).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "))
            }
            F::Concat => {
                let mut all = String::new();
                for argument in arguments {
                    all.push_str(&self.text(argument, focus)?);
                    self.spend(all.len() / 64)?;
                }
                Object::Text(all)
            }
            F::Contains => Object::Boolean(text(0)?.contains(&text(1)?)),
            F::StartsWith => Object::Boolean(text(0)?.starts_with(&text(1)?)),
            F::SubstringBefore => {
                let (given, mark) = (text(0)?, text(1)?);
                Object::Text(given.split_once(&mark).map_or_else(String::new, |(before, _)| before.to_owned()))
            }
            F::SubstringAfter => {
                let (given, mark) = (text(0)?, text(1)?);
                Object::Text(given.split_once(&mark).map_or_else(String::new, |(_, after)| after.to_owned()))
            }
            F::Substring => {
                let length = if arguments.len() > 2 { Some(number(2)?) } else { None };
                Object::Text(substring(&text(0)?, number(1)?, length))
            }
            F::Translate => Object::Text(translate(&text(0)?, &text(1)?, &text(2)?)),
            _ => Object::Text(text(0)?),
        })
    }

    fn name(&self, function: Function, node: &Node<'t>, focus: &Focus<'_, 't>) -> String {
        let schema = self.access.schema_node(node.id());
        if matches!(schema.kind, NodeKind::Root) || node.is_text() {
            return String::new();
        }
        let module = self.schema().module(schema.module);
        match function {
            Function::LocalName => schema.name.to_string(),
            Function::NamespaceUri => module.namespace.to_string(),
            _ => {
                let prefixes = &self.schema().module(focus.expression.module).prefixes;
                let own = prefixes.iter().filter(|(_, known)| **known == schema.module).map(|(prefix, _)| prefix).min();
                format!("{}:{}", own.unwrap_or(&module.prefix), schema.name)
            }
        }
    }

    /// Returns the identity that a text names where an expression stands.
    fn identity(&self, text: &str, focus: &Focus<'_, 't>) -> Option<IdentityId> {
        let schema = self.schema();
        let module = focus.expression.module;
        let (module, name) = match text.split_once(':') {
            None => (module, text),
            Some((prefix, name)) => {
                let by_prefix = schema.module(module).prefixes.get(prefix).copied();
                (by_prefix.or_else(|| schema.module_by_name(prefix))?, name)
            }
        };
        find_identity(schema, module, name)
    }

    /// RFC 7950 §10.4: whether one of the nodes holds an identity that is derived from another.
    pub(super) fn is_derived(&self, nodes: &[Node<'t>], base: IdentityId, or_self: bool) -> bool {
        let schema = self.schema();
        nodes.iter().any(|node| {
            let Some(Value::Identity(name)) = node.value() else { return false };
            let found = name.split_once(':').and_then(|(module, name)| {
                let module = schema.module_by_name(module)?;
                find_identity(schema, module, name)
            });
            found.is_some_and(|id| (or_self || id != base) && schema.is_derived_or_self(id, base))
        })
    }

    fn enum_value(&self, node: &Node<'t>) -> f64 {
        fn value_in(ty: &Type, name: &str) -> Option<i32> {
            match &ty.base {
                BaseType::Enumeration(members) => members.iter().find(|m| &*m.name == name).map(|m| m.value),
                BaseType::Leafref(leafref) => value_in(&leafref.target_type, name),
                BaseType::Union(members) => members.iter().find_map(|member| value_in(member, name)),
                _ => None,
            }
        }
        let Some(Value::Enumeration(name)) = node.value() else { return f64::NAN };
        let ty = self.access.schema_node(node.id()).ty();
        ty.and_then(|ty| value_in(ty, name)).map_or(f64::NAN, f64::from)
    }

    /// RFC 7950 §10.3: what a leafref or instance-identifier refers to.
    fn deref(&self, node: &Node<'t>) -> Selected<'t> {
        fn leafrefs<'y>(ty: &'y Type, found: &mut Vec<&'y crate::yang::Leafref>) {
            match &ty.base {
                BaseType::Leafref(leafref) => found.push(leafref),
                BaseType::Union(members) => members.iter().for_each(|member| leafrefs(member, found)),
                _ => {}
            }
        }
        let Some(value) = node.value() else { return Ok(Vec::new()) };
        if let Value::Instance(text) = value {
            let path = DataPath::parse(self.schema(), text).ok();
            return Ok(match path {
                Some(path) => self.access.find(&path)?.into_iter().collect(),
                None => Vec::new(),
            });
        }
        let mut found = Vec::new();
        let mut known = Vec::new();
        if let Some(ty) = self.access.schema_node(node.id()).ty() {
            leafrefs(ty, &mut known);
        }
        for leafref in known {
            leafref_instances(self.access, node, leafref, Some(value), &mut |target| {
                found.push(target);
                true
            })?;
        }
        Ok(self.in_order(found))
    }
}

#[allow(clippy::cast_precision_loss, reason = "no node-set and no text has 2^52 parts")]
fn counted<'t>(count: usize) -> Object<'t> {
    Object::Number(count as f64)
}

/// XPath 1.0 §4.2, `substring()`: positions are rounded and may lie outside.
fn substring(text: &str, start: f64, length: Option<f64>) -> String {
    let start = number::round(start);
    let end = length.map(|length| start + number::round(length));
    let mut position = 0.0;
    let mut kept = String::new();
    for c in text.chars() {
        position += 1.0;
        if position >= start && end.is_none_or(|end| position < end) {
            kept.push(c);
        }
    }
    kept
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let mut map = std::collections::HashMap::new();
    let mut targets = to.chars();
    for c in from.chars() {
        let target = targets.next();
        map.entry(c).or_insert(target);
    }
    text.chars().filter_map(|c| map.get(&c).copied().unwrap_or(Some(c))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substrings_follow_the_examples_of_the_recommendation() {
        assert_eq!(substring("12345", 1.5, Some(2.6)), "234");
        assert_eq!(substring("12345", 0.0, Some(3.0)), "12");
        assert_eq!(substring("12345", f64::NAN, Some(3.0)), "");
        assert_eq!(substring("12345", 1.0, Some(f64::NAN)), "");
        assert_eq!(substring("12345", -42.0, Some(f64::INFINITY)), "12345");
        assert_eq!(substring("12345", f64::NEG_INFINITY, Some(f64::INFINITY)), "");
        assert_eq!(translate("bar", "abc", "AB"), "BAr");
        assert_eq!(translate("--aaa--", "abc-", "ABC"), "AAA");
    }
}
