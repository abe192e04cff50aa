//! The project's own tasks: `cargo xtask test`, `cargo xtask long …`.
fn main() {}
