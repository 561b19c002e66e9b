//! The restrictions of built-in types and how derived types narrow them (RFC 7950 §9.2 to §9.13).

use super::compile::Compiler;
use super::keyword::Keyword;
use super::pattern;
use super::restriction::{decimal, integer, parse};
use super::schema::{BaseType, IntegerKind, Pattern, Restriction};
use super::statement::StatementId;
use super::types::integer_kind;
use crate::diagnostic::Diagnostic;
use std::sync::Arc;

/// Patterns that one type may gather over its typedefs: each is tried for each value.
const PATTERNS_MAX: usize = 64;

/// Reads a built-in type with its restrictions; leafref and union are read elsewhere.
pub(super) fn builtin(compiler: &mut Compiler<'_>, statement: StatementId, name: &str) -> Option<BaseType> {
    if let Some(kind) = integer_kind(name) {
        compiler.allow_only(statement, &[Keyword::Range], name);
        return Some(BaseType::Integer { kind, range: integer_range(compiler, statement, kind, None) });
    }
    match name {
        "binary" => {
            compiler.allow_only(statement, &[Keyword::Length], name);
            Some(BaseType::Binary { length: length(compiler, statement, None) })
        }
        "string" => {
            compiler.allow_only(statement, &[Keyword::Length, Keyword::Pattern], name);
            let length = length(compiler, statement, None);
            Some(BaseType::String { length, patterns: patterns(compiler, statement, &[]) })
        }
        "decimal64" => {
            compiler.allow_only(statement, &[Keyword::FractionDigits, Keyword::Range], name);
            let Some(digits) = compiler.set.statements.first_argument(statement, Keyword::FractionDigits) else {
                compiler.lacks(statement, Keyword::FractionDigits);
                return None;
            };
            let fraction_digits = digits.parse().ok()?;
            let range = decimal_range(compiler, statement, fraction_digits, None);
            Some(BaseType::Decimal64 { fraction_digits, range })
        }
        "enumeration" => compiler.enumeration(statement, None).map(BaseType::Enumeration),
        "bits" => compiler.bits(statement, None).map(BaseType::Bits),
        "identityref" => identityref(compiler, statement),
        "instance-identifier" => {
            compiler.allow_only(statement, &[Keyword::RequireInstance], name);
            let require_instance = compiler.require_instance(statement).unwrap_or(true);
            Some(BaseType::InstanceIdentifier { require_instance })
        }
        "boolean" => {
            compiler.allow_only(statement, &[], name);
            Some(BaseType::Boolean)
        }
        _ => {
            compiler.allow_only(statement, &[], name);
            Some(BaseType::Empty)
        }
    }
}

fn identityref(compiler: &mut Compiler<'_>, statement: StatementId) -> Option<BaseType> {
    compiler.allow_only(statement, &[Keyword::Base], "identityref");
    if compiler.set.statements.first(statement, Keyword::Base).is_none() {
        compiler.lacks(statement, Keyword::Base);
        return None;
    }
    let faults = compiler.faults.error_count();
    let bases = compiler.bases(statement);
    if bases.is_empty() && compiler.faults.error_count() == faults {
        let what = "all bases of the identityref depend on features that are off";
        compiler.faults.push(Diagnostic::error(what).at(compiler.set.statements.span(statement)));
    }
    (!bases.is_empty()).then_some(BaseType::IdentityRef { bases })
}

/// Narrows a type that a typedef stands for by the restrictions of a `type` statement.
pub(super) fn derive(
    compiler: &mut Compiler<'_>,
    statement: StatementId,
    base: &super::schema::Type,
) -> Option<BaseType> {
    let narrowed = match &base.base {
        BaseType::Integer { kind, range } => {
            compiler.allow_only(statement, &[Keyword::Range], kind.name());
            let range = integer_range(compiler, statement, *kind, range.as_ref());
            BaseType::Integer { kind: *kind, range }
        }
        BaseType::Decimal64 { fraction_digits, range } => {
            compiler.allow_only(statement, &[Keyword::Range], "a derived decimal64");
            let range = decimal_range(compiler, statement, *fraction_digits, range.as_ref());
            BaseType::Decimal64 { fraction_digits: *fraction_digits, range }
        }
        BaseType::String { length: base_length, patterns: inherited } => {
            compiler.allow_only(statement, &[Keyword::Length, Keyword::Pattern], "string");
            let length = length(compiler, statement, base_length.as_ref());
            BaseType::String { length, patterns: patterns(compiler, statement, inherited) }
        }
        BaseType::Binary { length: base_length } => {
            compiler.allow_only(statement, &[Keyword::Length], "binary");
            BaseType::Binary { length: length(compiler, statement, base_length.as_ref()) }
        }
        BaseType::Enumeration(members) => BaseType::Enumeration(compiler.enumeration(statement, Some(members))?),
        BaseType::Bits(bits) => BaseType::Bits(compiler.bits(statement, Some(bits))?),
        BaseType::InstanceIdentifier { require_instance } => {
            compiler.allow_only(statement, &[Keyword::RequireInstance], "instance-identifier");
            let require_instance = compiler.require_instance(statement).unwrap_or(*require_instance);
            BaseType::InstanceIdentifier { require_instance }
        }
        other @ (BaseType::Boolean
        | BaseType::Empty
        | BaseType::IdentityRef { .. }
        | BaseType::Leafref(_)
        | BaseType::Union(_)) => {
            compiler.allow_only(statement, &[], &base.name);
            other.clone()
        }
    };
    Some(narrowed)
}

