//! A release carries `www/` inside it: a new page there means a new build.

fn main() {
    println!("cargo::rerun-if-changed=../www");
}
