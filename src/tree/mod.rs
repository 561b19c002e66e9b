//! Room of `tree`.
