//! Room of `handler`.
