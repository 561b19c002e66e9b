//! Comments of a script that go over several lines: the daemon reads one line at a time.

use crate::diagnostic::Diagnostic;

/// Whether the lines read so far end inside a `/* … */`.
#[derive(Debug, Default)]
pub(super) struct Comments {
    is_open: bool,
}

impl Comments {
    /// Says that the script ends inside a comment, if it does.
    pub(super) fn unfinished(&self) -> Option<Diagnostic> {
        self.is_open.then(|| Diagnostic::error("a comment without its end").hint("close it with `*/`"))
    }

    /// Returns a line with blanks in the place of what belongs to a comment of several lines, so that columns stay right.
    pub(super) fn strip(&mut self, line: &str) -> String {
        let mut kept = String::with_capacity(line.len());
        let mut rest = line;
        if self.is_open {
            let Some(end) = line.find("*/") else { return String::new() };
            let (comment, after) = line.split_at(end + 2);
            kept.extend(comment.chars().map(|_| ' '));
            rest = after;
            self.is_open = false;
        }
        match begins(rest) {
            Some(at) => {
                self.is_open = true;
                kept.push_str(rest.get(..at).unwrap_or("").trim_end());
            }
            None => kept.push_str(rest),
        }
        kept
    }
}

/// Returns where a comment begins that does not end on its line.
fn begins(line: &str) -> Option<usize> {
    let mut quote = None;
    let mut is_word = false;
    let mut at = 0;
    while let Some(c) = line.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = line.get(at..).unwrap_or("");
        match (quote, c) {
            (Some('"'), '\\') => at += 1,
            (Some(open), c) if open == c => quote = None,
            (None, '#' | '!') if !is_word => return None,
            (None, '/') if !is_word && rest.starts_with("/*") => match rest.get(2..)?.find("*/") {
                Some(end) => {
                    at += 2 + end + 2;
                    continue;
                }
                None => return Some(at),
            },
            (None, '"') => quote = Some(c),
            (None, '\'') if !is_word => quote = Some(c),
            _ => {}
        }
        is_word = quote.is_none() && !c.is_whitespace() && !";{}[]\"'|".contains(c);
        at += c.len_utf8();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str) -> (Vec<String>, bool) {
        let mut comments = Comments::default();
        (text.lines().map(|line| comments.strip(line)).collect(), comments.is_open)
    }

    #[test]
    fn a_comment_of_several_lines_is_taken_away() {
        let (lines, is_open) = stripped("show /* one\ntwo */ cli\n/* a */ who /* b\n\n*/");
        assert_eq!(lines, ["show", "       cli", "/* a */ who", "", "  "]);
        assert!(!is_open);
        assert!(stripped("/*").1);
    }

    #[test]
    fn what_only_looks_like_a_comment_stays() {
        for line in [
            "set description \"a /* b\"",
            "set a '/*'",
            "# /*",
            "set context /a/*",
            "set a \"\\\"/*\"",
            "who ! /*",
            "é/*",
        ] {
            assert_eq!(stripped(line), (vec![line.to_owned()], false), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(lines in proptest::collection::vec("[/*\"'#é\\\\ a]{0,20}", 0..4)) {
            let mut comments = Comments::default();
            for line in &lines {
                comments.strip(line);
            }
        }
    }
}
