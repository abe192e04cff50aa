//! Webhooks: the changes of the registry and the events of jobs, sent to those who wait for them.

pub(crate) mod address;
pub(crate) mod alone;
pub(crate) mod client;
pub(crate) mod delivery;
pub(crate) mod events;
pub(crate) mod example;
pub(crate) mod queue;
