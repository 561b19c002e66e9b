//! A leaf's value, parsed by its YANG type (RFC 7950 §9) and kept in canonical form.

use super::{DataPath, PathError};
use crate::secret::SEALED_PREFIX;
use crate::yang::{BaseType, IntegerKind, Restriction, SchemaTree, Type};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A value. Texts are shared, so that cloning is cheap; names of enumerations share the schema's own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// `empty`.
    Empty,
    /// `boolean`.
    Boolean(bool),
    /// `int8` to `int64`.
    Int(i64),
    /// `uint8` to `uint64`.
    Uint(u64),
    /// `decimal64`, scaled by ten to the fraction digits.
    Decimal(i64, u8),
    /// `string`.
    Text(Arc<str>),
    /// `enumeration`: the member's name.
    Enumeration(Arc<str>),
    /// `bits`: the names that are set, in position order, a blank between two.
    Bits(Arc<str>),
    /// `identityref`: `module:name`.
    Identity(Arc<str>),
    /// `instance-identifier`: the path with module names (RFC 7951 §6.11).
    Instance(Arc<str>),
    /// `binary`.
    Binary(Arc<[u8]>),
    /// A secret leaf's value, sealed.
    Secret(Arc<str>),
}

/// Why a text is not a value of a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueError {
    /// What is wrong and what was expected.
    pub message: String,
    /// The schema's machine name for the fault (RFC 7950 §7.5.4.2).
    pub error_app_tag: Option<Arc<str>>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ValueError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), error_app_tag: None, hint: None }
    }
}

impl fmt::Debug for Value {
    /// Writes the canonical form; a secret only as a placeholder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(_) => f.write_str(crate::secret::PLACEHOLDER),
            Self::Text(text) => fmt::Debug::fmt(text, f),
            other => fmt::Display::fmt(other, f),
        }
    }
}

impl fmt::Display for Value {
    /// Writes the canonical form; a secret in its sealed form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Boolean(b) => b.fmt(f),
            Self::Int(i) => i.fmt(f),
            Self::Uint(u) => u.fmt(f),
            Self::Decimal(scaled, digits) => f.write_str(&format_decimal(*scaled, *digits)),
            Self::Text(t)
            | Self::Enumeration(t)
            | Self::Bits(t)
            | Self::Identity(t)
            | Self::Instance(t)
            | Self::Secret(t) => f.write_str(t),
            Self::Binary(bytes) => f.write_str(&STANDARD.encode(bytes)),
        }
    }
}

/// Longest stretch of a value quoted back in a message: enough to recognise it.
const QUOTED_CHARS_MAX: usize = 60;

fn quoted(text: &str) -> String {
    if text.chars().count() > QUOTED_CHARS_MAX {
        format!("`{}…`", text.chars().take(QUOTED_CHARS_MAX).collect::<String>())
    } else {
        format!("`{text}`")
    }
}

/// What a notation says of a value besides its text.
#[derive(Clone, Copy)]
pub enum Form<'f> {
    /// Nothing: of a union, the first member that takes the text is meant.
    Any,
    /// A JSON string (RFC 7951 §6): of any type that is not written as something else.
    JsonString,
    /// A JSON number: an integer of at most 32 bits.
    JsonNumber,
    /// `true` or `false` of JSON.
    JsonBoolean,
    /// `[null]` of JSON: `empty`.
    JsonNull,
    /// The text of an XML element: blanks around a number do not count, and names have prefixes, which this resolves to
    /// names of modules; the empty one stands for no prefix.
    Xml(&'f dyn Fn(&str) -> Option<Arc<str>>),
}

