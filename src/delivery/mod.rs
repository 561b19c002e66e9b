//! Room of `delivery`.
