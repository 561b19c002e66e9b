//! Tokens into the tree of an expression (XPath 1.0 §2, §3; RFC 7950 §6.4).

use super::fault::{At, Fault};
use super::lexer::{Token, TokenKind, lex};
use super::syntax::{Arithmetic, Axis, Comparison, Syntax, SyntaxKind, SyntaxStart, SyntaxStep, SyntaxTest};
use crate::diagnostic::nearest;

/// Longest expression: published modules stay below a tenth of it.
pub(super) const EXPRESSION_BYTES_MAX: usize = 16 * 1024;

/// Deepest nesting: published modules stay below ten, and reading and evaluating recurse.
const DEPTH_MAX: usize = 32;

/// Levels that a tree may have: a chain of operators adds one for each, and walking the tree recurses.
const HEIGHT_MAX: usize = 96;

type Parsed<'a> = Result<Syntax<'a>, Fault>;

/// Reads an expression.
pub(super) fn parse(text: &str) -> Parsed<'_> {
    if text.len() > EXPRESSION_BYTES_MAX {
        let at = At { start: 0, end: text.len() };
        return Err(Fault::error(at, format!("expression is longer than {EXPRESSION_BYTES_MAX} bytes")));
    }
    let tokens = lex(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.len(), depth: 0 };
    let expression = parser.expression()?;
    match parser.tokens.get(parser.at) {
        None => Ok(expression),
        Some(token) => Err(Fault::error(token.at, "expected an operator or the end of the expression")),
    }
}

struct Parser<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
    end: usize,
    depth: usize,
}

