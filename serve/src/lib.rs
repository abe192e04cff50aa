//! Runs the models of the endpoints of a tracklite file, each in worker processes of its own.
//!
//! The file states what to serve: see [`tracklite::endpoint`]. This crate looks at it ten times a
//! second, loads the versions that its configurations name, and answers requests with them. It has
//! no HTTP in it: a server passes the bodies of requests, and gets bodies back.
//!
//! # Workers
//!
//! One process, the zygote, imports MLflow once and forks a worker for each model. A worker gets no
//! environment, no token and no database. It reads the files of its model, which are copied out of
//! the database, and answers on a socket. It is killed if it exceeds its time, and started again if
//! it dies. After three deaths within a minute, there is a pause before the next start.
//!
//! # Environments
//!
//! By default, all models run in the Python environment of the server. One with
//! [`own_environment`](tracklite::endpoint::ServedModel::own_environment) runs in an environment
//! with the requirements of its version. It is made once, below the cache folder, and has a zygote
//! of its own.
//!
//! # Models without Python
//!
//! An endpoint may ask for native answers. Then a worker describes its model as plain arrays, and
//! this process predicts from them. It does so only after both gave the same bytes, and leaves
//! whatever it is not certain about to a worker.
//!
//! # Features
//!
//! A model that was logged with lookups of features has a file with them. This process keeps the
//! newest features of their tables in memory. A request with the keys is completed with them before
//! a worker gets it. Columns in the request are used as they are. A version of the registry with
//! such a file and without a model is answered with the features alone.
//!
//! # Updates
//!
//! A new configuration is loaded and warmed up beside the old one. Then new requests go to the new
//! one. Requests that the old one has begun are answered by it, and then its workers end.
//!
//! # Scale to zero
//!
//! The workers of a model that may scale to zero end after a time without requests. The next
//! request has one forked, and waits for it with those that come meanwhile.

mod answer;
mod breaker;
mod endpoints;
mod environment;
mod environments;
mod files;
mod frame;
mod job;
mod leftovers;
mod load;
mod lookups;
mod meter;
mod native;
mod pool;
mod python;
mod rate;
mod rows;
mod serving;
mod settings;
mod shape;
mod shortcut;
mod table;
mod tail;
mod worker;
mod workshop;
mod zygote;

pub use crate::answer::{Answer, Exchange, Observe, Observer, Refusal, Request, Wait};
pub use crate::endpoints::{Deployment, Status};
pub use crate::meter::{BUCKETS_MS, Measures};
pub use crate::serving::Serving;
pub use crate::settings::Settings;