impl fmt::Debug for Form<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Form<'_> {
    /// Returns whether values of a type are written in this form, so far as the form says (RFC 7951 §6.10).
    fn suits(self, base: &BaseType) -> bool {
        match (self, base) {
            // What they come down to says it.
            (Self::Any | Self::Xml(_), _)
            | (_, BaseType::Union(_) | BaseType::Leafref(_))
            | (Self::JsonBoolean, BaseType::Boolean)
            | (Self::JsonNull, BaseType::Empty) => true,
            (Self::JsonNumber, BaseType::Integer { kind, .. }) => !kind.is_64_bit(),
            (Self::JsonString, BaseType::Integer { kind, .. }) => kind.is_64_bit(),
            (Self::JsonString, base) => !matches!(base, BaseType::Boolean | BaseType::Empty),
            _ => false,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Any | Self::Xml(_) => "a text",
            Self::JsonString => "a string",
            Self::JsonNumber => "a number",
            Self::JsonBoolean => "a boolean",
            Self::JsonNull => "`[null]`",
        }
    }

    /// Returns the form in which JSON writes values of a type.
    fn of_json(base: &BaseType) -> &'static str {
        let forms = [Form::JsonNumber, Form::JsonBoolean, Form::JsonNull];
        forms.into_iter().find(|form| form.suits(base)).unwrap_or(Form::JsonString).name()
    }
}

impl Value {
    /// Parses a text by a type, in the lexical forms that instance data may use.
    ///
    /// # Errors
    /// What is wrong with the text and what was expected.
    pub fn parse(schema: &SchemaTree, ty: &Type, text: &str) -> Result<Self, ValueError> {
        Self::parse_form(schema, ty, text, Form::Any)
    }

    /// Parses a text by a type and by what its notation says besides.
    ///
    /// # Errors
    /// What is wrong with the text or its form and what was expected.
    pub fn parse_form(schema: &SchemaTree, ty: &Type, text: &str, form: Form<'_>) -> Result<Self, ValueError> {
        if !form.suits(&ty.base) {
            let (name, expected) = (ty.shown_name(), Form::of_json(&ty.base));
            return Err(ValueError::new(format!(
                "expected {expected}, as JSON writes a {name}, found {}",
                form.name()
            )));
        }
        match &ty.base {
            BaseType::Binary { length } => parse_binary(text, length.as_ref()),
            BaseType::Bits(bits) => {
                let mut set = Vec::new();
                for word in text.split_whitespace() {
                    let bit = bits
                        .iter()
                        .find(|b| &*b.name == word)
                        .ok_or_else(|| not_one_of(word, "a bit", bits.iter().map(|b| &*b.name)))?;
                    if set.iter().any(|(_, name)| *name == &bit.name) {
                        return Err(ValueError::new(format!("bit `{word}` is given twice")));
                    }
                    set.push((bit.position, &bit.name));
                }
                set.sort_unstable();
                let names: Vec<&str> = set.iter().map(|(_, name)| &***name).collect();
                Ok(Self::Bits(names.join(" ").into()))
            }
            BaseType::Boolean => match text {
                "true" => Ok(Self::Boolean(true)),
                "false" => Ok(Self::Boolean(false)),
                _ => Err(not_one_of(text, "a boolean", ["true", "false"])),
            },
            BaseType::Decimal64 { fraction_digits, range } => {
                parse_decimal64(&bare(text, form), *fraction_digits, range.as_ref())
            }
            BaseType::Empty if text.is_empty() => Ok(Self::Empty),
            BaseType::Empty => Err(ValueError::new(format!("{} follows a leaf that takes no value", quoted(text)))),
            BaseType::Enumeration(members) => members
                .iter()
                .find(|m| &*m.name == text)
                .map(|m| Self::Enumeration(Arc::clone(&m.name)))
                .ok_or_else(|| not_one_of(text, "a valid value", members.iter().map(|m| &*m.name))),
            BaseType::IdentityRef { bases } => match form {
                Form::Xml(modules) => parse_identity(schema, &with_module(text, modules)?, bases),
                _ => parse_identity(schema, text, bases),
            },
            BaseType::InstanceIdentifier { .. } => DataPath::parse_form(schema, text, form)
                .and_then(|path| match path.schema_id() {
                    crate::yang::SchemaId::ROOT => Err(PathError::Syntax("no name".to_owned())),
                    _ => Ok(path),
                })
                .map(|path| Self::Instance(path.display(schema).to_string().into()))
                .map_err(|e| ValueError::new(format!("{} is not an instance identifier: {e}", quoted(text)))),
            BaseType::Integer { kind, range } => parse_integer(&bare(text, form), *kind, range.as_ref()),
            BaseType::Leafref(leafref) => Self::parse_form(schema, &leafref.target_type, text, form),
            BaseType::String { length, patterns } => {
                check_length(text.chars().count(), length.as_ref(), "characters")?;
                if let Some(c) = text.chars().find(|c| !is_yang_char(*c)) {
                    return Err(ValueError::new(format!("character U+{:04X} may not stand in a string", u32::from(c))));
                }
                for pattern in patterns {
                    if !pattern.matches(text) {
                        let said = pattern.error_message.as_deref().map_or_else(
                            || {
                                let verb = if pattern.invert_match { "matches" } else { "does not match" };
                                format!("{} {verb} the pattern `{}`", quoted(text), pattern.text)
                            },
                            |message| format!("{}: {message}", quoted(text)),
                        );
                        return Err(ValueError {
                            error_app_tag: pattern.error_app_tag.clone(),
                            ..ValueError::new(said)
                        });
                    }
                }
                Ok(Self::Text(text.into()))
            }
            BaseType::Union(members) => {
                let mut reasons = Vec::new();
                for member in members {
                    match Self::parse_form(schema, member, text, form) {
                        Ok(value) => return Ok(value),
                        Err(e) => reasons.push(e.message),
                    }
                }
                reasons.dedup();
                Err(ValueError::new(format!("{} fits no member of the union: {}", quoted(text), reasons.join("; "))))
            }
        }
    }

