//! The operating system and the processor: all of the crate's unsafe code, and nothing else.
