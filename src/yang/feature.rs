//! `if-feature` expressions (RFC 7950 §7.20.2) against the features that are enabled.

use super::compile::Compiler;
use super::keyword::Keyword;
use super::statement::StatementId;
use crate::diagnostic::Diagnostic;

/// Deepest nesting of parentheses, and longest chain of features that depend on features: reading them recurses.
const DEPTH_MAX: usize = 64;

/// What an expression is.
#[derive(Debug, PartialEq, Eq)]
enum Expression {
    Feature(String),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

impl Compiler<'_> {
    /// Returns whether all `if-feature` statements below a statement hold; faults are reported once.
    pub(super) fn features_hold(&mut self, statement: StatementId) -> bool {
        let conditions: Vec<StatementId> = self.set.statements.all(statement, Keyword::IfFeature).collect();
        // Each is looked at, so that each fault is told.
        let mut all_hold = true;
        for condition in conditions {
            all_hold &= self.feature_holds(condition);
        }
        all_hold
    }

    /// Returns whether one `if-feature` statement holds.
    pub(super) fn feature_holds(&mut self, condition: StatementId) -> bool {
        let text = self.set.statements.argument(condition);
        match self.conditions.get(&condition) {
            Some(Some(known)) => return *known,
            Some(None) => {
                let what = format!("feature depends on itself by way of `{}`", super::argument::shorten(text));
                self.faults.push(Diagnostic::error(what).at(self.set.statements.argument_span(condition)));
                return true;
            }
            None => {}
        }
        self.conditions.insert(condition, None);
        let holds = match parse(text) {
            Ok(_) if !super::argument::is_identifier_ref(text) && !self.set.is_1_1(condition) => {
                let what = "YANG 1 has names of features in `if-feature`, no expressions";
                let fault = Diagnostic::error(what).hint("add `yang-version 1.1;` to the module");
                self.faults.push(fault.at(self.set.statements.argument_span(condition)));
                true
            }
            Ok(expression) => self.evaluate(condition, &expression),
            Err(what) => {
                let fault = Diagnostic::error(format!("if-feature expression is wrong: {what}"));
                self.faults.push(fault.at(self.set.statements.argument_span(condition)));
                true
            }
        };
        self.conditions.insert(condition, Some(holds));
        holds
    }

    fn evaluate(&mut self, at: StatementId, expression: &Expression) -> bool {
        match expression {
            Expression::Feature(name) => self.is_enabled(at, name),
            Expression::Not(inner) => !self.evaluate(at, inner),
            // Each operand is looked at, so that each fault is told.
            Expression::And(all) => {
                let operands: Vec<bool> = all.iter().map(|e| self.evaluate(at, e)).collect();
                !operands.contains(&false)
            }
            Expression::Or(all) => {
                let operands: Vec<bool> = all.iter().map(|e| self.evaluate(at, e)).collect();
                operands.contains(&true)
            }
        }
    }

    fn is_enabled(&mut self, at: StatementId, name: &str) -> bool {
        let Some(feature) = self.definitions.find(self.set, at, Keyword::Feature, name, &mut self.faults) else {
            return true;
        };
        if let Some(user) = self.set.statements.get(at).parent {
            self.check_status(at, user, feature);
        }
        if self.feature_depth >= DEPTH_MAX {
            let what = format!("features depend on each other more than {DEPTH_MAX} deep");
            self.faults.push(Diagnostic::error(what).at(self.set.statements.argument_span(at)));
            return true;
        }
        let module = &self.set.modules[self.set.module_of(feature).index()].name;
        if !self.options.features.is_enabled(module, self.set.statements.argument(feature)) {
            return false;
        }
        self.feature_depth += 1;
        let holds = self.features_hold(feature);
        self.feature_depth -= 1;
        holds
    }
}

fn parse(text: &str) -> Result<Expression, String> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, depth: 0 };
    let expression = parser.any_of()?;
    match parser.words.first() {
        None => Ok(expression),
        Some(word) => Err(format!("`{}` was not expected", super::argument::shorten(word))),
    }
}

struct Parser<'a> {
    words: &'a [&'a str],
    depth: usize,
}

impl<'a> Parser<'a> {
    fn take(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn take_if(&mut self, word: &str) -> bool {
        let is_next = self.words.first() == Some(&word);
        if is_next {
            let _word = self.take();
        }
        is_next
    }

    fn any_of(&mut self) -> Result<Expression, String> {
        let mut all = vec![self.all_of()?];
        while self.take_if("or") {
            all.push(self.all_of()?);
        }
        Ok(if all.len() == 1 { all.swap_remove(0) } else { Expression::Or(all) })
    }

    fn all_of(&mut self) -> Result<Expression, String> {
        let mut all = vec![self.one()?];
        while self.take_if("and") {
            all.push(self.one()?);
        }
        Ok(if all.len() == 1 { all.swap_remove(0) } else { Expression::And(all) })
    }

    fn one(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("it is nested more than {DEPTH_MAX} deep"));
        }
        let expression = match self.take() {
            Some("not") => Expression::Not(Box::new(self.one()?)),
            Some("(") => {
                let inner = self.any_of()?;
                if !self.take_if(")") {
                    return Err("`(` is not closed".to_owned());
                }
                inner
            }
            Some(name) if super::argument::is_identifier_ref(name) => Expression::Feature(name.to_owned()),
            Some(other) => return Err(format!("`{}` is not the name of a feature", super::argument::shorten(other))),
            None => return Err("the name of a feature is missing".to_owned()),
        };
        self.depth -= 1;
        Ok(expression)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn and_binds_tighter_than_or() {
        let feature = |name: &str| Expression::Feature(name.to_owned());
        assert_eq!(
            parse("a or not(p:b) and c"),
            Ok(Expression::Or(vec![
                feature("a"),
                Expression::And(vec![Expression::Not(Box::new(feature("p:b"))), feature("c")])
            ]))
        );
    }

    #[test]
    fn a_wrong_expression_says_what_is_wrong() {
        assert_eq!(parse("a b"), Err("`b` was not expected".to_owned()));
        assert_eq!(parse("a and"), Err("the name of a feature is missing".to_owned()));
        assert_eq!(parse("(a"), Err("`(` is not closed".to_owned()));
        assert_eq!(parse("a or *"), Err("`*` is not the name of a feature".to_owned()));
        assert!(parse(&"(".repeat(1000)).is_err());
    }
}
