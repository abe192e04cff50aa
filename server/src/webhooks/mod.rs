//! Webhooks: the changes of the registry, sent to the addresses that wait for them.

pub(crate) mod address;
pub(crate) mod client;
pub(crate) mod delivery;
pub(crate) mod events;
pub(crate) mod example;
pub(crate) mod queue;
