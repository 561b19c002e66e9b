//! Room of `transport`.
