//! The signals that stop a server.

use std::io;

use tokio::runtime::{Builder, Runtime};
use tracklite::{Error, Result};

/// The signals SIGINT and SIGTERM, which no longer end this process at once.
///
/// Watch them before the address of a server is printed: who reads it may send one.
#[must_use = "signals are answered by `Server::run_until`"]
pub struct StopSignals {
    runtime: Runtime,
    streams: Streams,
}

impl StopSignals {
    /// Begins to watch. From here on, a signal waits for [`Server::run_until`].
    ///
    /// [`Server::run_until`]: crate::Server::run_until
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Io`](tracklite::ErrorKind::Io) if signals cannot be watched.
    pub fn watch() -> Result<StopSignals> {
        let watching = |source| Error::io("watching for signals", source);
        let runtime = Builder::new_current_thread().enable_io().build().map_err(watching)?;
        let entered = runtime.enter();
        let streams = Streams::new().map_err(watching)?;
        drop(entered);
        Ok(StopSignals { runtime, streams })
    }

    /// Waits for the first signal. The second one ends the process.
    pub fn wait(self) {
        let StopSignals { runtime, mut streams } = self;
        runtime.block_on(streams.next());
        std::thread::spawn(move || {
            runtime.block_on(streams.next());
            std::process::exit(130);
        });
    }
}

#[cfg(unix)]
struct Streams {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Streams {
    fn new() -> io::Result<Streams> {
        use tokio::signal::unix::{SignalKind, signal};

        let terminate = signal(SignalKind::terminate())?;
        Ok(Streams { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Streams(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Streams {
    fn new() -> io::Result<Streams> {
        tokio::signal::windows::ctrl_c().map(Streams)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
