//! Bodies of requests that become files.

use std::sync::Arc;

use axum::body::Body;

use crate::failure::Outcome;
use crate::shared::Shared;
use crate::target::Target;
use crate::transfer::receive;

/// Stores the body of a request at the target that `find` returns.
pub(crate) async fn store(
    shared: &Arc<Shared>,
    body: Body,
    only_new: bool,
    find: impl FnOnce(&Shared) -> Outcome<Target> + Send + 'static,
) -> Outcome<()> {
    let finder = Arc::clone(shared);
    let target = shared.pool.run(move || find(&finder)?.file()).await??;
    receive(shared.transfers(), body, move |body| target.store(body, only_new)).await
}
