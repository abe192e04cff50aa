//! The tests of the public API and the program, in one binary, so that SQLite is linked once.

#[cfg(feature = "cli")]
mod cli;
