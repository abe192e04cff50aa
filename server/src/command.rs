//! Running a command beside a server, with the signals of this process.

use std::process::{Command, ExitStatus};

use tracklite::{Error, Result};

use crate::random::random_hex;

/// Returns a new token for [`ServerBuilder::token`](crate::ServerBuilder::token), with 256 random
/// bits.
///
/// # Errors
///
/// - [`ErrorKind::Io`](tracklite::ErrorKind::Io) if the system has no random bytes.
pub fn new_token() -> Result<String> {
    Ok(format!("tlk_{}", random_hex(32)?))
}

/// Runs a command to its end and returns its exit code, or 128 and the number of its signal.
///
/// The signals SIGTERM, SIGHUP and SIGINT of this process are passed on. The terminal sends SIGINT
/// to the command itself.
///
/// # Errors
///
/// - [`ErrorKind::Io`](tracklite::ErrorKind::Io) if the command cannot be started.
pub fn run(command: &mut Command) -> Result<u8> {
    let name = command.get_program().to_string_lossy().into_owned();
    // Before the command starts, so that no signal is missed.
    let signals =
        signals::Watched::begin().map_err(|source| Error::io("watching for signals", source))?;
    let mut child =
        command.spawn().map_err(|source| Error::io(format!("starting {name:?}"), source))?;
    signals.pass_on_to(&child);
    let status =
        child.wait().map_err(|source| Error::io(format!("waiting for {name:?}"), source))?;
    Ok(code_of(status))
}

#[cfg(unix)]
fn code_of(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;

    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(not(unix))]
fn code_of(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(unix)]
mod signals {
    //! Passing signals on.

    use std::io::{self, IsTerminal as _};
    use std::process::Child;

    use rustix::process::{Pid, Signal, getpgrp, kill_process};
    use rustix::termios::tcgetpgrp;
    use tokio::runtime::{Builder, Runtime};
    use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

    /// Signals that no longer end this process.
    pub(super) struct Watched {
        runtime: Runtime,
        terminate: Stream,
        hangup: Stream,
        interrupt: Stream,
    }

    impl Watched {
        pub(super) fn begin() -> io::Result<Watched> {
            let runtime = Builder::new_current_thread().enable_io().build()?;
            let entered = runtime.enter();
            let terminate = signal(SignalKind::terminate())?;
            let hangup = signal(SignalKind::hangup())?;
            let interrupt = signal(SignalKind::interrupt())?;
            drop(entered);
            Ok(Watched { runtime, terminate, hangup, interrupt })
        }

        /// Passes them on to a child, on a thread that ends with the process.
        pub(super) fn pass_on_to(self, child: &Child) {
            let Some(child) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
                return;
            };
            let Watched { runtime, mut terminate, mut hangup, mut interrupt } = self;
            std::thread::spawn(move || {
                runtime.block_on(async move {
                    loop {
                        let signal = tokio::select! {
                            Some(()) = terminate.recv() => Signal::TERM,
                            Some(()) = hangup.recv() => Signal::HUP,
                            Some(()) = interrupt.recv() => Signal::INT,
                            else => return,
                        };
                        if signal == Signal::INT && in_foreground() {
                            continue;
                        }
                        if let Err(error) = kill_process(child, signal) {
                            log::warn!("cannot pass a signal on: {error}");
                        }
                    }
                });
            });
        }
    }

    /// Returns whether the terminal sends its signals to this process and its children.
    fn in_foreground() -> bool {
        let input = io::stdin();
        input.is_terminal() && tcgetpgrp(&input).is_ok_and(|group| group == getpgrp())
    }
}

#[cfg(not(unix))]
mod signals {
    //! Without signals, there is nothing to pass on.

    pub(super) struct Watched;

    impl Watched {
        pub(super) fn begin() -> std::io::Result<Watched> {
            Ok(Watched)
        }

        pub(super) fn pass_on_to(self, _child: &std::process::Child) {}
    }
}
