//! `tracklite serve` and `tracklite run`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{Sample, errors, program};

/// Starts `tracklite serve FILE ARGUMENTS`, and returns it with its address.
fn serve(sample: &Sample, arguments: &[&str]) -> (Child, String) {
    let mut command = program(sample.folder.path());
    command.arg("serve").arg(&sample.file).args(["--port", "0"]).args(arguments);
    start(command)
}

/// Starts `tracklite ui FILE ARGUMENTS` with these programs, and returns it with its address.
fn ui(sample: &Sample, path: &Path, arguments: &[&str]) -> (Child, String) {
    let mut command = program(sample.folder.path());
    command.env("PATH", path).env_remove("WAYLAND_DISPLAY");
    command.arg("ui").arg(&sample.file).args(arguments);
    start(command)
}

/// Starts a server, and returns it with the address that it prints.
fn start(mut command: Command) -> (Child, String) {
    let mut server =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let output = server.stdout.as_mut().expect("it has an output");
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).expect("a line");
    (server, line.trim_end().to_owned())
}

fn signal(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id()).expect("an id");
    kill_process(Pid::from_raw(id).expect("an id"), signal).expect("it is sent");
}

fn ask(address: &str, request: &str) -> String {
    let host = address.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(host).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
    let head = format!("{request} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn a_server_prints_its_address_and_stops_at_a_signal() {
    let sample = Sample::new();
    let (server, address) = serve(&sample, &[]);
    let target = format!("GET /api/2.0/mlflow/runs/get?run_id={}", sample.first);
    let answer = ask(&address, &target);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"first\""), "{answer}");
    signal(&server, Signal::TERM);
    let output = server.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let line: serde_json::Value = serde_json::from_str(&errors(&output)).expect("a line of JSON");
    assert_eq!(line["path"], "/api/2.0/mlflow/runs/get");
    assert!(sample.print("verify", &[]).contains("sound"));
}

#[test]
fn a_signal_just_after_the_address_stops_a_server_in_order() {
    let sample = Sample::new();
    for _ in 0..10 {
        let (server, _) = serve(&sample, &["--quiet"]);
        signal(&server, Signal::TERM);
        assert_eq!(server.wait_with_output().expect("it ends").status.code(), Some(0));
    }
}

#[test]
fn a_second_signal_stops_a_server_at_once() {
    let sample = Sample::new();
    let (mut server, address) = serve(&sample, &["--quiet"]);
    let host = address.strip_prefix("http://").expect("an address");
    let mut busy = TcpStream::connect(host).expect("a connection");
    let head = format!(
        "POST /api/2.0/mlflow/experiments/create HTTP/1.1\r\nhost: {host}\r\n\
         content-length: 9\r\n\r\n"
    );
    busy.write_all(head.as_bytes()).expect("it is sent");
    std::thread::sleep(Duration::from_millis(300));
    signal(&server, Signal::TERM);
    std::thread::sleep(Duration::from_millis(300));
    assert!(server.try_wait().expect("a state").is_none(), "it does not wait for the request");
    signal(&server, Signal::TERM);
    let began = std::time::Instant::now();
    let status = server.wait().expect("it ends");
    assert!(began.elapsed() < Duration::from_secs(5), "it waited");
    assert_eq!(status.code(), Some(130));
    drop(busy);
    assert!(sample.print("verify", &[]).contains("sound"));
}

#[test]
fn two_servers_serve_one_file() {
    let sample = Sample::new();
    let (first, one) = serve(&sample, &["--quiet"]);
    let (second, two) = serve(&sample, &["--quiet"]);
    assert!(ask(&one, "GET /health").ends_with("OK") && ask(&two, "GET /health").ends_with("OK"));
    let port = one.rsplit(':').next().expect("a port");
    let taken = sample.run("serve", &["--port", port]);
    assert_eq!(taken.status.code(), Some(1));
    assert!(errors(&taken).contains("port 0 takes a free one"), "{}", errors(&taken));
    for server in [first, second] {
        signal(&server, Signal::TERM);
        assert_eq!(server.wait_with_output().expect("it ends").status.code(), Some(0));
    }
}

