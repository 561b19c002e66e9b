//! Output of the daemon as a terminal may show it: in the daemon's colours, and with nothing else that steers a terminal.

use crate::diagnostic::printable;

/// What begins a colour.
const BEGIN: &str = "\u{1b}[";

/// The colours that the daemon writes in, and the end of each; no other is let through, the one that hides text least of all.
const COLOURS: [&str; 7] = ["0", "31", "32", "33", "36", "90", "91"];

/// Returns the text with what steers a terminal replaced, but for colours.
pub(super) fn coloured(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut parts = text.split(BEGIN);
    shown.push_str(&printable(parts.next().unwrap_or("")));
    for part in parts {
        if let Some((colour, rest)) = part.split_once('m').filter(|(colour, _)| COLOURS.contains(colour)) {
            shown.extend([BEGIN, colour, "m"]);
            shown.push_str(&printable(rest));
        } else {
            shown.push_str(&printable(BEGIN));
            shown.push_str(&printable(part));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_pass_and_nothing_else_that_steers_a_terminal_does() {
        let said = "\u{1b}[31mred\u{1b}[0m plain\n\u{1b}[91mA\u{1b}[8mB\u{1b}[2JC\u{7}\u{1b}]0;x\u{1b}[31";
        let shown = "\u{1b}[31mred\u{1b}[0m plain\n\u{1b}[91mA\u{fffd}[8mB\u{fffd}[2JC\u{fffd}\u{fffd}]0;x\u{fffd}[31";
        assert_eq!(coloured(said), shown);
    }
}
