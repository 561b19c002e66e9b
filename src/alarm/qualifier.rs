//! The qualifier as text: labels that tell apart alarms of one type on one resource.

use std::fmt::Write as _;

/// Writes labels as a qualifier: `name="value"`, joined by commas, in the order given (sort them). Inside the quotes
/// `\`, `"` and newlines are escaped by a `\`; a name that is not an identifier is quoted too. Two different lists of
/// labels have different texts.
#[must_use]
pub fn from_labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in labels {
        if !text.is_empty() {
            text.push(',');
        }
        if is_identifier(name) {
            text.push_str(name);
        } else {
            push_quoted(&mut text, name);
        }
        text.push('=');
        push_quoted(&mut text, value);
    }
    text
}

/// Returns what a qualifier says to people: `name=value`, a label a line, where it was made of labels; else its own lines.
/// Control characters are shown escaped.
#[must_use]
pub fn lines(qualifier: &str) -> Vec<String> {
    if qualifier.is_empty() {
        return Vec::new();
    }
    match to_labels(qualifier) {
        Some(labels) => labels.iter().map(|(name, value)| visible(&format!("{name}={value}"))).collect(),
        None => qualifier.lines().map(visible).collect(),
    }
}

/// Reads labels back; `None` when the text is not exactly what [`from_labels`] writes.
#[must_use]
pub fn to_labels(qualifier: &str) -> Option<Vec<(String, String)>> {
    let mut labels = Vec::new();
    let mut rest = qualifier;
    while !rest.is_empty() {
        if !labels.is_empty() {
            rest = rest.strip_prefix(',')?;
        }
        let (name, after) = if rest.starts_with('"') {
            take_quoted(rest)?
        } else {
            let (name, after) = rest.split_at(rest.find('=')?);
            (is_identifier(name).then(|| name.to_owned())?, after)
        };
        let (value, after) = take_quoted(after.strip_prefix('=')?)?;
        labels.push((name, value));
        rest = after;
    }
    Some(labels)
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn push_quoted(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            _ => text.push(c),
        }
    }
    text.push('"');
}

fn take_quoted(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('"')?.chars();
    let mut value = String::new();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(match chars.next()? {
                'n' => '\n',
                c @ ('"' | '\\') => c,
                _ => return None,
            }),
            '\n' => return None,
            c => value.push(c),
        }
    }
}

fn visible(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            // Writing to a string cannot fail.
            c if c.is_control() => write!(shown, "\\u{{{:x}}}", u32::from(c)).unwrap_or_default(),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_are_a_line_each_and_any_other_text_is_itself() {
        assert_eq!(from_labels([("device", "sda"), ("path", "a\"b\\c\nd")]), r#"device="sda",path="a\"b\\c\nd""#);
        assert_eq!(lines(r#"device="sda",mode="rw,\nro""#), ["device=sda", "mode=rw,\\nro"]);
        assert_eq!(lines("https://a.example/?x=1,y=2"), ["https://a.example/?x=1,y=2"]);
        assert_eq!(lines(""), [""; 0]);
    }

    proptest! {
        #[test]
        fn different_labels_are_different_texts(labels in prop::collection::vec((".*", ".*"), 0..5)) {
            let text = from_labels(labels.iter().map(|(n, v)| (n.as_str(), v.as_str())));
            prop_assert_eq!(to_labels(&text), Some(labels));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            let said = lines(&text);
            prop_assert!(said.iter().all(|line| !line.contains('\n')));
        }
    }
}
