//! Room of `codec`.
