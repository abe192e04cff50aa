//! `tracklite jobs daemon`, and the commands around it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};

use super::{Sample, errors, program};

/// Starts a daemon, and waits until it runs jobs.
fn daemon(sample: &Sample) -> Child {
    daemon_with(sample, Stdio::null())
}

fn daemon_with(sample: &Sample, errors: Stdio) -> Child {
    start(program(sample.folder.path()), sample, errors)
}

fn start(mut command: Command, sample: &Sample, errors: Stdio) -> Child {
    command.args(["jobs", "daemon"]).arg(&sample.file);
    command.arg("--workspace-folder").arg(sample.folder.path());
    let mut daemon =
        command.stdout(Stdio::piped()).stderr(errors).spawn().expect("the program starts");
    let output = daemon.stdout.as_mut().expect("it has an output");
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).expect("a line");
    assert!(line.starts_with("running the jobs of"), "{line}");
    daemon
}

fn signal(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id()).expect("an id");
    kill_process(Pid::from_raw(id).expect("an id"), signal).expect("it is sent");
}

fn jobs(sample: &Sample, command: &str, arguments: &[&str]) -> String {
    let mut program = program(sample.folder.path());
    let output = program.args(["jobs", command]).arg(&sample.file).args(arguments).output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

fn create(sample: &Sample, settings: &Value) -> String {
    let file = sample.folder.path().join("settings.json");
    std::fs::write(&file, settings.to_string()).expect("it is written");
    jobs(sample, "create", &[file.to_str().expect("UTF-8")]).trim().to_owned()
}

fn last_result(sample: &Sample) -> String {
    let listed: Value = serde_json::from_str(&jobs(sample, "ls", &["--json"])).expect("JSON");
    listed[0]["last_result"].as_str().unwrap_or_default().to_owned()
}

fn wait<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        if let Some(found) = found() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it took too long");
}

#[test]
fn a_daemon_runs_jobs_and_its_output_is_printed() {
    let sample = Sample::new();
    let command = json!(["sh", "-c", "echo \"hello $1\"; exit 3", "sh", "{{job.parameters.who}}"]);
    let job = create(
        &sample,
        &json!({
            "name": "greet",
            "parameters": [{"name": "who", "default": "nobody"}],
            "tasks": [{"task_key": "hello", "command_task": {"command": command}}],
            "schedule": {"quartz_cron_expression": "0 0 6 * * ?", "timezone_id": "UTC"},
        }),
    );
    let daemon = daemon(&sample);
    jobs(&sample, "run", &["greet", "--param", "who=you"]);
    wait(|| (last_result(&sample) == "FAILED").then_some(()));
    let printed = jobs(&sample, "logs", &[&job]);
    let expected = "== hello: FAILED: hello you (it ended with exit code 3)\nhello you\n";
    assert_eq!(printed, expected);
    jobs(&sample, "pause", &["greet"]);
    let listed = jobs(&sample, "ls", &[]);
    assert!(listed.contains("0 0 6 * * ? UTC (paused)"), "{listed}");
    jobs(&sample, "resume", &["greet"]);
    signal(&daemon, Signal::TERM);
    let output = daemon.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    assert!(sample.print("verify", &[]).contains("sound"));
}

#[test]
fn a_killed_daemon_takes_its_tasks_along_and_another_one_repeats_them() {
    let sample = Sample::new();
    let pids = sample.folder.path().join("pids");
    // The first attempt has a child, ignores signals and never ends. The second one ends.
    let script = "trap '' TERM; echo $$ >> \"$1\"; test $(wc -l < \"$1\") -ge 2 && exit 0; \
                  sleep 1000 & echo $! >> \"$1.child\"; wait; sleep 1000";
    let command = json!(["sh", "-c", script, "sh", pids.to_str()]);
    let task = json!({"task_key": "t", "max_retries": 1, "command_task": {"command": command}});
    create(&sample, &json!({"tasks": [task]}));
    let mut first = daemon(&sample);
    jobs(&sample, "run", &["Untitled"]);
    let child = pids.with_extension("child");
    let child: i32 = wait(|| std::fs::read_to_string(&child).ok()?.trim().parse().ok());
    signal(&first, Signal::KILL);
    first.wait().expect("it ends");
    wait(|| is_gone(child).then_some(()));
    let second = daemon(&sample);
    wait(|| (last_result(&sample) == "SUCCESS").then_some(()));
    let printed = jobs(&sample, "logs", &["Untitled"]);
    let wanted = "== t: INTERNAL_ERROR: the process that ran the task has died";
    assert!(printed.starts_with(wanted), "{printed}");
    signal(&second, Signal::TERM);
    assert_eq!(second.wait_with_output().expect("it ends").status.code(), Some(0));
    assert!(sample.print("verify", &[]).contains("sound"));
}

/// Returns whether a process has ended, also if nobody has read its status.
fn is_gone(id: i32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(id.to_string()).join("stat"));
    let is_zombie = stat.is_ok_and(|stat| stat.contains(") Z "));
    is_zombie || test_kill_process(Pid::from_raw(id).expect("an id")).is_err()
}

