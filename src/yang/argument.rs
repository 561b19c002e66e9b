//! Whether the argument of a statement has the form that its keyword asks for (RFC 7950 §14).

use super::keyword::Keyword;
use super::schema::IntegerKind;
use super::statement::{StatementId, Statements};
use crate::diagnostic::Diagnostic;

/// Longest identifier: RFC 7950 §6.2 asks for at least 64, and sets no bound.
const IDENTIFIER_BYTES_MAX: usize = 65_535;

/// The form of an argument.
enum Form {
    None,
    Identifier,
    IdentifierRef,
    Boolean,
    Date,
    Text,
    NotEmpty,
    OneOf(&'static [&'static str]),
    Number { low: i128, high: i128 },
    MaxElements,
    AbsolutePath,
    DescendantPath,
    NamePath,
}

fn form(keyword: Keyword) -> Form {
    use Keyword as K;
    match keyword {
        K::Input | K::Output => Form::None,
        K::Module
        | K::Submodule
        | K::Import
        | K::Include
        | K::BelongsTo
        | K::Prefix
        | K::Extension
        | K::Argument
        | K::Feature
        | K::Identity
        | K::Typedef
        | K::Grouping
        | K::Container
        | K::Leaf
        | K::LeafList
        | K::List
        | K::Choice
        | K::Case
        | K::Anydata
        | K::Anyxml
        | K::Rpc
        | K::Action
        | K::Notification
        | K::Bit => Form::Identifier,
        K::Uses | K::Type | K::Base => Form::IdentifierRef,
        K::Config | K::Mandatory | K::RequireInstance | K::YinElement => Form::Boolean,
        K::Revision | K::RevisionDate => Form::Date,
        K::YangVersion => Form::OneOf(&["1", "1.1"]),
        K::Status => Form::OneOf(&["current", "deprecated", "obsolete"]),
        K::OrderedBy => Form::OneOf(&["user", "system"]),
        K::Modifier => Form::OneOf(&["invert-match"]),
        K::Deviate => Form::OneOf(&["not-supported", "add", "replace", "delete"]),
        K::FractionDigits => Form::Number { low: 1, high: 18 },
        K::Value => integer(IntegerKind::Int32),
        K::Position | K::MinElements => integer(IntegerKind::Uint32),
        K::MaxElements => Form::MaxElements,
        K::Deviation => Form::AbsolutePath,
        K::Augment => Form::NamePath,
        K::Refine => Form::DescendantPath,
        K::Namespace
        | K::Key
        | K::Unique
        | K::Must
        | K::When
        | K::Path
        | K::Range
        | K::Length
        | K::IfFeature
        | K::Enum => Form::NotEmpty,
        K::Contact
        | K::Default
        | K::Description
        | K::ErrorAppTag
        | K::ErrorMessage
        | K::Organization
        | K::Pattern
        | K::Presence
        | K::Reference
        | K::Units => Form::Text,
    }
}

/// Returns whether the argument of a statement is a name that the statement defines.
pub(super) fn is_definition(keyword: Keyword) -> bool {
    matches!(form(keyword), Form::Identifier) && !matches!(keyword, Keyword::Import | Keyword::Include)
}

/// Returns what is wrong with the argument of a statement.
pub(super) fn check(statements: &Statements, id: StatementId, keyword: Keyword) -> Option<Diagnostic> {
    let form = form(keyword);
    let Some(argument) = statements.get(id).argument.as_deref() else {
        return match form {
            Form::None => None,
            _ => Some(Diagnostic::error(format!("`{keyword}` has no argument")).hint(expectation(&form))),
        };
    };
    let good = match &form {
        Form::None => false,
        Form::Identifier => is_identifier(argument),
        Form::IdentifierRef => is_identifier_ref(argument),
        Form::Boolean => matches!(argument, "true" | "false"),
        Form::Date => is_date(argument),
        Form::Text => true,
        Form::NotEmpty => !argument.trim().is_empty(),
        Form::OneOf(words) => words.contains(&argument),
        Form::Number { low, high } => number(argument).is_some_and(|n| *low <= n && n <= *high),
        Form::MaxElements => {
            argument == "unbounded" || number(argument).is_some_and(|n| (1..=u32::MAX.into()).contains(&n))
        }
        Form::AbsolutePath => argument.strip_prefix('/').is_some_and(is_path),
        Form::DescendantPath => is_path(argument),
        Form::NamePath => is_path(argument.strip_prefix('/').unwrap_or(argument)),
    };
    if good {
        return None;
    }
    let fault = Diagnostic::error(format!("`{}` is not a valid argument of `{keyword}`", shorten(argument)));
    Some(match &form {
        Form::OneOf(words) => match crate::diagnostic::nearest(argument, words.iter().copied()) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint(expectation(&form)),
        },
        _ => fault.hint(expectation(&form)),
    })
}