fn integer_range(
    compiler: &mut Compiler<'_>,
    statement: StatementId,
    kind: IntegerKind,
    base: Option<&Restriction<i128>>,
) -> Option<Restriction<i128>> {
    let bounds = base.map_or_else(|| vec![kind.bounds()], |b| b.parts.clone());
    restrict(compiler, statement, Keyword::Range, &bounds, base, integer, Some)
}

fn decimal_range(
    compiler: &mut Compiler<'_>,
    statement: StatementId,
    fraction_digits: u8,
    base: Option<&Restriction<i64>>,
) -> Option<Restriction<i64>> {
    let bounds = base.map_or_else(
        || vec![(i64::MIN.into(), i64::MAX.into())],
        |b| b.parts.iter().map(|(low, high)| (i128::from(*low), i128::from(*high))).collect(),
    );
    let number = |text: &str| decimal(text, fraction_digits).map(i128::from);
    restrict(compiler, statement, Keyword::Range, &bounds, base, number, |n| i64::try_from(n).ok())
}

fn length(
    compiler: &mut Compiler<'_>,
    statement: StatementId,
    base: Option<&Restriction<u64>>,
) -> Option<Restriction<u64>> {
    let bounds = base.map_or_else(
        || vec![(0, u64::MAX.into())],
        |b| b.parts.iter().map(|(low, high)| (i128::from(*low), i128::from(*high))).collect(),
    );
    restrict(compiler, statement, Keyword::Length, &bounds, base, integer, |n| u64::try_from(n).ok())
}

/// Reads the `range` or `length` below a type; without one, that of the base type stays.
fn restrict<T: Clone>(
    compiler: &mut Compiler<'_>,
    statement: StatementId,
    keyword: Keyword,
    bounds: &[(i128, i128)],
    base: Option<&Restriction<T>>,
    number: impl Fn(&str) -> Option<i128>,
    narrow: impl Fn(i128) -> Option<T>,
) -> Option<Restriction<T>> {
    let Some(at) = compiler.set.statements.first(statement, keyword) else { return base.cloned() };
    match parse(compiler.set.statements.argument(at), bounds, number) {
        Ok(parts) => {
            let parts = parts.into_iter().filter_map(|(low, high)| Some((narrow(low)?, narrow(high)?))).collect();
            let (error_message, error_app_tag) = compiler.error_texts(at);
            Some(Restriction { parts, error_message, error_app_tag })
        }
        Err(what) => {
            let fault = Diagnostic::error(format!("{keyword} is wrong: {what}"));
            let allowed: Vec<String> = bounds
                .iter()
                .take(16)
                .map(|(low, high)| if low == high { low.to_string() } else { format!("{low}..{high}") })
                .collect();
            let fault = if base.is_some() {
                fault.hint(format!("the base type allows `{}`", allowed.join(" | ")))
            } else {
                fault
            };
            compiler.faults.push(fault.at(compiler.set.statements.argument_span(at)));
            base.cloned()
        }
    }
}

fn patterns(compiler: &mut Compiler<'_>, statement: StatementId, base: &[Pattern]) -> Vec<Pattern> {
    let mut all = base.to_vec();
    for at in compiler.set.statements.all(statement, Keyword::Pattern).collect::<Vec<_>>() {
        let text = compiler.set.statements.shared_argument(at);
        let regex = if all.len() < PATTERNS_MAX {
            compiler.regex(&text)
        } else {
            Err(format!("the type has more than {PATTERNS_MAX} patterns"))
        };
        match regex {
            Ok(regex) => {
                let (error_message, error_app_tag) = compiler.error_texts(at);
                let invert_match = compiler.set.statements.first(at, Keyword::Modifier).is_some();
                all.push(Pattern { text, regex, invert_match, error_message, error_app_tag });
            }
            Err(what) => {
                let fault = Diagnostic::error(format!("pattern is wrong: {what}"));
                compiler.faults.push(fault.at(compiler.set.statements.argument_span(at)));
            }
        }
    }
    all
}

impl Compiler<'_> {
    /// Compiles a pattern, each text once: modules repeat them.
    fn regex(&mut self, text: &Arc<str>) -> Result<regex::Regex, String> {
        if let Some(known) = self.patterns.get(text) {
            return Ok(known.clone());
        }
        let regex = pattern::compile(text)?;
        self.patterns.insert(Arc::clone(text), regex.clone());
        Ok(regex)
    }

    /// Returns `error-message` and `error-app-tag` below a statement.
    pub(super) fn error_texts(&self, at: StatementId) -> (Option<Arc<str>>, Option<Arc<str>>) {
        (
            self.set.statements.first_argument(at, Keyword::ErrorMessage),
            self.set.statements.first_argument(at, Keyword::ErrorAppTag),
        )
    }
}
