//! Which forms of a scalar a leaf takes, and what to write instead of the others.

use super::document::{Kind, Node, Notation, Style};
use super::loader::Loader;
use super::shape::is_json_number;
use crate::diagnostic::Diagnostic;
use crate::tree::{DataPath, Form, Value, ValueError};
use crate::yang::{BaseType, SchemaNode, SchemaTree, Type};

impl Style {
    /// Returns what the way a scalar is written says of its value.
    pub(super) fn form(self) -> Form<'static> {
        match self {
            Self::Plain => Form::Any,
            Self::Quoted => Form::JsonString,
            Self::Number => Form::JsonNumber,
            Self::Boolean => Form::JsonBoolean,
            Self::Null => Form::JsonNull,
            // Names with prefixes are resolved where XML is read.
            Self::Xml => Form::Xml(&|_| None),
        }
    }
}

/// Parses a value of which its form, so far as it says more than the text, decides between the members of a union.
pub(super) fn parse_lenient(schema: &SchemaTree, ty: &Type, text: &str, style: Style) -> Result<Value, ValueError> {
    match style {
        Style::Xml => Value::parse_form(schema, ty, text, style.form()),
        _ if is_union(ty) => {
            let form = match style {
                // What YAML 1.2 makes of it where nobody knows the type.
                Style::Plain if matches!(text, "true" | "false") => Form::JsonBoolean,
                Style::Plain if is_json_number(text) => Form::JsonNumber,
                style => style.form(),
            };
            Value::parse_form(schema, ty, text, form).or_else(|_| Value::parse(schema, ty, text))
        }
        _ => Value::parse(schema, ty, text),
    }
}

impl Loader<'_, '_> {
    /// Returns the value that a node is of a type, or reports that it is none.
    pub(super) fn value(&mut self, path: &DataPath, leaf: &SchemaNode, ty: &Type, node: &Node<'_>) -> Option<Value> {
        if let Kind::Value(value) = &node.kind {
            return Some(value.clone());
        }
        let (text, style) = self.scalar(path, leaf, ty, node)?;
        let parsed = if leaf.is_secret() {
            self.builder.value(leaf, ty, text)
        } else {
            // YAML without quotes has no form to hold it to.
            let parsed = if self.builder.rules.is_exact && style != Style::Plain {
                Value::parse_form(self.schema, ty, text, style.form())
            } else {
                parse_lenient(self.schema, ty, text, style)
            };
            let parsed = parsed.map_err(|error| super::builder::not_a_value(leaf, error));
            parsed.and_then(|value| self.with_its_module(leaf, value, text))
        };
        match parsed {
            Ok(value) => Some(value),
            Err(fault) => {
                self.report(path, node.place, fault);
                None
            }
        }
    }

    /// Returns an identity's value, unless its text leaves out a module that must be said (RFC 7951 §6.8).
    fn with_its_module(&self, leaf: &SchemaNode, value: Value, text: &str) -> Result<Value, Diagnostic> {
        let Value::Identity(name) = &value else { return Ok(value) };
        let own = &self.schema.module(leaf.module).name;
        let is_own = name.split_once(':').is_some_and(|(module, _)| *module == **own);
        if !self.builder.rules.is_exact || is_own || text.contains(':') {
            return Ok(value);
        }
        let said = Diagnostic::error(format!("`{}`: the identity `{text}` lacks its module", leaf.name));
        Err(said.hint(format!("write `{name}`")))
    }