fn expectation(form: &Form) -> String {
    match form {
        Form::None => "the statement takes no argument".to_owned(),
        Form::Identifier => "expected a name: a letter or `_`, then letters, digits, `_`, `-` and `.`".to_owned(),
        Form::IdentifierRef => "expected `name` or `prefix:name`".to_owned(),
        Form::Boolean => "expected `true` or `false`".to_owned(),
        Form::Date => "expected a date such as `2025-11-01`".to_owned(),
        Form::Text => "expected a text".to_owned(),
        Form::NotEmpty => "expected a text that is not empty".to_owned(),
        Form::OneOf(words) => {
            let words: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
            format!("expected {}", words.join(" or "))
        }
        Form::Number { low, high } => format!("expected a number from {low} to {high}"),
        Form::MaxElements => "expected `unbounded` or a number from 1".to_owned(),
        Form::AbsolutePath => "expected a path such as `/prefix:name/prefix:name`".to_owned(),
        Form::DescendantPath => "expected a path such as `name/name`".to_owned(),
        Form::NamePath => "expected a path such as `/prefix:name/prefix:name` or `name/name`".to_owned(),
    }
}

/// Returns the text, cut when it is long, for use in a message.
pub(super) fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 64;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("")),
        None => text.to_owned(),
    }
}

/// Returns whether a text is an identifier (RFC 7950 §6.2).
pub(super) fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= IDENTIFIER_BYTES_MAX
        && bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// Returns whether a text is `name` or `prefix:name`.
pub(super) fn is_identifier_ref(text: &str) -> bool {
    match text.split_once(':') {
        Some((prefix, name)) => is_identifier(prefix) && is_identifier(name),
        None => is_identifier(text),
    }
}

/// Splits `prefix:name`.
pub(super) fn split_ref(text: &str) -> (Option<&str>, &str) {
    match text.split_once(':') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    }
}

fn is_path(text: &str) -> bool {
    text.split('/').all(is_identifier_ref)
}

fn integer(kind: IntegerKind) -> Form {
    let (low, high) = kind.bounds();
    Form::Number { low, high }
}

fn number(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
    if canonical && text != "-0" { text.parse().ok() } else { None }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    let is_leap = || year.parse::<u32>().is_ok_and(|y| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
    let last = || match *month {
        "02" if is_leap() => "29",
        "02" => "28",
        "04" | "06" | "09" | "11" => "30",
        _ => "31",
    };
    digits(year, 4)
        && digits(month, 2)
        && digits(day, 2)
        && ("01"..="12").contains(month)
        && ("01"..=last()).contains(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_dates_and_numbers_are_told_from_what_looks_like_them() {
        assert!(is_identifier("_a-b.c9") && !is_identifier("9a") && !is_identifier("") && !is_identifier("a b"));
        assert!(is_identifier_ref("a:b") && !is_identifier_ref("a:b:c") && !is_identifier_ref(":b"));
        assert!(is_date("2025-02-28") && !is_date("2025-2-28") && !is_date("2025-13-01") && !is_date("20250228"));
        assert!(is_date("2024-02-29") && !is_date("2023-02-29") && !is_date("2024-04-31") && !is_date("2024-01-00"));
        assert_eq!(
            (number("-7"), number("07"), number("+7"), number("-"), number("-0")),
            (Some(-7), None, None, None, None)
        );
    }
}
