//! Room of `web`.