    /// Takes in a sealed secret, as stored or shown.
    #[must_use]
    pub fn sealed(text: &str) -> Option<Self> {
        text.starts_with(SEALED_PREFIX).then(|| Self::Secret(text.into()))
    }

    /// Returns the text of a string, enumeration, bits, identity or instance value.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(t) | Self::Enumeration(t) | Self::Bits(t) | Self::Identity(t) | Self::Instance(t) => Some(t),
            _ => None,
        }
    }

    /// Returns a boolean's value.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(b) => Some(*b),
            _ => None,
        }
    }

    /// Returns an unsigned integer's value.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Uint(u) => Some(*u),
            _ => None,
        }
    }
}

/// Returns a number's text without what does not count around it.
fn bare<'t>(text: &'t str, form: Form<'_>) -> Cow<'t, str> {
    match form {
        Form::Xml(_) => Cow::Borrowed(text.trim_matches([' ', '\t', '\n', '\r'])),
        Form::JsonNumber => without_exponent(text).map_or(Cow::Borrowed(text), Cow::Owned),
        _ => Cow::Borrowed(text),
    }
}

/// Returns the integer that a JSON number with an exponent is, such as 1.5e3, where it is one.
fn without_exponent(text: &str) -> Option<String> {
    /// Zeros of the largest power of ten that an integer of 64 bits holds.
    const ZEROS_MAX: usize = 19;
    let (number, exponent) = text.split_once(['e', 'E'])?;
    let exponent: usize = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let zeros = exponent.checked_sub(fraction.len()).filter(|zeros| *zeros <= ZEROS_MAX)?;
    Some(format!("{whole}{fraction}{:0<zeros$}", ""))
}

/// Returns an identity's name in XML with its module in place of its prefix; one without prefix is of the default namespace
/// (RFC 7950 §9.10.3).
fn with_module(text: &str, modules: &dyn Fn(&str) -> Option<Arc<str>>) -> Result<String, ValueError> {
    let (prefix, name) = text.split_once(':').unwrap_or(("", text));
    match modules(prefix) {
        Some(module) => Ok(format!("{module}:{name}")),
        None if prefix.is_empty() => Ok(name.to_owned()),
        None => Err(ValueError::new(format!("the prefix of {} stands for no module here", quoted(text)))),
    }
}

