#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::phc_string(data));
