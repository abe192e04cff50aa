//! The dialect of Databricks: what its SDK and MLflow's `databricks` stores ask for.

mod catalogs;
mod config;
mod metastore;
mod mlmodel;
mod pages;
mod people;
mod registration;
mod tokens;
mod uc21_entities;
mod uc21_models;
mod uc21_versions;
mod uc_entities;
mod uc_models;
mod uc_versions;
mod workspace;

use crate::route::Route;

/// The tables of routes of this dialect.
pub(crate) const TABLES: &[&[Route]] = &[
    config::ROUTES,
    tokens::ROUTES,
    people::ROUTES,
    uc_models::ROUTES,
    uc_versions::ROUTES,
    catalogs::ROUTES,
    uc21_models::ROUTES,
    uc21_versions::ROUTES,
    metastore::ROUTES,
    workspace::ROUTES,
];
