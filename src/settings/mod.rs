//! Room of `settings`.
