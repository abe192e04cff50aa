//! Sending the notifications about runs that this process has taken.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tracklite::job::Notice;

/// How long a command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// The pause between two looks at a command.
const LOOK: Duration = Duration::from_millis(20);

/// Sends notifications to webhooks.
pub trait Notifier: Send + Sync {
    /// Queues a JSON text for a receiver: the id of a webhook of the file, or an address. It must
    /// not wait for the answer.
    fn post(&self, receiver: &str, body: String);
}

/// Sends a notification.
pub(crate) fn send(notice: Notice, notifier: Option<&dyn Notifier>) {
    let Notice { run, event, receivers, command, emails, body, .. } = notice;
    for receiver in &receivers {
        match notifier {
            Some(notifier) => notifier.post(receiver, body.clone()),
            None => log::warn!(
                "webhook {receiver} misses the event {event} of run {run}: there is none"
            ),
        }
    }
    if !emails.is_empty() {
        log::warn!(
            "{} misses the event {event} of run {run}: no e-mails are sent; use webhook_notifications or \
             tracklite.notification_command",
            emails.join(", ")
        );
    }
    if command.is_empty() {
        return;
    }
    // The loop of the runner must not wait for it.
    let work = move || {
        if let Err(problem) = tell(&command, &body) {
            log::warn!(
                "the command {:?} misses the event {event} of run {run}: {problem}",
                command[0]
            );
        }
    };
    let thread = std::thread::Builder::new().name("tracklite-notice".to_owned()).spawn(work);
    if let Err(error) = thread {
        log::error!("there is no thread for the event {event} of run {run}: {error}");
    }
}

/// Runs a command with the text on its standard input.
fn tell(command: &[String], body: &str) -> Result<(), String> {
    let (program, arguments) = command.split_first().ok_or("it is empty")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("it cannot be started: {error}"))?;
    let input = child.stdin.take();
    // A command that does not read its input is no failure. The pipe has room for a small text.
    let written = input.map(|mut input| writeln!(input, "{body}"));
    if let Some(Err(error)) = written {
        log::debug!("a command for notifications has not read its input: {error}");
    }
    wait(&mut child)
}

fn wait(child: &mut Child) -> Result<(), String> {
    let end = Instant::now() + COMMAND_TIMEOUT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("it ended with {status}")),
            Err(error) => return Err(format!("it cannot be observed: {error}")),
            Ok(None) if Instant::now() < end => std::thread::sleep(LOOK),
            Ok(None) => break,
        }
    }
    let killed = child.kill().and_then(|()| child.wait());
    let seconds = COMMAND_TIMEOUT.as_secs();
    Err(match killed {
        Ok(_) => format!("it took longer than {seconds} s and was killed"),
        Err(error) => format!("it took longer than {seconds} s and cannot be killed: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_command_gets_the_text_and_its_failure_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("got");
        tell(&words(&format!("cat > {}", file.display())), "{\"a\": 1}").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "{\"a\": 1}\n");
        assert!(tell(&words("exit 3"), "{}").unwrap_err().contains("exit status: 3"));
        let missing = tell(&["/no/such/program".to_owned()], "{}").unwrap_err();
        assert!(missing.contains("cannot be started"), "{missing}");
        tell(&words("exit 0"), &"x".repeat(1 << 20)).unwrap();
    }
}
