//! What goes wrong is said clearly, with the path, an exit code, and never by a panic.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use tracklite::{Database, Timestamp};

use super::reading::looking;
use super::{Sample, errors, failure_of, program};

const RUN: &str = "0123456789abcdef0123456789abcdef";

/// Runs each command on this path; gives the arguments and what came of them.
fn every_command(path: &Path, folder: &Path) -> Vec<(String, Output)> {
    let out = folder.join("out.tracklite");
    let out = out.to_str().expect("the path is UTF-8");
    let mut commands = looking(RUN);
    commands.extend([
        ("compare", vec!["--filter", ""]),
        ("export", vec!["runs"]),
        ("export", vec!["metrics", "-o", out, "--format", "csv"]),
        ("verify", vec!["--salvage", out]),
        ("backup", vec![out]),
        ("vacuum", vec![]),
        ("gc", vec![]),
        ("delete", vec![RUN]),
        ("restore", vec![RUN]),
    ]);
    let outputs = commands.into_iter().map(|(command, arguments)| {
        let output = program(folder).arg(command).arg(path).args(&arguments).output();
        (format!("{command} {arguments:?}"), output.expect("the program starts"))
    });
    outputs.collect()
}

/// Every command must fail on this path, name it and print nothing else.
fn all_fail(path: &Path, folder: &Path) {
    let before = fs::read(path).ok();
    for (command, output) in every_command(path, folder) {
        let message = failure_of(&output);
        let name = path.file_name().and_then(|name| name.to_str()).expect("a UTF-8 name");
        assert!(message.contains(name), "{command}: the path is not in {message}");
    }
    assert!(fs::read(path).ok() == before, "the file was altered");
    assert!(!folder.join("out.tracklite").exists(), "something was written");
}

#[test]
fn a_missing_file_is_not_made() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("missing.tracklite");
    all_fail(&path, folder.path());
    assert!(!path.exists());
}

#[test]
fn a_folder_is_no_file() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("folder.tracklite");
    fs::create_dir(&path).expect("a folder can be made");
    all_fail(&path, folder.path());
}

#[test]
fn other_files_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let contents: [(&str, Vec<u8>); 4] = [
        ("empty", Vec::new()),
        ("short", b"hello".to_vec()),
        ("text", b"a line of text\n".repeat(20_000)),
        ("zeros", vec![0; 300_000]),
    ];
    for (name, bytes) in contents {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("the file can be written");
        all_fail(&path, folder.path());
    }
}

#[test]
fn a_file_cut_within_its_header_is_refused() {
    let sample = Sample::new();
    let bytes = fs::read(&sample.file).expect("the file can be read");
    for length in [1, 16, 63] {
        fs::write(&sample.file, &bytes[..length]).expect("the file can be written");
        all_fail(&sample.file, sample.folder.path());
    }
}

#[test]
fn a_file_cut_below_its_first_units_does_not_pass_for_an_empty_one() {
    let sample = Sample::new();
    let bytes = fs::read(&sample.file).expect("the file can be read");
    for length in [64, 5000, 65_536, 131_071] {
        fs::write(&sample.file, &bytes[..length]).expect("the file can be written");
        for (command, output) in every_command(&sample.file, sample.folder.path()) {
            let message = errors(&output);
            let wanted = if command.starts_with("verify []") { 3 } else { 1 };
            assert_eq!(output.status.code(), Some(wanted), "{length}: {command}: {message}");
            assert!(
                message.contains("truncated") && message.contains("runs.tracklite"),
                "{message}"
            );
        }
        let now = fs::read(&sample.file).expect("the file can be read");
        assert!(now == bytes[..length], "the file was altered");
    }
}

#[test]
fn a_file_cut_anywhere_never_makes_a_panic() {
    let sample = Sample::new();
    let bytes = fs::read(&sample.file).expect("the file can be read");
    for part in 1..8 {
        let path = sample.folder.path().join(format!("cut-{part}.tracklite"));
        fs::write(&path, &bytes[..bytes.len() * part / 8]).expect("the file can be written");
        for (command, output) in every_command(&path, sample.folder.path()) {
            let message = errors(&output);
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 1 | 3)), "{command}: {code:?} {message}");
            assert!(!message.contains("panicked"), "{command}: {message}");
        }
        let _ = fs::remove_file(sample.folder.path().join("out.tracklite"));
    }
}

#[test]
fn a_file_with_altered_bytes_never_makes_a_panic() {
    let sample = Sample::new();
    let bytes = fs::read(&sample.file).expect("the file can be read");
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    for part in 0..12 {
        let mut changed = bytes.clone();
        changed[used[used.len() * (2 * part + 1) / 24]] ^= 1 << (part % 8);
        let path = sample.folder.path().join(format!("altered-{part}.tracklite"));
        fs::write(&path, changed).expect("the file can be written");
        for (command, output) in every_command(&path, sample.folder.path()) {
            let message = errors(&output);
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 1 | 3)), "{command}: {code:?} {message}");
            assert!(!message.contains("panicked"), "{command}: {message}");
        }
        let _ = fs::remove_file(sample.folder.path().join("out.tracklite"));
    }
}

