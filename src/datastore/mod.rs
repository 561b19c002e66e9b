//! Room of `datastore`.
