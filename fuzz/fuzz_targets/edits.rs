//! Runs `annunciator_fuzz::edits` on whatever the fuzzer makes up.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| annunciator_fuzz::edits(data));
