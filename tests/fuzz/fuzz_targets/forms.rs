//! Fuzzes `forms` of the properties.
#![no_main]
#![allow(dead_code, reason = "each target is one of the properties")]

#[path = "../properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::forms(input));
