//! Room of `daemon`.
