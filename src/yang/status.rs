//! What is in use must not refer to what is not any more, within one module (RFC 7950 §7.21.2).

use super::compile::Compiler;
use super::keyword::Keyword;
use super::schema::Status;
use super::statement::{StatementId, Statements};
use crate::diagnostic::Diagnostic;

impl Status {
    /// Reads the argument of a `status` statement; what is not stated is current.
    pub(super) fn read(text: Option<&str>) -> Self {
        match text {
            Some("deprecated") => Self::Deprecated,
            Some("obsolete") => Self::Obsolete,
            _ => Self::Current,
        }
    }

    /// Returns the word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Deprecated => "deprecated",
            Self::Obsolete => "obsolete",
        }
    }
}

/// Returns the status of a statement: its own, or a weaker one of what it is in.
fn effective(statements: &Statements, at: StatementId) -> Status {
    let own = |id| Status::read(statements.first_argument(id, Keyword::Status).as_deref());
    let above = std::iter::successors(Some(at), |id| statements.get(*id).parent);
    above.map(own).max().unwrap_or(Status::Current)
}

impl Compiler<'_> {
    /// Reports a reference at `at`, which stands in the definition `from`, to a definition that is less in use.
    pub(super) fn check_status(&mut self, at: StatementId, from: StatementId, to: StatementId) {
        if self.set.module_of(from) != self.set.module_of(to) {
            return;
        }
        let statements = &self.set.statements;
        let target = Status::read(statements.first_argument(to, Keyword::Status).as_deref());
        let source = effective(statements, from);
        if source < target {
            let what = format!(
                "{} is {} and refers to {}, which is {}",
                statements.describe(from),
                source.name(),
                statements.describe(to),
                target.name()
            );
            self.faults.push(Diagnostic::error(what).at(statements.argument_span(at)));
        }
    }
}