impl<'a> Parser<'_, 'a> {
    fn peek(&self) -> Option<&TokenKind<'a>> {
        self.tokens.get(self.at).map(|t| &t.kind)
    }

    fn peek_second(&self) -> Option<&TokenKind<'a>> {
        self.tokens.get(self.at + 1).map(|t| &t.kind)
    }

    /// Returns where the next token stands; behind the last, the end.
    fn place(&self) -> At {
        self.tokens.get(self.at).map_or(At { start: self.end, end: self.end }, |t| t.at)
    }

    fn behind(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |t| t.at.end)
    }

    fn take(&mut self, kind: &TokenKind<'a>) -> bool {
        let is_it = self.peek() == Some(kind);
        self.at += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, kind: &TokenKind<'a>, name: &str) -> Result<(), Fault> {
        if self.take(kind) { Ok(()) } else { Err(Fault::error(self.place(), format!("expected `{name}`"))) }
    }

    fn node(&self, start: usize, height: usize, kind: SyntaxKind<'a>) -> Parsed<'a> {
        let at = At { start, end: self.behind() };
        if height > HEIGHT_MAX {
            return Err(Fault::error(at, format!("expression has more than {HEIGHT_MAX} levels")));
        }
        Ok(Syntax { kind, at, height })
    }

    fn expression(&mut self) -> Parsed<'a> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Fault::error(self.place(), format!("expression is nested more than {DEPTH_MAX} deep")));
        }
        let parsed = self.chain(&TokenKind::Or, SyntaxKind::Or, |parser| {
            parser.chain(&TokenKind::And, SyntaxKind::And, |parser| parser.binary(0))
        });
        self.depth -= 1;
        parsed
    }

    /// Reads operands joined by an operator that may repeat at will.
    fn chain(
        &mut self,
        operator: &TokenKind<'a>,
        build: fn(Vec<Syntax<'a>>) -> SyntaxKind<'a>,
        mut operand: impl FnMut(&mut Self) -> Parsed<'a>,
    ) -> Parsed<'a> {
        let start = self.place().start;
        let first = operand(self)?;
        if self.peek() != Some(operator) {
            return Ok(first);
        }
        let mut height = first.height;
        let mut operands = vec![first];
        while self.take(operator) {
            let next = operand(self)?;
            height = height.max(next.height);
            operands.push(next);
        }
        self.node(start, height + 1, build(operands))
    }

    /// Reads comparisons, sums and products by rising strength.
    fn binary(&mut self, weakest: u8) -> Parsed<'a> {
        let start = self.place().start;
        let mut left = self.unary()?;
        while let Some((strength, operator)) = self.peek().and_then(operator) {
            if strength < weakest {
                break;
            }
            self.at += 1;
            let right = self.binary(strength + 1)?;
            let height = left.height.max(right.height) + 1;
            let (left_side, right_side) = (Box::new(left), Box::new(right));
            left = self.node(
                start,
                height,
                match operator {
                    Operator::Compare(comparison) => SyntaxKind::Compare(comparison, left_side, right_side),
                    Operator::Arithmetic(arithmetic) => SyntaxKind::Arithmetic(arithmetic, left_side, right_side),
                },
            )?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed<'a> {
        let start = self.place().start;
        let mut signs = 0_usize;
        while self.take(&TokenKind::Minus) {
            signs += 1;
        }
        let mut value = self.chain(&TokenKind::Pipe, SyntaxKind::Union, Self::path)?;
        // Of an even number of signs two make it a number, as all would.
        for _ in 0..if signs == 0 { 0 } else { 2 - signs % 2 } {
            let height = value.height + 1;
            value = self.node(start, height, SyntaxKind::Negate(Box::new(value)))?;
        }
        Ok(value)
    }

    fn path(&mut self) -> Parsed<'a> {
        let start = self.place().start;
        if self.starts_filter() {
            return self.filter_path(start);
        }
        let mut steps = Vec::new();
        let from = match self.peek() {
            Some(TokenKind::Slash) => {
                self.at += 1;
                if !self.starts_step() {
                    return self.node(start, 1, SyntaxKind::Path { start: SyntaxStart::Root, steps });
                }
                SyntaxStart::Root
            }
            Some(TokenKind::SlashSlash) => {
                self.at += 1;
                steps.push(all_below(At { start, end: start + 2 }));
                SyntaxStart::Root
            }
            _ => SyntaxStart::Context,
        };
        self.steps(&mut steps)?;
        let height = 1 + height_of_steps(&steps);
        self.node(start, height, SyntaxKind::Path { start: from, steps })
    }

    /// Returns whether a primary expression comes next, and not a step.
    fn starts_filter(&self) -> bool {
        match self.peek() {
            Some(TokenKind::Open | TokenKind::Literal(_) | TokenKind::Number(_) | TokenKind::Variable(_)) => true,
            Some(TokenKind::Name(prefix, name)) => {
                self.peek_second() == Some(&TokenKind::Open) && !(prefix.is_none() && is_node_type(name))
            }
            _ => false,
        }
    }

    fn starts_step(&self) -> bool {
        matches!(
            self.peek(),
            Some(
                TokenKind::Dot
                    | TokenKind::DotDot
                    | TokenKind::Attribute
                    | TokenKind::Star
                    | TokenKind::PrefixStar(_)
                    | TokenKind::Name(..)
            )
        )
    }

    fn filter_path(&mut self, start: usize) -> Parsed<'a> {
        let primary = self.primary()?;
        let predicates = self.predicates()?;
        let mut steps = Vec::new();
        let is_path = match self.peek() {
            Some(TokenKind::Slash) => true,
            Some(TokenKind::SlashSlash) => {
                steps.push(all_below(self.place()));
                true
            }
            _ => false,
        };
        if is_path {
            self.at += 1;
            self.steps(&mut steps)?;
        } else if predicates.is_empty() {
            return Ok(primary);
        }
        let inner = predicates.iter().map(|p| p.height).max().unwrap_or(0).max(primary.height);
        let height = 1 + inner.max(height_of_steps(&steps));
        let from = SyntaxStart::Filter(Box::new(primary), predicates);
        self.node(start, height, SyntaxKind::Path { start: from, steps })
    }

    fn primary(&mut self) -> Parsed<'a> {
        let place = self.place();
        match self.peek().cloned() {
            Some(TokenKind::Open) => {
                self.at += 1;
                let inner = self.expression()?;
                self.expect(&TokenKind::Close, ")")?;
                Ok(inner)
            }
            Some(TokenKind::Literal(text)) => {
                self.at += 1;
                self.node(place.start, 1, SyntaxKind::Literal(text))
            }
            Some(TokenKind::Number(number)) => {
                self.at += 1;
                self.node(place.start, 1, SyntaxKind::Number(number))
            }
            Some(TokenKind::Variable(name)) => {
                self.at += 1;
                self.node(place.start, 1, SyntaxKind::Variable(name))
            }
            Some(TokenKind::Name(prefix, name)) => {
                self.at += 1;
                self.call(place.start, prefix, name)
            }
            _ => Err(Fault::error(place, "expected an expression")),
        }
    }

    fn call(&mut self, start: usize, prefix: Option<&'a str>, name: &'a str) -> Parsed<'a> {
        self.expect(&TokenKind::Open, "(")?;
        let mut arguments = Vec::new();
        let mut height = 0;
        if !self.take(&TokenKind::Close) {
            loop {
                let argument = self.expression()?;
                height = height.max(argument.height);
                arguments.push(argument);
                if !self.take(&TokenKind::Comma) {
                    break;
                }
            }
            self.expect(&TokenKind::Close, ")")?;
        }
        self.node(start, height + 1, SyntaxKind::Call { prefix, name, arguments })
    }

    fn predicates(&mut self) -> Result<Vec<Syntax<'a>>, Fault> {
        let mut predicates = Vec::new();
        while self.take(&TokenKind::OpenBracket) {
            predicates.push(self.expression()?);
            self.expect(&TokenKind::CloseBracket, "]")?;
        }
        Ok(predicates)
    }

    fn steps(&mut self, steps: &mut Vec<SyntaxStep<'a>>) -> Result<(), Fault> {
        loop {
            let step = self.step()?;
            steps.push(step);
            let place = self.place();
            if self.take(&TokenKind::SlashSlash) {
                steps.push(all_below(place));
            } else if !self.take(&TokenKind::Slash) {
                return Ok(());
            }
        }
    }

    fn step(&mut self) -> Result<SyntaxStep<'a>, Fault> {
        let start = self.place();
        for (dots, axis) in [(TokenKind::Dot, Axis::SelfNode), (TokenKind::DotDot, Axis::Parent)] {
            if self.take(&dots) {
                if self.peek() == Some(&TokenKind::OpenBracket) {
                    let fault = Fault::error(self.place(), "`.` and `..` take no predicate");
                    return Err(fault.hint("write `self::node()[…]` or `parent::node()[…]`"));
                }
                return Ok(SyntaxStep { axis, test: SyntaxTest::Node, predicates: Vec::new(), at: start });
            }
        }
        let axis = self.axis()?;
        let test = self.test()?;
        let at = At { start: start.start, end: self.behind() };
        let predicates = self.predicates()?;
        Ok(SyntaxStep { axis, test, predicates, at })
    }

    fn axis(&mut self) -> Result<Axis, Fault> {
        if self.take(&TokenKind::Attribute) {
            return Ok(Axis::Attribute);
        }
        let (Some(TokenKind::Name(None, name)), Some(TokenKind::Axis)) = (self.peek(), self.peek_second()) else {
            return Ok(Axis::Child);
        };
        let name = *name;
        let place = self.place();
        self.at += 2;
        Axis::NAMES.iter().find(|(known, _)| *known == name).map(|(_, axis)| *axis).ok_or_else(|| {
            let fault = Fault::error(place, format!("`{name}` is not an axis"));
            match nearest(name, Axis::NAMES.iter().map(|(known, _)| *known)) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault,
            }
        })
    }

    fn test(&mut self) -> Result<SyntaxTest<'a>, Fault> {
        let place = self.place();
        let test = match self.peek() {
            Some(TokenKind::Star) => SyntaxTest::Any,
            Some(TokenKind::PrefixStar(prefix)) => SyntaxTest::AnyOf(prefix),
            Some(TokenKind::Name(None, name)) if self.peek_second() == Some(&TokenKind::Open) => {
                let name = *name;
                self.at += 2;
                return self.node_type(place, name);
            }
            Some(TokenKind::Name(prefix, name)) => SyntaxTest::Name(*prefix, name),
            _ => return Err(Fault::error(place, "expected the name of a node, `.` or `..`")),
        };
        self.at += 1;
        Ok(test)
    }

    fn node_type(&mut self, place: At, name: &str) -> Result<SyntaxTest<'a>, Fault> {
        let test = match name {
            "node" => SyntaxTest::Node,
            "text" => SyntaxTest::Text,
            "comment" => SyntaxTest::Nothing,
            "processing-instruction" => {
                if matches!(self.peek(), Some(TokenKind::Literal(_))) {
                    self.at += 1;
                }
                SyntaxTest::Nothing
            }
            _ => {
                return Err(
                    Fault::error(place, format!("`{name}()` cannot be a step")).hint("`node()` or `text()` can")
                );
            }
        };
        self.expect(&TokenKind::Close, ")")?;
        Ok(test)
    }
}

