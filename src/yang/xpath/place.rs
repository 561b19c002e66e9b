//! From a place in an expression to the place in the module text: quotes, `+`, escapes and trimming lie between.

use crate::diagnostic::Span;

/// Returns the span in the module text of a stretch of an argument, given the argument's own span.
pub(super) fn within(argument: &str, span: &Span, start: usize, end: usize) -> Span {
    let text = span.source.text().get(span.start..span.end).unwrap_or("");
    let offsets = offsets(text, argument);
    let Some(first) = offsets.get(start).copied() else {
        // Behind the last character: at the end of what is written.
        let behind = offsets.last().map_or(span.start, |last| span.start + last + 1).min(span.end);
        return Span::new(&span.source, behind, behind);
    };
    let last = end.checked_sub(1).and_then(|at| offsets.get(at)).copied().unwrap_or(first);
    let length = text.get(last..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    Span::new(&span.source, span.start + first, span.start + last + length)
}

/// Returns for each byte of an argument the offset in the text that it is written as (RFC 7950 §6.1.3).
fn offsets(text: &str, argument: &str) -> Vec<usize> {
    let mut wanted = argument.chars().peekable();
    let mut found = Vec::with_capacity(argument.len());
    let mut put = |at: usize, c: char| found.extend(std::iter::repeat_n(at, c.len_utf8()));
    let mut chars = text.char_indices().peekable();
    let mut quote = None;
    let mut is_first = true;
    while let Some((at, c)) = chars.next() {
        match quote {
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if is_first => {
                // Not quoted: it stands as it is.
                return (0..argument.len()).collect();
            }
            None if c == '/' => skip_comment(&mut chars),
            None => {}
            Some(mark) if c == mark => quote = None,
            Some('"') if c == '\\' => {
                let escaped = chars.peek().map(|(_, c)| *c);
                let meant = match escaped {
                    Some('n') => Some('\n'),
                    Some('t') => Some('\t'),
                    Some(c @ ('"' | '\\')) => Some(c),
                    _ => None,
                };
                if meant.is_some() {
                    chars.next();
                }
                if let Some(c) = wanted.next_if(|c| *c == meant.unwrap_or('\\')) {
                    put(at, c);
                }
            }
            // What was trimmed is passed over.
            Some(_) => {
                if let Some(c) = wanted.next_if(|wanted| *wanted == c) {
                    put(at, c);
                }
            }
        }
        is_first = false;
    }
    found
}

fn skip_comment(chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>) {
    match chars.next().map(|(_, c)| c) {
        Some('/') => while chars.next_if(|(_, c)| *c != '\n').is_some() {},
        Some('*') => {
            let mut previous = ' ';
            for (_, c) in chars.by_ref() {
                if previous == '*' && c == '/' {
                    return;
                }
                previous = c;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    fn place(text: &str, argument: &str, start: usize) -> (usize, usize) {
        let source = Source::new("m.yang", text);
        within(argument, &Span::new(&source, 0, text.len()), start, start + 1).line_column()
    }

    #[test]
    fn places_survive_quotes_joins_escapes_and_trimming() {
        assert_eq!(place("abc", "abc", 1), (1, 2));
        assert_eq!(place("'abc'", "abc", 1), (1, 3));
        assert_eq!(place("\"a\\\"b\"", "a\"b", 2), (1, 5));
        assert_eq!(place("\"ab  \n   cd\"", "ab\ncd", 4), (2, 5));
        assert_eq!(place("'ab' /* ' */\n + \"cd\"", "abcd", 3), (2, 6));
        assert_eq!(place("'ab'", "ab", 2), (1, 4));
    }
}
