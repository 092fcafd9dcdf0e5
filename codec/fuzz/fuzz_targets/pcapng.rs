//! Any bytes behind a section header are read as `pcap-parser` reads them, up to the first fault.
#![no_main]

#[path = "../../tests/support/pcapng.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| support::compare(bytes));
