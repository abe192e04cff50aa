//! A server over one tracklite file: MLflow's REST API and Databricks's, for their own clients.
//!
//! The file stays open for all other programs. Trainers write it directly, and other servers may
//! serve it at the same time.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("runs.tracklite");
//! use tracklite::Database;
//! use tracklite_server::Server;
//!
//! let database = Database::create(&path)?;
//! let server = Server::builder(database).port(0).start()?;
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! server.stop();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Access
//!
//! A server listens on this machine only, unless another host is set. Without tokens, everybody who
//! reaches it may do everything. So a server for other machines does not start without tokens.

mod access;
mod app;
mod body;
mod call;
mod capture;
pub mod command;
mod databricks;
mod dates;
mod download;
mod exchanges;
mod failure;
mod fields;
mod graphql;
mod guard;
mod handles;
mod input;
mod job_environment;
mod levels;
mod linger;
mod listen;
mod locations;
mod metrics;
mod mlflow;
mod mlflow_ui;
mod multipart;
mod open_inference;
mod openapi;
mod options;
mod origin;
mod page;
mod part_list;
mod pool;
mod random;
mod reply;
mod route;
mod schema;
mod scoring;
mod server;
mod sessions;
mod shared;
mod signed;
mod spool;
mod stall;
mod stop_signals;
mod target;
mod tensors;
mod tls;
mod token;
mod transfer;
mod upload;
mod volumes;
mod webhooks;

pub use crate::page::report::report;
pub use crate::server::{Server, ServerBuilder};
pub use crate::stop_signals::StopSignals;
pub use crate::webhooks::alone::JobWebhooks;
