//! Tests of the element from outside, one binary.

#[cfg(test)]
mod transcripts;
