//! Failures of the command line: a clear message with the path, an exit code, and no panic.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use tracklite::{Database, Timestamp};

use super::reading::reading_commands;
use super::{Sample, errors, failure_of, program};
use crate::common::TestFolder;

const RUN: &str = "0123456789abcdef0123456789abcdef";

/// Runs each command on this path, and returns its text and its output.
fn every_command(path: &Path, folder: &Path) -> Vec<(String, Output)> {
    let out = folder.join("out.tracklite");
    let out = out.to_str().expect("the path is UTF-8");
    let mut commands = reading_commands(RUN);
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

/// Checks that every command fails on this path, names it and writes nothing.
fn check_all_fail(path: &Path, folder: &Path) {
    let before = fs::read(path).ok();
    for (command, output) in every_command(path, folder) {
        let message = failure_of(&output);
        let name = path.file_name().and_then(|name| name.to_str()).expect("a UTF-8 name");
        assert!(message.contains(name), "{command}: the path is not in {message}");
    }
    assert!(fs::read(path).ok() == before, "the file was changed");
    assert!(!folder.join("out.tracklite").exists(), "a failed command left a file");
}

/// Checks that no command panics on a damaged file.
fn check_no_panic(path: &Path, folder: &Path) {
    for (command, output) in every_command(path, folder) {
        let message = errors(&output);
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 1 | 3)), "{command}: {code:?} {message}");
        assert!(!message.contains("panicked"), "{command}: {message}");
    }
    let _ = fs::remove_file(folder.join("out.tracklite"));
}

#[test]
fn a_missing_file_is_not_created() {
    let folder = TestFolder::new();
    let path = folder.path().join("missing.tracklite");
    check_all_fail(&path, folder.path());
    assert!(!path.exists());
}

#[test]
fn a_folder_is_rejected() {
    let folder = TestFolder::new();
    let path = folder.path().join("folder.tracklite");
    fs::create_dir(&path).expect("a folder can be created");
    check_all_fail(&path, folder.path());
}

#[test]
fn files_of_other_formats_are_rejected() {
    let folder = TestFolder::new();
    let contents: [(&str, Vec<u8>); 4] = [
        ("empty", Vec::new()),
        ("short", b"hello".to_vec()),
        ("text", b"a line of text\n".repeat(20_000)),
        ("zeros", vec![0; 300_000]),
    ];
    for (name, bytes) in contents {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("the file can be written");
        check_all_fail(&path, folder.path());
    }
}

#[test]
fn a_file_truncated_within_its_header_is_rejected() {
    let sample = Sample::new();
    let bytes = fs::read(&sample.file).expect("the file can be read");
    for length in [1, 16, 63] {
        fs::write(&sample.file, &bytes[..length]).expect("the file can be written");
        check_all_fail(&sample.file, sample.folder.path());
    }
}

#[test]
fn a_file_truncated_within_its_first_units_is_not_read_as_empty() {
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
        assert!(now == bytes[..length], "the file was changed");
    }
}

#[test]
fn a_file_truncated_anywhere_causes_no_panic() {
    let sample = Sample::new();
    let bytes = fs::read(&sample.file).expect("the file can be read");
    for part in 1..8 {
        let path = sample.folder.path().join(format!("cut-{part}.tracklite"));
        fs::write(&path, &bytes[..bytes.len() * part / 8]).expect("the file can be written");
        check_no_panic(&path, sample.folder.path());
    }
}

#[test]
fn a_file_with_flipped_bits_causes_no_panic() {
    let sample = Sample::new();
    let bytes = fs::read(&sample.file).expect("the file can be read");
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    for part in 0..12 {
        let mut changed = bytes.clone();
        changed[used[used.len() * (2 * part + 1) / 24]] ^= 1 << (part % 8);
        let path = sample.folder.path().join(format!("flipped-{part}.tracklite"));
        fs::write(&path, changed).expect("the file can be written");
        check_no_panic(&path, sample.folder.path());
    }
}