    /// Returns the text of a scalar whose form fits the type, or reports that it does not.
    fn scalar<'n>(
        &mut self,
        path: &DataPath,
        leaf: &SchemaNode,
        ty: &Type,
        node: &'n Node<'_>,
    ) -> Option<(&'n str, Style)> {
        let Kind::Scalar { text, style } = &node.kind else {
            let only_null = |items: &[Node<'_>]| matches!(items, [only] if only.is_null());
            if matches!(&node.kind, Kind::Sequence(items) if only_null(items))
                && takes(ty, &|b| matches!(b, BaseType::Empty))
            {
                return Some(("", Style::Null));
            }
            self.wrong_form(path, node);
            return None;
        };
        let is_exact = self.builder.rules.is_exact;
        let fits = match style {
            Style::Quoted | Style::Xml => true,
            // A leaf without a value is an oversight, where no value is not the value; nor is YAML's word for none a text.
            Style::Plain => !node.is_null() || takes(ty, &|b| matches!(b, BaseType::Empty)),
            Style::Number => takes(ty, &|b| matches!(b, BaseType::Integer { .. } | BaseType::Decimal64 { .. })),
            Style::Boolean => takes(ty, &|b| matches!(b, BaseType::Boolean)),
            Style::Null => !is_exact && takes(ty, &|b| matches!(b, BaseType::Empty)),
        };
        if !fits {
            let fault = self.misfit(leaf, ty, node, text, *style);
            self.report(path, node.place, fault);
            return None;
        }
        let is_nothing = *style == Style::Null || (*style == Style::Plain && node.is_null() && is_only_empty(ty));
        Some(if is_nothing { ("", Style::Null) } else { (text, *style) })
    }

    /// Says that a scalar's form is not one that values of the type have, and what to write instead.
    fn misfit(&self, leaf: &SchemaNode, ty: &Type, node: &Node<'_>, text: &str, style: Style) -> Diagnostic {
        let (name, ty_name, found) = (&leaf.name, ty.shown_name(), node.described(self.notation));
        let article = if ty_name.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
        let fault =
            Diagnostic::error(format!("`{name}` is {article} {ty_name}: expected a value of it, found {found}"));
        // A secret is not quoted back.
        let quotable = !leaf.is_secret();
        match style {
            Style::Plain if text.is_empty() => {
                fault.hint("give it a value, leave it out, or write `\"\"` if the empty text is meant")
            }
            Style::Plain => fault.hint(format!(
                "`{text}` is YAML for no value: leave it out, or write `\"{text}\"` if the text is meant"
            )),
            Style::Null if takes(ty, &|b| matches!(b, BaseType::Empty)) => fault.hint("write `[null]`"),
            Style::Null => fault.hint("leave it out: JSON's `null` is no value here"),
            Style::Number | Style::Boolean if quotable => match Value::parse(self.schema, ty, text) {
                Ok(_) => fault.hint(format!("write `\"{text}\"`")),
                // In quotes it would be no value either: what is one helps more.
                Err(error) => Diagnostic::error(format!("`{name}`: {}", error.message)).hint_maybe(error.hint),
            },
            _ => fault,
        }
    }
}

impl Node<'_> {
    /// Returns whether it is YAML's empty value, or a word for it, where a map or a sequence is expected.
    pub(super) fn is_yaml_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { style: Style::Plain, .. }) && self.is_null()
    }

    /// Returns what it is, for messages.
    pub(super) fn described(&self, notation: Notation) -> &'static str {
        match (&self.kind, notation) {
            (Kind::Map(_), Notation::Json) => "an object",
            (Kind::Map(_), Notation::Yaml) => "a map",
            (Kind::Map(_), Notation::Xml) => "an element with others in it",
            (Kind::Sequence(_), Notation::Json) => "an array",
            (Kind::Sequence(_), Notation::Yaml) => "a sequence",
            (Kind::Sequence(_), Notation::Xml) => "several elements",
            (Kind::Value(_) | Kind::Wrong(_), _) => "a value",
            (Kind::Scalar { style: Style::Plain, .. }, _) if self.is_null() => "nothing",
            (Kind::Scalar { style, .. }, _) => match style {
                Style::Plain => "a value",
                Style::Quoted => "a string",
                Style::Number => "a number",
                Style::Boolean => "a boolean",
                Style::Null => "`null`",
                Style::Xml => "a text",
            },
        }
    }
}

/// Returns whether a type, or a member of a union, is of a kind.
fn takes(ty: &Type, wanted: &dyn Fn(&BaseType) -> bool) -> bool {
    match &ty.base {
        BaseType::Leafref(leafref) => takes(&leafref.target_type, wanted),
        BaseType::Union(members) => members.iter().any(|member| takes(member, wanted)),
        base => wanted(base),
    }
}

/// Returns whether a type is a union, whose members the form of a value tells apart.
fn is_union(ty: &Type) -> bool {
    match &ty.base {
        BaseType::Leafref(leafref) => is_union(&leafref.target_type),
        base => matches!(base, BaseType::Union(_)),
    }
}

/// Returns whether a type has no other value than none, so that YAML's `~` and `null` are not texts.
fn is_only_empty(ty: &Type) -> bool {
    match &ty.base {
        BaseType::Leafref(leafref) => is_only_empty(&leafref.target_type),
        base => matches!(base, BaseType::Empty),
    }
}
