//! An XPath expression into tokens (XPath 1.0 §3.7), with its rule for telling operators from names.

use super::fault::{At, Fault};

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind<'a> {
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Dot,
    DotDot,
    Attribute,
    Comma,
    Axis,
    Slash,
    SlashSlash,
    Pipe,
    Plus,
    Minus,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `*` between two operands.
    Multiply,
    And,
    Or,
    Div,
    Mod,
    /// `*` as the name of any node.
    Star,
    /// `prefix:*`
    PrefixStar(&'a str),
    /// `name` or `prefix:name`
    Name(Option<&'a str>, &'a str),
    Literal(&'a str),
    Number(f64),
    /// `$name`
    Variable(&'a str),
}

/// A token and where it stands, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    pub(super) at: At,
}

/// Cuts an expression into tokens.
pub(super) fn lex(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new() };
    while lexer.next()? {}
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn push(&mut self, kind: TokenKind<'a>, length: usize) {
        let start = self.at;
        self.at += length;
        self.tokens.push(Token { kind, at: At { start, end: self.at } });
    }

    fn fault(&self, length: usize, what: impl Into<String>) -> Fault {
        Fault::error(At { start: self.at, end: self.at + length }, what)
    }

    /// Reads one token; false at the end.
    fn next(&mut self) -> Result<bool, Fault> {
        let blanks = self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
        self.at += blanks;
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return Ok(false) };
        match c {
            '\'' | '"' => self.literal(c)?,
            '$' => {
                let name = name_at(rest.get(1..).unwrap_or(""));
                self.push(TokenKind::Variable(name), 1 + name.len());
            }
            '0'..='9' => self.number(),
            '.' if rest.get(1..).is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit())) => self.number(),
            '*' => {
                let kind = if self.expects_operator() { TokenKind::Multiply } else { TokenKind::Star };
                self.push(kind, 1);
            }
            c if is_name_start(c) => self.name(),
            _ => match symbol(rest) {
                Some((kind, length)) => self.push(kind, length),
                None => return Err(self.fault(c.len_utf8(), format!("character `{c}` means nothing in XPath"))),
            },
        }
        Ok(true)
    }

    fn literal(&mut self, quote: char) -> Result<(), Fault> {
        let inside = self.rest().get(1..).unwrap_or("");
        match inside.find(quote) {
            Some(end) => {
                self.push(TokenKind::Literal(inside.get(..end).unwrap_or("")), end + 2);
                Ok(())
            }
            None => Err(self.fault(1, "text is not closed").hint(format!("add `{quote}`"))),
        }
    }

    fn number(&mut self) {
        let rest = self.rest();
        let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let whole = digits(rest);
        let length = match rest.get(whole..).and_then(|r| r.strip_prefix('.')) {
            Some(fraction) => whole + 1 + digits(fraction),
            None => whole,
        };
        // Digits with a point always parse; more than a float can hold become infinite, as XPath says.
        let value = rest.get(..length).and_then(|text| text.trim_end_matches('.').parse().ok()).unwrap_or(f64::NAN);
        self.push(TokenKind::Number(value), length);
    }

    fn name(&mut self) {
        let rest = self.rest();
        let first = name_at(rest);
        if self.expects_operator() {
            let operator = match first {
                "and" => Some(TokenKind::And),
                "or" => Some(TokenKind::Or),
                "div" => Some(TokenKind::Div),
                "mod" => Some(TokenKind::Mod),
                _ => None,
            };
            if let Some(kind) = operator {
                return self.push(kind, first.len());
            }
        }
        let behind = rest.get(first.len()..).unwrap_or("");
        match behind.strip_prefix(':') {
            Some(local) if local.starts_with('*') => self.push(TokenKind::PrefixStar(first), first.len() + 2),
            Some(local) if local.starts_with(is_name_start) => {
                let local = name_at(local);
                self.push(TokenKind::Name(Some(first), local), first.len() + 1 + local.len());
            }
            _ => self.push(TokenKind::Name(None, first), first.len()),
        }
    }

    /// XPath 1.0 §3.7: behind an operand, `*` and the four words are operators.
    fn expects_operator(&self) -> bool {
        use TokenKind as T;
        !matches!(
            self.tokens.last().map(|token| &token.kind),
            None | Some(
                T::Attribute
                    | T::Axis
                    | T::Open
                    | T::OpenBracket
                    | T::Comma
                    | T::And
                    | T::Or
                    | T::Div
                    | T::Mod
                    | T::Multiply
                    | T::Slash
                    | T::SlashSlash
                    | T::Pipe
                    | T::Plus
                    | T::Minus
                    | T::Equal
                    | T::NotEqual
                    | T::Less
                    | T::LessOrEqual
                    | T::Greater
                    | T::GreaterOrEqual,
            )
        )
    }
}

fn symbol(rest: &str) -> Option<(TokenKind<'static>, usize)> {
    use TokenKind as T;
    const SYMBOLS: [(&str, TokenKind<'static>); 20] = [
        ("::", T::Axis),
        ("..", T::DotDot),
        ("//", T::SlashSlash),
        ("!=", T::NotEqual),
        ("<=", T::LessOrEqual),
        (">=", T::GreaterOrEqual),
        ("(", T::Open),
        (")", T::Close),
        ("[", T::OpenBracket),
        ("]", T::CloseBracket),
        (".", T::Dot),
        ("@", T::Attribute),
        (",", T::Comma),
        ("/", T::Slash),
        ("|", T::Pipe),
        ("+", T::Plus),
        ("-", T::Minus),
        ("=", T::Equal),
        ("<", T::Less),
        (">", T::Greater),
    ];
    SYMBOLS.iter().find(|(text, _)| rest.starts_with(text)).map(|(text, kind)| (kind.clone(), text.len()))
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// Returns the name (without colon) at the start of a text.
fn name_at(text: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '\u{b7}');
    let end = text.find(|c: char| !is_part(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind<'_>> {
        lex(text).unwrap().into_iter().map(|t| t.kind).collect()
    }

    #[test]
    fn words_and_stars_are_operators_behind_an_operand_only() {
        use TokenKind as T;
        let name = |n| T::Name(None, n);
        assert_eq!(kinds("and and or"), [name("and"), T::And, name("or")]);
        assert_eq!(kinds("* * */*"), [T::Star, T::Multiply, T::Star, T::Slash, T::Star]);
        assert_eq!(kinds("div div mod"), [name("div"), T::Div, name("mod")]);
        assert_eq!(kinds("a-b - p:c"), [name("a-b"), T::Minus, T::Name(Some("p"), "c")]);
        assert_eq!(kinds("p:*"), [T::PrefixStar("p")]);
        assert_eq!(kinds("child::or"), [name("child"), T::Axis, name("or")]);
    }

    #[test]
    fn numbers_and_texts_are_read() {
        use TokenKind as T;
        assert_eq!(kinds("1 .5 2. 3.25"), [T::Number(1.0), T::Number(0.5), T::Number(2.0), T::Number(3.25)]);
        assert_eq!(kinds("'a\"b' \"it's\""), [T::Literal("a\"b"), T::Literal("it's")]);
        assert_eq!(kinds(". .. ./.."), [T::Dot, T::DotDot, T::Dot, T::Slash, T::DotDot]);
    }

    #[test]
    fn what_means_nothing_is_told_with_its_place() {
        let fault = lex("a = #").unwrap_err();
        assert_eq!((fault.at.start, fault.message.as_str()), (4, "character `#` means nothing in XPath"));
        assert_eq!(lex("a = 'b").unwrap_err().at.start, 4);
    }
}