#[test]
fn a_command_runs_with_a_server_of_its_own() {
    let sample = Sample::new();
    let script = "echo $MLFLOW_TRACKING_URI $DATABRICKS_HOST; \
                  test -n \"$DATABRICKS_TOKEN\" && exit 7";
    let output = sample.run("run", &["--", "sh", "-c", script]);
    assert_eq!(output.status.code(), Some(7), "{}", errors(&output));
    let printed = String::from_utf8(output.stdout).expect("text");
    let (tracking, host) = printed.trim_end().split_once(' ').expect("two addresses");
    assert_eq!(tracking, format!("tracklite://{}", sample.file.display()));
    assert!(host.starts_with("http://127.0.0.1:"), "{host}");
    assert!(TcpStream::connect(host.trim_start_matches("http://")).is_err(), "it still listens");
    let killed = sample.run("run", &["sh", "-c", "kill -TERM $$"]);
    assert_eq!(killed.status.code(), Some(128 + 15));
    let missing = sample.run("run", &["no-such-program"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(errors(&missing).contains("no-such-program"), "{}", errors(&missing));
}

#[test]
fn a_command_gets_the_signals() {
    let sample = Sample::new();
    let mut command = program(sample.folder.path());
    let script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    command.arg("run").arg(&sample.file).args(["--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut line = String::new();
    let output = child.stdout.as_mut().expect("it has an output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().expect("it ends").code(), Some(9));
}

/// Makes a program `xdg-open` that writes its argument to a file. Returns its folder.
#[cfg(target_os = "linux")]
fn opener(sample: &Sample) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = sample.folder.path().join("bin");
    std::fs::create_dir(&folder).expect("a folder");
    let script = folder.join("xdg-open");
    // The shell's own commands suffice.
    let opened = sample.folder.path().join("opened");
    let text = format!("#!/bin/sh\necho \"$1\" > '{}'\n", opened.display());
    std::fs::write(&script, text).expect("a script");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    folder
}

#[cfg(target_os = "linux")]
#[test]
fn a_page_is_opened_in_the_browser_of_the_desktop() {
    let sample = Sample::new();
    let folder = opener(&sample);
    let mut command = program(sample.folder.path());
    command.env("PATH", &folder).env("DISPLAY", ":7").arg("ui").arg(&sample.file);
    command.args(["--open", "runs?f=metrics.loss < 1"]);
    let (server, address) = start(command);
    let (page, _) = address.split_once("#token=").expect("a token");
    assert!(page.ends_with("/ui/runs?f=metrics.loss%20%3C%201"), "{address}");
    let opened = sample.folder.path().join("opened");
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !std::fs::read_to_string(&opened).is_ok_and(|text| text.ends_with('\n')) {
        assert!(std::time::Instant::now() < deadline, "no browser was opened");
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = std::fs::read_to_string(&opened).expect("a text");
    assert_eq!(text.trim_end(), address);
    let host = page.split("/ui/").next().expect("a host");
    assert!(ask(host, "GET /ui/runs").contains("/assets/app.js"));
    assert!(ask(host, "GET /api/v1/file").starts_with("HTTP/1.1 401"));
    signal(&server, Signal::TERM);
    assert_eq!(server.wait_with_output().expect("it ends").status.code(), Some(0));
}

#[test]
fn a_page_needs_no_browser() {
    let sample = Sample::new();
    let (server, address) = ui(&sample, Path::new("/nowhere"), &["--no-browser"]);
    assert!(address.starts_with("http://127.0.0.1:") && address.contains("/#token=tlk_"));
    signal(&server, Signal::TERM);
    let output = server.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), errors(&output).as_str()), (Some(0), ""));
}

#[test]
fn a_page_is_framed_only_on_request() {
    let sample = Sample::new();
    for (more, frames) in [(&[][..], "'none'"), (&["--framed"], "http://localhost:*")] {
        let arguments = [&["--no-browser"][..], more].concat();
        let (server, address) = ui(&sample, Path::new("/nowhere"), &arguments);
        let (page, _) = address.split_once("/#token=").expect("a token");
        let answer = ask(page, "GET /");
        assert!(answer.contains(&format!("frame-ancestors {frames}")), "{answer}");
        signal(&server, Signal::TERM);
        server.wait_with_output().expect("it ends");
    }
}

#[test]
fn a_page_of_no_file_is_an_error() {
    let sample = Sample::new();
    let output = program(sample.folder.path()).args(["ui", "no.tracklite"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("no.tracklite"), "{}", errors(&output));
}
