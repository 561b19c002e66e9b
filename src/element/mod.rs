//! Room of `element`.