#[test]
fn times_steps_and_names_at_their_bounds_are_shown() {
    let sample = Sample::new();
    let database = Database::open(&sample.file).expect("the file opens");
    let times = [i64::MIN, -1, 0, i64::MAX].map(Timestamp::from_nanos);
    let long = "\u{4e2d}".repeat(500);
    for time in times {
        let experiment = database.default_experiment().expect("there is always one");
        let builder = experiment.new_run().name(&long).started(time).tag("t", "\u{202e}\u{7}\0");
        let run = builder.start().expect("the run starts");
        let metric = run.metric("loss").expect("a legal key");
        for (step, at) in [i64::MIN, -1, i64::MAX].into_iter().zip(times) {
            for value in [f64::NAN, f64::INFINITY, f64::MAX, -f64::MAX, 5e-324] {
                metric.log_at(value, step, at).expect("any step, value and time");
            }
        }
        let id = run.id().to_string();
        // A clock that goes back lets a run end before it began.
        run.finish().expect("the run ends");
        for (command, arguments) in looking(&id) {
            let printed = sample.print(command, &arguments);
            // JSON is for programs: it escapes control characters, and keeps all others.
            let turns = !arguments.contains(&"--json") && printed.contains('\u{202e}');
            assert!(!turns && !printed.contains(['\u{7}', '\0']), "{command} {arguments:?}");
        }
        let shown = sample.json("show", &[&id]);
        assert_eq!(shown["start_time"], time.as_millis(), "{shown}");
        let points = sample.json("metrics", &[&id, "loss"]);
        assert!(points.to_string().contains(&i64::MIN.to_string()), "{points}");
    }
    let columns = ["--columns", "status,age,duration,started,ended,loss", "--sort", "duration"];
    assert!(sample.print("runs", &columns).contains("in the future"));
}

/// The user and the group of nobody.
const NOBODY: u32 = 65_534;

/// Runs the program on the sample as somebody who may not do everything: root runs a copy of it as
/// nobody, to whom the file belongs from then on.
fn as_ordinary_user(sample: &Sample, command: &str, arguments: &[&str]) -> Output {
    if !rustix::process::geteuid().is_root() {
        return sample.run(command, arguments);
    }
    let folder = sample.folder.path();
    let copy = folder.join("program");
    if !copy.exists() {
        fs::copy(env!("CARGO_BIN_EXE_tracklite"), &copy).expect("the program can be copied");
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("it is ours");
    chown(&sample.file, Some(NOBODY), Some(NOBODY)).expect("root may give files away");
    let mut copied = Command::new(copy);
    copied.env("XDG_CACHE_HOME", folder).uid(NOBODY).gid(NOBODY);
    copied.arg(command).arg(&sample.file).args(arguments);
    loop {
        match copied.output() {
            // A process that another test starts just now has the copy open for writing until then.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                thread::sleep(Duration::from_millis(5));
            }
            output => return output.expect("the program starts"),
        }
    }
}

#[test]
fn a_file_without_permission_is_named() {
    let sample = Sample::new();
    let mode = |mode| {
        fs::set_permissions(&sample.file, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    mode(0o000);
    let message = failure_of(&as_ordinary_user(&sample, "runs", &[]));
    assert!(message.contains("runs.tracklite") && message.contains("caused by: "), "{message}");
    mode(0o400);
    let output = as_ordinary_user(&sample, "runs", &[]);
    assert_eq!((output.status.code(), errors(&output).as_str()), (Some(0), ""));
    let id = sample.first.to_string();
    let message = failure_of(&as_ordinary_user(&sample, "delete", &[&id]));
    assert!(message.contains("runs.tracklite"), "{message}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let sample = Sample::new();
    let id = sample.first.to_string();
    let exports = [("export", vec!["runs"]), ("export", vec!["metrics", "--format", "jsonl"])];
    for (command, arguments) in looking(&id).into_iter().chain(exports) {
        let (reader, writer) = io::pipe().expect("a pipe can be made");
        drop(reader);
        let mut started = program(sample.folder.path());
        started.arg(command).arg(&sample.file).args(&arguments);
        let child = started.stdout(writer).stderr(Stdio::piped()).spawn();
        let output = child.and_then(Child::wait_with_output).expect("the program runs");
        assert_eq!(errors(&output), "", "{command} {arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{command} {arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let sample = Sample::new();
    let full = fs::File::options().write(true).open("/dev/full").expect("Linux has this device");
    for arguments in [&["runs"][..], &["export", "runs"], &["export", "tags", "-f", "jsonl"]] {
        let mut command = program(sample.folder.path());
        command.arg(arguments[0]).arg(&sample.file).args(&arguments[1..]);
        let full = full.try_clone().expect("a second handle of the device");
        let child = command.stdout(full).stderr(Stdio::piped()).spawn();
        let output = child.and_then(Child::wait_with_output).expect("the program runs");
        let message = failure_of(&output);
        assert!(message.contains("standard output") && message.contains("No space"), "{message}");
    }
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let wrong: [&[&str]; 11] = [
        &[],
        &["fly"],
        &["runs"],
        &["runs", "a", "--limit", "many"],
        &["runs", "a", "--json", "--columns", "b"],
        &["metrics", "a", "b"],
        &["metrics", "a", "b", "c", "--width", "3"],
        &["show", "a", "b", "--colour"],
        &["compare", "a"],
        &["export", "a"],
        &["export", "a", "runs", "--format", "xls"],
    ];
    for arguments in wrong {
        let output = program(folder.path()).args(arguments).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(errors(&output).contains("--help"), "{arguments:?}: {}", errors(&output));
    }
}

#[test]
fn help_tells_the_exit_codes() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let output = program(folder.path()).arg("--help").output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8_lossy(&output.stdout);
    for line in ["0  done", "1  the command failed", "2  the command line", "3  verify found"] {
        assert!(help.contains(line), "{line} in {help}");
    }
    for command in
        ["info", "runs", "show", "compare", "metrics", "sql", "export", "dump", "verify", "vacuum"]
    {
        assert!(help.contains(&format!("  {command} ")), "{command} in {help}");
        let output = program(folder.path()).args([command, "--help"]).output();
        assert_eq!(output.expect("the program starts").status.code(), Some(0), "{command}");
    }
}
