//! `tracklite ui`: the web page of a file, in a browser.

use std::io::Write as _;
use std::process::{Command, Stdio};

use tracklite::{Database, ErrorKind, Result};
use tracklite_server::{Server, StopSignals, command};

use crate::serve_args::UiArgs;
use crate::terminal::Terminal;
use crate::{Exit, Outcome};

/// Serves the page of a file until a signal, and opens it in a browser.
///
/// The address has a token, because other users of this machine reach the port too.
pub(crate) fn ui(args: &UiArgs, terminal: &mut Terminal) -> Outcome {
    let token = command::new_token()?;
    let mut server = Server::builder(open(args)?).port(args.port).token(&token);
    if let Some(folder) = &args.assets {
        server = server.assets(folder);
    }
    if args.framed {
        server = server.framed_by_this_machine();
    }
    let server = server.start()?;
    let signals = StopSignals::watch()?;
    let address = address(server.url(), args.open.as_deref(), &token);
    writeln!(terminal, "{address}")?;
    terminal.flush()?;
    if !args.no_browser {
        show(address);
    }
    server.run_until(signals);
    Ok(Exit::Success)
}

/// Opens the file, if need be only to read it.
fn open(args: &UiArgs) -> Result<Database> {
    if args.read_only {
        return Database::open_read_only(&args.file);
    }
    match Database::open(&args.file) {
        Err(error) if error.kind() == ErrorKind::ReadOnly => Database::open_read_only(&args.file),
        other => other,
    }
}

/// Returns the address of a view. The token is in the fragment, which browsers send to nobody.
fn address(server: &str, view: Option<&str>, token: &str) -> String {
    let mut address = format!("{server}/");
    if let Some(view) = view {
        address.push_str("ui/");
        view.trim_start_matches('/').bytes().for_each(|byte| push_escaped(&mut address, byte));
    }
    address + "#token=" + token
}

/// Appends a byte of a view, which may be encoded already.
fn push_escaped(address: &mut String, byte: u8) {
    let is_plain = byte.is_ascii_alphanumeric() || b"-._~/?&=%:+,;@!$'()*".contains(&byte);
    match is_plain {
        true => address.push(char::from(byte)),
        false => address.push_str(&format!("%{byte:02X}")),
    }
}

/// Opens an address with the program of the desktop. Without one, the printed address is enough.
fn show(address: String) {
    let Some(program) = opener() else { return };
    // The browser may be a child of this program until it ends.
    std::thread::spawn(move || {
        let mut browser = Command::new(program);
        browser.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if !browser.status().is_ok_and(|status| status.success()) {
            // If standard error is closed, there is nowhere to report it.
            let _ = writeln!(std::io::stderr(), "no browser was opened: open the address above");
        }
    });
}

/// Returns the program that opens addresses, if there is a display.
fn opener() -> Option<&'static str> {
    if cfg!(target_os = "macos") {
        return Some("open");
    }
    let has_display =
        ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(|name| std::env::var_os(name).is_some());
    has_display.then_some("xdg-open")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_part_of_the_address() {
        let server = "http://127.0.0.1:4000";
        assert_eq!(address(server, None, "t"), "http://127.0.0.1:4000/#token=t");
        let view = "/runs?f=metrics.loss < 0.1&o=name%20DESC";
        let expected = "http://127.0.0.1:4000/ui/runs?f=metrics.loss%20%3C%200.1&o=name%20DESC";
        assert_eq!(address(server, Some(view), "t"), format!("{expected}#token=t"));
        assert_eq!(
            address(server, Some("a#b\u{e9}"), "t"),
            format!("{server}/ui/a%23b%C3%A9#token=t")
        );
    }
}
