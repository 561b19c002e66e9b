//! Runs `annunciator_fuzz::xpath` on whatever the fuzzer makes up.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| annunciator_fuzz::xpath(data));
