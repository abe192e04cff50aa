//! `tracklite serve` and `tracklite run`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{Sample, errors, program};

/// Starts `tracklite serve FILE ARGUMENTS`, and returns it with its address.
fn serve(sample: &Sample, arguments: &[&str]) -> (Child, String) {
    let mut command = program(sample.folder.path());
    command.arg("serve").arg(&sample.file).args(["--port", "0"]).args(arguments);
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
