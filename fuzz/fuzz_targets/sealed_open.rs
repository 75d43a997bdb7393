//! Opens any input in every way that a sealed token can be opened: nothing panics, and no forgery opens.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/sealed/fuzz_input.rs"]
mod fuzz_input;

fuzz_target!(|data: &[u8]| fuzz_input::open(data));
