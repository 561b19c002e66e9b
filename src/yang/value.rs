//! Whether a default is a value of its type (RFC 7950 §9), and its canonical form.

use super::compile::Compiler;
use super::module_set::Prefixed;
use super::restriction::{decimal, decimal_text};
use super::schema::{BaseType, IdentityId, Pattern, Restriction, Type};
use super::statement::StatementId;
use crate::diagnostic::{Diagnostic, nearest};
use base64::Engine;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Why a text is not a value: what is wrong, and what to do about it.
type Refusal = (String, Option<String>);

impl Compiler<'_> {
    /// Returns the canonical form of a `default` statement's value; reports at `at` one that the type does not allow.
    pub(super) fn default_of(&mut self, ty: &Type, default: StatementId, at: StatementId) -> Option<Arc<str>> {
        let text = self.set.statements.shared_argument(default);
        match self.canonical(ty, &text, default) {
            Ok(canonical) => Some(Arc::from(canonical)),
            Err((what, hint)) => {
                let fault = Diagnostic::error(format!(
                    "default `{}` is not a value of `{}`: {what}",
                    super::argument::shorten(&text),
                    ty.name
                ));
                let fault = match hint {
                    _ if at != default => {
                        let written = self.set.statements.span(default);
                        fault.hint(format!("the default is that of the type it comes from, at {written}: give another"))
                    }
                    Some(hint) => fault.hint(hint),
                    None => fault,
                };
                self.faults.push(fault.at(self.set.statements.argument_span(at)));
                None
            }
        }
    }

    fn canonical(&self, ty: &Type, text: &str, at: StatementId) -> Result<String, Refusal> {
        match &ty.base {
            BaseType::Binary { length } => {
                let bare: String = text.split_ascii_whitespace().collect();
                let bytes =
                    base64::engine::general_purpose::STANDARD.decode(&bare).map_err(|_| refuse("it is not Base64"))?;
                within(length.as_ref(), bytes.len() as u64, "its length in bytes")?;
                Ok(bare)
            }
            BaseType::Bits(bits) => {
                let words: BTreeSet<&str> = text.split_ascii_whitespace().collect();
                if words.len() != text.split_ascii_whitespace().count() {
                    return Err(refuse("a bit is named twice"));
                }
                if let Some(unknown) = words.iter().find(|w| !bits.iter().any(|b| &*b.name == **w)) {
                    let hint = nearest(unknown, bits.iter().map(|b| &*b.name)).map(|n| format!("did you mean `{n}`?"));
                    return Err((format!("`{unknown}` is not a bit of it"), hint));
                }
                let set: Vec<&str> = bits.iter().map(|b| &*b.name).filter(|n| words.contains(n)).collect();
                Ok(set.join(" "))
            }
            BaseType::Boolean if matches!(text, "true" | "false") => Ok(text.to_owned()),
            BaseType::Boolean => Err(refuse("expected `true` or `false`")),
            BaseType::Decimal64 { fraction_digits, range } => {
                let digits = *fraction_digits;
                let scaled = decimal(text, digits)
                    .ok_or_else(|| refuse(&format!("expected a number with at most {digits} fraction digits")))?;
                match range.as_ref().filter(|r| !r.contains(scaled)) {
                    None => Ok(decimal_text(scaled, digits)),
                    Some(range) => Err(refuse(range.error_message.as_deref().unwrap_or("it is outside its range"))),
                }
            }
            BaseType::Empty => Err(refuse("`empty` has no values")),
            BaseType::Enumeration(members) if members.iter().any(|m| &*m.name == text) => Ok(text.to_owned()),
            BaseType::Enumeration(members) => {
                let hint = nearest(text, members.iter().map(|m| &*m.name)).map(|n| format!("did you mean `{n}`?"));
                Err(("it is not one of the enums".to_owned(), hint))
            }
            BaseType::IdentityRef { bases } => self.canonical_identity(bases, text, at),
            BaseType::InstanceIdentifier { .. } if text.starts_with('/') => Ok(text.to_owned()),
            BaseType::InstanceIdentifier { .. } => Err(refuse("expected a path that starts with `/`")),
            BaseType::Integer { kind, range } => {
                // Blanks around a number are no part of it, as in a data document.
                let value = integer_value(text.trim()).ok_or_else(|| refuse("it is not a whole number"))?;
                let (low, high) = kind.bounds();
                if value < low || value > high {
                    return Err(refuse(&format!("expected a number from {low} to {high}")));
                }
                within(range.as_ref(), value, "it")?;
                Ok(value.to_string())
            }
            BaseType::Leafref(leafref) => self.canonical(&leafref.target_type, text, at),
            BaseType::String { length, patterns } => {
                within(length.as_ref(), text.chars().count() as u64, "its length")?;
                match patterns.iter().find(|p| !p.matches(text)) {
                    None => Ok(text.to_owned()),
                    Some(pattern) => Err(refuse(&unmatched(pattern))),
                }
            }
            BaseType::Union(members) => members
                .iter()
                .find_map(|member| self.canonical(member, text, at).ok())
                .ok_or_else(|| refuse("none of the types of the union allows it")),
        }
    }

    fn canonical_identity(&self, bases: &[IdentityId], text: &str, at: StatementId) -> Result<String, Refusal> {
        let (prefix, name) = super::argument::split_ref(text);
        let Prefixed::Module(module) = self.set.resolve_prefix(at, prefix) else {
            return Err(refuse(&format!("prefix `{}` is not declared", prefix.unwrap_or(""))));
        };
        let Some(identity) = self.identities.named(module, name) else {
            let known = self.identities.list.iter().filter(|i| i.module == module).map(|i| &*i.name);
            let hint = nearest(name, known).map(|n| format!("did you mean `{n}`?"));
            return Err(("it is not an identity".to_owned(), hint));
        };
        if !bases.iter().all(|base| self.identities.is_derived(identity, *base)) {
            return Err(refuse("it is not derived from the base of the type"));
        }
        Ok(format!("{}:{name}", self.set.modules[module.index()].name))
    }
}

fn refuse(what: &str) -> Refusal {
    (what.to_owned(), None)
}

fn within<T: PartialOrd + Copy + std::fmt::Display>(
    restriction: Option<&Restriction<T>>,
    value: T,
    what: &str,
) -> Result<(), Refusal> {
    match restriction {
        Some(r) if !r.contains(value) => Err(match &r.error_message {
            Some(message) => refuse(message),
            None => refuse(&format!("{what} is not within `{}`", r.describe())),
        }),
        _ => Ok(()),
    }
}

fn unmatched(pattern: &Pattern) -> String {
    match &pattern.error_message {
        Some(message) => message.to_string(),
        None if pattern.invert_match => format!("it matches `{}`, which it must not", pattern.text),
        None => format!("it does not match `{}`", pattern.text),
    }
}

/// Reads a whole number in one of the three notations that a default may have (RFC 7950 §9.2.1).
fn integer_value(text: &str) -> Option<i128> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = if let Some(hexadecimal) = digits.strip_prefix("0x") {
        i128::from_str_radix(hexadecimal, 16)
    } else if digits.len() > 1 && digits.starts_with('0') {
        i128::from_str_radix(digits, 8)
    } else {
        digits.parse()
    }
    .ok()?;
    Some(if is_negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_three_notations() {
        assert_eq!(integer_value("0x1F"), Some(31));
        assert_eq!(integer_value("-017"), Some(-15));
        assert_eq!(integer_value("+7"), Some(7));
        assert_eq!(
            (integer_value("0"), integer_value("08"), integer_value(""), integer_value("--1")),
            (Some(0), None, None, None)
        );
    }
}
