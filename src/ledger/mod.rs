//! Room of `ledger`.