#[test]
fn a_canceled_run_ends_at_once_and_output_of_any_size_is_cut() {
    let sample = Sample::new();
    let script =
        "echo first; head -c 1000000000 /dev/zero | tr '\\0' x; echo; echo last; sleep 1000";
    let command = json!(["sh", "-c", script]);
    let task = json!({"task_key": "t", "command_task": {"command": command}});
    let job = create(&sample, &json!({"name": "prints", "tasks": [task]}));
    let daemon = daemon(&sample);
    jobs(&sample, "run", &["prints"]);
    wait(|| (last_result(&sample) == "RUNNING").then_some(()));
    // It prints a gigabyte meanwhile.
    std::thread::sleep(Duration::from_secs(4));
    jobs(&sample, "cancel", &[&job]);
    wait(|| (last_result(&sample) == "CANCELED").then_some(()));
    let printed = jobs(&sample, "logs", &["prints"]);
    assert!(printed.len() < 11 * 1024 * 1024, "{}", printed.len());
    assert!(printed.starts_with("== t: CANCELED: the run was canceled\nfirst\nxxxx"));
    assert!(printed.contains(" bytes are cut ...]"));
    signal(&daemon, Signal::TERM);
    assert_eq!(daemon.wait_with_output().expect("it ends").status.code(), Some(0));
}

#[test]
fn a_daemon_reports_events_to_a_command_and_warns_of_what_it_does_not_send() {
    let sample = Sample::new();
    let reports = sample.folder.path().join("reports");
    let script = "cat >> \"$1\"";
    let settings = json!({
        "name": "loud",
        "tasks": [{"task_key": "t", "command_task": {"command": ["false"]}}],
        "email_notifications": {"on_failure": ["ada@example.com"]},
        "webhook_notifications": {"on_failure": [{"id": "https://127.0.0.1/"}]},
        "tracklite": {"notification_command": ["sh", "-c", script, "sh", reports.to_str()]},
    });
    create(&sample, &settings);
    let daemon = daemon_with(&sample, Stdio::piped());
    jobs(&sample, "run", &["loud"]);
    let lines = wait(|| {
        let text = std::fs::read_to_string(&reports).ok()?;
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        (lines.len() == 2).then_some(lines)
    });
    let mut events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    events.sort_unstable();
    assert_eq!(events, ["failed", "started"]);
    signal(&daemon, Signal::TERM);
    let output = daemon.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let warnings = String::from_utf8(output.stderr).expect("UTF-8");
    for line in warnings.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        assert_eq!(line["level"], "warning", "{line}");
    }
    for wanted in ["ada@example.com misses the event failed", "which is not public"] {
        assert!(warnings.contains(wanted), "{wanted}: {warnings}");
    }
}

/// `cargo xtask test full-disk` mounts small disks, and lists them as `kind=folder` pairs.
#[test]
#[ignore = "needs small disks, which the task full-disk mounts"]
fn full_disk_by_a_task_is_its_failure_and_other_jobs_go_on() {
    let disks = std::env::var("TRACKLITE_SMALL_DISKS").expect("TRACKLITE_SMALL_DISKS is set");
    for (kind, disk) in disks.split(';').map(|pair| pair.split_once('=').expect("kind=folder")) {
        println!("full disk: {kind}");
        let folder = Path::new(disk).join("jobs");
        std::fs::create_dir(&folder).expect("a folder on the disk");
        fill_by_a_task(&folder);
        std::fs::remove_dir_all(&folder).expect("the folder can be removed");
    }
}

/// Runs a task that fills the disk on which the file and the folders of tasks are.
fn fill_by_a_task(folder: &Path) {
    let mut sample = Sample::new();
    let file = folder.join("runs.tracklite");
    std::fs::copy(&sample.file, &file).expect("the file is copied");
    sample.file = file;
    // Its values need more space than the file has left.
    let script = "for folder in \"$TMPDIR\"/tracklite-task-*; do
         printf '{\"values\": {\"big\": \"%s\"}}' \"$(head -c 500000 /dev/zero | tr '\\0' x)\" \
             > \"$folder/result.json\"; done
         head -c 1000000000 /dev/zero > \"$TMPDIR/ballast\" || { touch \"$1\"; exit 4; }";
    let is_full = sample.folder.path().join("full");
    let fills = json!(["sh", "-c", script, "sh", is_full]);
    let other = json!(["echo", "hello"]);
    for (name, command) in [("fills", fills), ("other", other)] {
        let task = json!({"task_key": "t", "command_task": {"command": command}});
        create(&sample, &json!({"name": name, "tasks": [task]}));
    }
    let mut command = program(sample.folder.path());
    command.env("TMPDIR", folder);
    let daemon = start(command, &sample, Stdio::null());
    jobs(&sample, "run", &["fills"]);
    wait(|| is_full.exists().then_some(()));
    // The runner cannot write the end of the task meanwhile.
    std::thread::sleep(Duration::from_secs(2));
    std::fs::remove_file(folder.join("ballast")).expect("the task has filled the disk");
    wait(|| jobs(&sample, "logs", &["fills"]).contains("FAILED").then_some(()));
    let printed = jobs(&sample, "logs", &["fills"]);
    assert!(printed.contains("No space left on device (it ended with exit code 4)"), "{printed}");
    jobs(&sample, "run", &["other"]);
    wait(|| jobs(&sample, "logs", &["other"]).contains("SUCCESS").then_some(()));
    signal(&daemon, Signal::TERM);
    assert_eq!(daemon.wait_with_output().expect("it ends").status.code(), Some(0));
    assert!(sample.print("verify", &[]).contains("sound"));
}