/// RFC 7950 §14, `yang-char`: what a string may hold.
fn is_yang_char(c: char) -> bool {
    let code = u32::from(c);
    matches!(c, '\t' | '\n' | '\r') || (code >= 0x20 && code & 0xfffe != 0xfffe && !(0xfdd0..=0xfdef).contains(&code))
}

fn not_one_of<'a>(text: &str, what: &str, names: impl IntoIterator<Item = &'a str>) -> ValueError {
    /// Names listed in a message at most; completion shows the rest.
    const LISTED_MAX: usize = 12;
    let names: Vec<&str> = names.into_iter().collect();
    let mut listed: Vec<String> = names.iter().take(LISTED_MAX).map(|n| format!("`{n}`")).collect();
    if names.len() > LISTED_MAX {
        listed.push("…".to_owned());
    }
    let hint = crate::diagnostic::nearest(text, names.iter().copied()).map(|n| format!("did you mean `{n}`?"));
    let message = format!("{} is not {what}: expected {}", quoted(text), alternatives(&listed));
    ValueError { hint, ..ValueError::new(message) }
}

fn alternatives(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

fn check_length(length: usize, allowed: Option<&Restriction<u64>>, unit: &str) -> Result<(), ValueError> {
    match allowed {
        Some(allowed) if !allowed.contains(length as u64) => Err(ValueError {
            error_app_tag: allowed.error_app_tag.clone(),
            ..ValueError::new(allowed.error_message.as_deref().map_or_else(
                || format!("a length of {length} {unit} is not allowed: expected {}", allowed.describe()),
                str::to_owned,
            ))
        }),
        _ => Ok(()),
    }
}

fn parse_binary(text: &str, length: Option<&Restriction<u64>>) -> Result<Value, ValueError> {
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes =
        STANDARD.decode(compact).map_err(|e| ValueError::new(format!("{} is not base64: {e}", quoted(text))))?;
    check_length(bytes.len(), length, "bytes")?;
    Ok(Value::Binary(bytes.into()))
}

fn parse_integer(text: &str, kind: IntegerKind, range: Option<&Restriction<i128>>) -> Result<Value, ValueError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ValueError::new(format!("{} is not an integer", quoted(text))));
    }
    let (low, high) = kind.bounds();
    let bounds = Restriction { parts: vec![(low, high)], error_message: None, error_app_tag: None };
    let range = range.unwrap_or(&bounds);
    let outside = || ValueError {
        error_app_tag: range.error_app_tag.clone(),
        ..ValueError::new(range.error_message.as_deref().map_or_else(
            || format!("{} is out of range: expected {}", quoted(text), range.describe()),
            |message| format!("{}: {message}", quoted(text)),
        ))
    };
    let value: i128 = text.parse().map_err(|_| outside())?;
    if value < low || value > high || !range.contains(value) {
        return Err(outside());
    }
    match (i64::try_from(value), u64::try_from(value)) {
        (_, Ok(unsigned)) if low == 0 => Ok(Value::Uint(unsigned)),
        (Ok(signed), _) => Ok(Value::Int(signed)),
        _ => Err(outside()),
    }
}

fn parse_decimal64(text: &str, digits: u8, range: Option<&Restriction<i64>>) -> Result<Value, ValueError> {
    let wrong =
        || ValueError::new(format!("{} is not a decimal number with up to {digits} fraction digits", quoted(text)));
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let all_digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let fraction_kept = fraction.trim_end_matches('0');
    if !all_digits(whole) || !all_digits(fraction) || fraction_kept.len() > usize::from(digits) {
        return Err(wrong());
    }
    let mut scaled: i128 = whole.parse().map_err(|_| wrong())?;
    let padded = format!("{fraction_kept:0<width$}", width = usize::from(digits));
    scaled = scaled
        .checked_mul(10i128.pow(u32::from(digits)))
        .and_then(|s| s.checked_add(padded.parse().unwrap_or(0)))
        .ok_or_else(wrong)?;
    let scaled = i64::try_from(if negative { -scaled } else { scaled }).map_err(|_| wrong())?;
    match range {
        Some(range) if !range.contains(scaled) => {
            let parts: Vec<String> = range
                .parts
                .iter()
                .map(|(low, high)| format!("{}..{}", format_decimal(*low, digits), format_decimal(*high, digits)))
                .collect();
            Err(ValueError {
                error_app_tag: range.error_app_tag.clone(),
                ..ValueError::new(range.error_message.as_deref().map_or_else(
                    || format!("{} is out of range: expected {}", quoted(text), parts.join(" | ")),
                    |message| format!("{}: {message}", quoted(text)),
                ))
            })
        }
        _ => Ok(Value::Decimal(scaled, digits)),
    }
}

