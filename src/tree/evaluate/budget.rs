//! How much work evaluation may be: an expression over a large tree ends in a diagnostic, not in waiting.

use std::cell::Cell;

/// Nodes that one evaluation may look at: all of a tree of a hundred thousand entries, several times.
const EVALUATION_STEPS_MAX: u64 = 10_000_000;

/// Nodes that all evaluations of one validation may look at together: some tens of seconds.
const VALIDATION_STEPS_MAX: u64 = 400_000_000;

/// Conditions that are evaluated because others look at nodes that they decide on: longer chains are circles.
const DEPTH_MAX: u32 = 24;

/// Why an evaluation came to no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EvaluationError {
    /// It is too much work.
    #[error("looks at more than {0} nodes")]
    TooManySteps(u64),
    /// Conditions depend on each other.
    #[error("depends on itself through the conditions of what it looks at")]
    Circular,
    /// A pattern that the data gave is wrong.
    #[error("has a wrong pattern: {0}")]
    Pattern(String),
}

/// The work that is left.
pub(crate) struct Budget {
    evaluation: Cell<u64>,
    validation: Cell<u64>,
    depth: Cell<u32>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            evaluation: Cell::new(EVALUATION_STEPS_MAX),
            validation: Cell::new(VALIDATION_STEPS_MAX),
            depth: Cell::new(0),
        }
    }
}

/// An evaluation under way.
pub(super) struct Running<'b>(&'b Budget);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.depth.set(self.0.depth.get().saturating_sub(1));
    }
}

impl Budget {
    /// Starts an evaluation; one within another shares its work.
    pub(super) fn enter(&self) -> Result<Running<'_>, EvaluationError> {
        let depth = self.depth.get();
        if depth >= DEPTH_MAX {
            return Err(EvaluationError::Circular);
        }
        if depth == 0 {
            self.evaluation.set(EVALUATION_STEPS_MAX);
        }
        self.depth.set(depth + 1);
        Ok(Running(self))
    }

    /// Takes some steps; outside an evaluation they cost nothing, since whoever walks a tree walks it once.
    pub(crate) fn spend(&self, steps: u64) -> Result<(), EvaluationError> {
        if self.depth.get() == 0 {
            return Ok(());
        }
        for (left, most) in [(&self.evaluation, EVALUATION_STEPS_MAX), (&self.validation, VALIDATION_STEPS_MAX)] {
            match left.get().checked_sub(steps) {
                Some(rest) => left.set(rest),
                None => return Err(EvaluationError::TooManySteps(most)),
            }
        }
        Ok(())
    }
}