#[test]
fn extreme_times_steps_values_and_names_are_printed() {
    let sample = Sample::new();
    let database = Database::open(&sample.file).expect("the file opens");
    let times = [i64::MIN, -1, 0, i64::MAX].map(Timestamp::from_nanos);
    let long = "\u{4e2d}".repeat(500);
    for time in times {
        let experiment = database.default_experiment().expect("it always exists");
        let builder = experiment.new_run().name(&long).started(time).tag("t", "\u{202e}\u{7}\0");
        let run = builder.start().expect("the run starts");
        let metric = run.metric("loss").expect("a valid key");
        for (step, at) in [i64::MIN, -1, i64::MAX].into_iter().zip(times) {
            for value in [f64::NAN, f64::INFINITY, f64::MAX, -f64::MAX, 5e-324] {
                metric.log_at(value, step, at).expect("any step, value and time");
            }
        }
        let id = run.id().to_string();
        // A run that starts in the future ends before its start.
        run.finish().expect("the run ends");
        for (command, arguments) in reading_commands(&id) {
            let printed = sample.print(command, &arguments);
            // JSON escapes control characters, but not marks that change the writing direction.
            let has_mark = !arguments.contains(&"--json") && printed.contains('\u{202e}');
            assert!(!has_mark && !printed.contains(['\u{7}', '\0']), "{command} {arguments:?}");
        }
        let shown = sample.json("show", &[&id]);
        assert_eq!(shown["start_time"], time.as_millis(), "{shown}");
        let points = sample.json("metrics", &[&id, "loss"]);
        assert!(points.to_string().contains(&i64::MIN.to_string()), "{points}");
    }
    let columns = ["--columns", "status,age,duration,started,ended,loss", "--sort", "duration"];
    assert!(sample.print("runs", &columns).contains("in the future"));
}

/// The id of the user `nobody` and of its group.
const NOBODY: u32 = 65_534;

/// Runs the program on the sample without root permissions. If the tests run as root, the file is
/// given to `nobody`, and a copy of the program is run as that user.
fn as_ordinary_user(sample: &Sample, command: &str, arguments: &[&str]) -> Output {
    if !rustix::process::geteuid().is_root() {
        return sample.run(command, arguments);
    }
    let folder = sample.folder.path();
    let copy = folder.join("program");
    if !copy.exists() {
        fs::copy(env!("CARGO_BIN_EXE_tracklite"), &copy).expect("the program can be copied");
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("the mode can be set");
    chown(&sample.file, Some(NOBODY), Some(NOBODY)).expect("root may give files away");
    let mut copied = Command::new(copy);
    copied.env("XDG_CACHE_HOME", folder).uid(NOBODY).gid(NOBODY);
    copied.arg(command).arg(&sample.file).args(arguments);
    loop {
        match copied.output() {
            // A process that another test is starting still has the copy open for writing.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                thread::sleep(Duration::from_millis(5));
            }
            output => return output.expect("the program starts"),
        }
    }
}

#[test]
fn a_permission_error_names_the_file() {
    let sample = Sample::new();
    let mode = |mode| {
        fs::set_permissions(&sample.file, fs::Permissions::from_mode(mode))
            .expect("the mode can be set");
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
fn a_closed_pipe_is_not_an_error() {
    let sample = Sample::new();
    let id = sample.first.to_string();
    let exports = [("export", vec!["runs"]), ("export", vec!["metrics", "--format", "jsonl"])];
    for (command, arguments) in reading_commands(&id).into_iter().chain(exports) {
        let (reader, writer) = io::pipe().expect("a pipe can be created");
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
fn an_invalid_command_line_has_exit_code_2() {
    let folder = TestFolder::new();
    let invalid: [&[&str]; 11] = [
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
    for arguments in invalid {
        let output = program(folder.path()).args(arguments).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(errors(&output).contains("--help"), "{arguments:?}: {}", errors(&output));
    }
}

#[test]
fn help_lists_the_exit_codes_and_commands() {
    let folder = TestFolder::new();
    let output = program(folder.path()).arg("--help").output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8_lossy(&output.stdout);
    for line in
        ["0  success", "1  the command failed", "2  invalid command line", "3  verify found"]
    {
        assert!(help.contains(line), "{line} is not in {help}");
    }
    for command in
        ["info", "runs", "show", "compare", "metrics", "sql", "export", "dump", "verify", "vacuum"]
    {
        assert!(help.contains(&format!("  {command} ")), "{command} is not in {help}");
        let output = program(folder.path()).args([command, "--help"]).output();
        assert_eq!(output.expect("the program starts").status.code(), Some(0), "{command}");
    }
}