fn format_decimal(scaled: i64, digits: u8) -> String {
    let width = usize::from(digits);
    let unsigned = scaled.unsigned_abs().to_string();
    let padded = format!("{unsigned:0>width$}", width = width + 1);
    let (whole, fraction) = padded.split_at(padded.len() - width);
    let fraction = fraction.trim_end_matches('0');
    let sign = if scaled < 0 { "-" } else { "" };
    format!("{sign}{whole}.{}", if fraction.is_empty() { "0" } else { fraction })
}

fn parse_identity(schema: &SchemaTree, text: &str, bases: &[crate::yang::IdentityId]) -> Result<Value, ValueError> {
    let (module, name) = match text.split_once(':') {
        Some((module, name)) => (Some(module), name),
        None => (None, text),
    };
    let mut fitting = schema.identities().iter().enumerate().filter_map(|(at, identity)| {
        let id = crate::yang::IdentityId(u32::try_from(at).ok()?);
        let derived = bases.iter().all(|base| *base != id && schema.is_derived_or_self(id, *base));
        derived.then(|| (&*schema.module(identity.module).name, &*identity.name))
    });
    let found: Vec<(&str, &str)> =
        fitting.by_ref().filter(|(m, n)| *n == name && module.is_none_or(|wanted| wanted == *m)).collect();
    match found.as_slice() {
        [(module, name)] => Ok(Value::Identity(format!("{module}:{name}").into())),
        [] => {
            let names: Vec<String> = schema
                .identities()
                .iter()
                .enumerate()
                .filter(|(at, _)| {
                    u32::try_from(*at).is_ok_and(|at| {
                        let id = crate::yang::IdentityId(at);
                        bases.iter().all(|base| *base != id && schema.is_derived_or_self(id, *base))
                    })
                })
                .map(|(_, identity)| identity.name.to_string())
                .collect();
            Err(not_one_of(text, "an identity that may stand here", names.iter().map(String::as_str)))
        }
        several => {
            let names: Vec<String> = several.iter().map(|(m, n)| format!("`{m}:{n}`")).collect();
            Err(ValueError::new(format!("{} is ambiguous: expected {}", quoted(text), alternatives(&names))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_canonical() {
        let parse = |t| parse_decimal64(t, 3, None).map(|v| v.to_string());
        assert_eq!(parse("1.50").as_deref(), Ok("1.5"));
        assert_eq!(parse("-0.001").as_deref(), Ok("-0.001"));
        assert_eq!(parse("7").as_deref(), Ok("7.0"));
        assert!(parse("1.2345").is_err());
        assert!(parse("").is_err());
        assert!(parse("99999999999999999999999999999999999999999999").is_err());
    }

    #[test]
    fn integers_have_no_octal_and_no_blanks() {
        assert_eq!(parse_integer("017", IntegerKind::Uint8, None), Ok(Value::Uint(17)));
        assert_eq!(parse_integer("+5", IntegerKind::Int8, None), Ok(Value::Int(5)));
        assert!(parse_integer("0x10", IntegerKind::Uint8, None).is_err());
        assert_eq!(
            parse_integer("256", IntegerKind::Uint8, None).map_err(|e| e.message),
            Err("`256` is out of range: expected 0..255".to_owned())
        );
        assert!(parse_integer(&"9".repeat(500), IntegerKind::Uint64, None).is_err());
    }
}
