//! Panics: what was said and where, kept until the run that they end is failed.

use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::Once;

use super::facts::shortened;
use crate::entity::RunStatus;
use crate::run::Run;

thread_local! {
    /// What the newest panic of this thread has said.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Listens to all panics of the process from now on; whoever listened before still does.
///
/// Here nothing is written: the thread that panics may hold locks, which it lets go of while it
/// unwinds.
pub(super) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
            // A panic within this very call keeps what was said first.
            SAID.with(|said| said.try_borrow_mut().map(|mut said| *said = panic.to_string()).ok());
            before(panic);
        }));
    });
}

/// Fails the run with what was said, as far as it can still be written.
pub(super) fn fail(run: &Run) {
    let said = SAID.with(|said| said.try_borrow().map(|said| said.clone()).unwrap_or_default());
    run.set_tag("tracklite.exception", shortened(&said)).ok();
    run.set_status(RunStatus::Failed).ok();
}
