//! The native lane: trees and linear models, which this process computes without Python.
//!
//! A worker describes its model once, as plain arrays without code. This module reads the
//! description, checks it, and answers requests from it. It does no I/O.
//!
//! Each prediction is computed by the same operations in the same order as in the library of the
//! model. So an answer should be the same to the byte, and the worker answers whatever is not
//! certain here. Comparisons with a worker end native answers at the first difference.

mod arrays;
mod body;
mod description;
mod linear;
mod model;
mod predictor;
mod trees;
mod trust;
mod write;

pub(crate) use self::description::read;
pub(crate) use self::predictor::Native;
pub(crate) use self::trust::{Next, Trust};
