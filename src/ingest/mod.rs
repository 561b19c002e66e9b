//! Room of `ingest`.
