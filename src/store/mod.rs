//! Room of `store`.
