//! Keeps the message of a panic until the run that it ends is marked as failed.

use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::Once;

use super::facts::shortened;
use crate::entity::RunStatus;
use crate::run::Run;

thread_local! {
    /// The message of the latest panic on this thread.
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Installs a panic hook for the process, which still calls the previous hook.
///
/// The hook writes nothing to the file. The panicking thread may hold locks, which it releases only
/// while unwinding.
pub(super) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
            // A panic inside this very call keeps the first message.
            MESSAGE.with(|message| {
                message.try_borrow_mut().map(|mut message| *message = panic.to_string()).ok()
            });
            before(panic);
        }));
    });
}

/// Marks the run as failed with the panic's message. Errors are ignored.
pub(super) fn fail(run: &Run) {
    let message =
        MESSAGE.with(|message| message.try_borrow().map(|text| text.clone()).unwrap_or_default());
    run.set_tag("tracklite.exception", shortened(&message)).ok();
    run.set_status(RunStatus::Failed).ok();
}
