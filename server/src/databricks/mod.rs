//! The dialect of Databricks: what its SDK and MLflow's `databricks` stores ask for.

mod config;
mod tokens;

use crate::route::Route;

/// The tables of routes of this dialect.
pub(crate) const TABLES: &[&[Route]] = &[config::ROUTES, tokens::ROUTES];