/// `//` stands for this step and one behind it (XPath 1.0 §2.5).
fn all_below<'a>(at: At) -> SyntaxStep<'a> {
    SyntaxStep { axis: Axis::DescendantOrSelf, test: SyntaxTest::Node, predicates: Vec::new(), at }
}

fn height_of_steps(steps: &[SyntaxStep<'_>]) -> usize {
    steps.iter().flat_map(|s| &s.predicates).map(|p| p.height).max().unwrap_or(0)
}

fn is_node_type(name: &str) -> bool {
    matches!(name, "node" | "text" | "comment" | "processing-instruction")
}

enum Operator {
    Compare(Comparison),
    Arithmetic(Arithmetic),
}

/// Returns a binary operator with its strength; all of them group from the left.
fn operator(token: &TokenKind<'_>) -> Option<(u8, Operator)> {
    use Operator::{Arithmetic as A, Compare as C};
    Some(match token {
        TokenKind::Equal => (0, C(Comparison::Equal)),
        TokenKind::NotEqual => (0, C(Comparison::NotEqual)),
        TokenKind::Less => (1, C(Comparison::Less)),
        TokenKind::LessOrEqual => (1, C(Comparison::LessOrEqual)),
        TokenKind::Greater => (1, C(Comparison::Greater)),
        TokenKind::GreaterOrEqual => (1, C(Comparison::GreaterOrEqual)),
        TokenKind::Plus => (2, A(Arithmetic::Add)),
        TokenKind::Minus => (2, A(Arithmetic::Subtract)),
        TokenKind::Multiply => (3, A(Arithmetic::Multiply)),
        TokenKind::Div => (3, A(Arithmetic::Divide)),
        TokenKind::Mod => (3, A(Arithmetic::Modulo)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (usize, String) {
        let fault = parse(text).unwrap_err();
        (fault.at.start, fault.message)
    }

    #[test]
    fn the_whole_grammar_is_read() {
        for text in [
            "/",
            "//a",
            ".",
            "..",
            "../..",
            "/a/b[c='d'][2]/@e",
            "a | b | ../c",
            "- - 1 + 2 * 3 div 4 mod 5",
            "not(a) and (b or c) = true()",
            "ancestor-or-self::*/following-sibling::p:x[position() = last()]",
            "count(//a[.='x']/..) >= 3 != false()",
            "processing-instruction('x')",
            "self::node()/text()",
            "(a)[1]/b//c",
            "current()/../x[y = current()/z]",
            "child::p:*",
            "a[b[c[d]]]",
            "div div mod mod and and or",
            "concat('a', \"b\", string(1.5))",
            "*[name() = 'x'] * 2",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn operators_bind_as_they_should() {
        let shape =
            |text: &str| format!("{:?}", parse(text).unwrap().kind).split(['(', '{', ' ']).next().unwrap().to_owned();
        assert_eq!(shape("1 + 2 = 3 and 4 < 5"), "And");
        assert_eq!(shape("1 = 2 or 3 and 4"), "Or");
        assert_eq!(shape("1 - 2 - 3"), "Arithmetic");
        let SyntaxKind::Arithmetic(_, left, _) = parse("1 - 2 - 3").unwrap().kind else { panic!() };
        assert!(matches!(left.kind, SyntaxKind::Arithmetic(..)));
        let SyntaxKind::Arithmetic(Arithmetic::Add, _, right) = parse("1 + 2 * 3").unwrap().kind else { panic!() };
        assert!(matches!(right.kind, SyntaxKind::Arithmetic(Arithmetic::Multiply, ..)));
        assert!(matches!(parse("-a | b").unwrap().kind, SyntaxKind::Negate(_)));
    }

    #[test]
    fn faults_have_their_place() {
        assert_eq!(fault("a = "), (4, "expected the name of a node, `.` or `..`".to_owned()));
        assert_eq!(fault("a b"), (2, "expected an operator or the end of the expression".to_owned()));
        assert_eq!(fault("a[1"), (3, "expected `]`".to_owned()));
        assert_eq!(fault("sibling::a"), (0, "`sibling` is not an axis".to_owned()));
        assert_eq!(fault("count(a"), (7, "expected `)`".to_owned()));
        assert_eq!(fault("a/count(b)"), (2, "`count()` cannot be a step".to_owned()));
        assert_eq!(fault(""), (0, "expected the name of a node, `.` or `..`".to_owned()));
    }

    #[test]
    fn depth_and_length_have_limits() {
        let deep = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
        assert!(fault(&deep).1.contains("nested"));
        let long = format!("1{}", " + 1".repeat(3000));
        assert!(fault(&long).1.contains("levels"));
        assert!(parse(&format!("a{}", " or a".repeat(2000))).is_ok());
        assert!(fault(&"a".repeat(20_000)).1.contains("longer"));
        assert!(fault(&"a[".repeat(4000)).1.contains("nested"));
        assert!(parse(&format!("{}1", "-".repeat(4001))).is_ok());
    }
}
