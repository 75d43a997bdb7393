#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tower_tokens_fuzz::run("token_file", data));
