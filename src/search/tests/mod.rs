//! Tests of the language by topic. MLflow's behaviour was observed with MLflow 3.17.2.

mod document;
mod entities;
mod filter;
mod like;
mod message;
mod order;
mod page;
mod properties;
mod semantics;
mod tree;

use crate::error::{ErrorKind, Result};

/// Returns the error message of a failed result.
fn refusal<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.expect_err("this is refused");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    error.to_string()
}
