//! The `framescope` program.

fn main() {}
