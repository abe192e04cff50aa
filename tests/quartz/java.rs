//! Quartz in a Java program, which answers a line for each question.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The folder of Debian's Java packages.
const JARS: [&str; 2] = ["/usr/share/java/quartz2.jar", "/usr/share/java/slf4j-api.jar"];

/// Returns whether Quartz can be asked. Prints why not.
///
/// # Panics
///
/// If it is missing, but `TRACKLITE_QUARTZ_NEEDED` is set.
pub(crate) fn is_there() -> bool {
    let java = Command::new("javac").arg("-version").output();
    let lacks = match JARS.iter().find(|jar| !Path::new(jar).exists()) {
        Some(jar) => format!("{jar} does not exist: install libquartz2-java"),
        None if java.is_err() => "`javac` does not run: install a JDK".to_owned(),
        None => return true,
    };
    assert!(std::env::var_os("TRACKLITE_QUARTZ_NEEDED").is_none(), "{lacks}");
    println!("!! SKIPPED the comparison with Quartz: {lacks}");
    false
}

/// Asks all questions in one process. Returns the answers in their order.
pub(crate) fn answers(questions: &[String]) -> Vec<String> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/quartz/Fires.java");
    let mut command = Command::new("java");
    command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", &JARS.join(":")]);
    command.arg(program).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("Java runs");
    let mut input = process.stdin.take().expect("standard input is a pipe");
    let text = questions.iter().map(|question| format!("{question}\n")).collect::<String>();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = process.wait_with_output().expect("Java ends");
    writer.join().expect("the writer ends").expect("all questions are read");
    assert!(output.status.success(), "{}", output.status);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let answers: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), questions.len());
    answers
}
