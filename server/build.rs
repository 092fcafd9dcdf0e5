//! A release carries `www/` inside it: a new page there means a new build.

use std::path::Path;

/// The inspector's decoder, which is built apart from this.
const MODULE: &str = "../www/pkg/framescope_wasm_bg.wasm";

fn main() {
    // All that is in the folder counts, and so does what comes to be in it: the module, once it is built.
    println!("cargo::rerun-if-changed=../www");
    // That of a profile made after `release`, such as `dist`, is called `release` as well. Others read the pages from
    // disk when they are asked for, and the page itself says what is missing.
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if is_release && !Path::new(MODULE).exists() {
        println!(
            "cargo::warning=the inspector's module is not built and will not be in this binary, everything else will: \
             `make wasm`, then build again"
        );
    }
}
