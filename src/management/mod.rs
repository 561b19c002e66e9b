//! Room of `management`.
