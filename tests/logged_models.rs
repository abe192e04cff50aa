//! Logged models: their life cycle, metrics tied to datasets, and searches checked by plain code.

mod lives;
mod search;
