//! Running, candidates and the transaction between them.
