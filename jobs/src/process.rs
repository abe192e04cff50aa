//! A process group: started with a line that ends it when this process dies, and killed whole.

use std::io::{self, PipeReader};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

/// Waits on a pipe from the runner in a process of its own, and kills the group when the pipe
/// closes: then the runner has died. The program replaces the shell.
const LIFELINE: &str = "exec 3<&0 </dev/null
( { read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 & )
exec \"$@\" 3<&-";

/// A running process group.
pub(crate) struct Group {
    child: Child,
    group: Option<Pid>,
    /// Its end is the death of this process.
    _lifeline: Option<ChildStdin>,
}

impl Group {
    /// Starts a command in a group of its own. Returns also what it prints.
    pub(crate) fn start(command: &mut Command) -> io::Result<(Group, PipeReader)> {
        let (reader, writer) = io::pipe()?;
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", LIFELINE, "sh"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            shell.current_dir(folder);
        }
        shell.process_group(0).stdin(Stdio::piped());
        shell.stdout(writer.try_clone()?).stderr(writer);
        let mut child = shell.spawn()?;
        // The shell has copies of the writing end, which must be the only ones.
        drop(shell);
        let lifeline = child.stdin.take();
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Ok((Group { child, group, _lifeline: lifeline }, reader))
    }

    /// Returns how the process has ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Asks all processes of the group to end.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Kills all processes of the group.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // It fails if all of them have ended.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        // A killed child is gone at once, so this does not wait for long.
        let _ = self.child.wait();
    }
}

/// Returns the code of an end as a shell does: 128 and the signal, if there was one.
pub(crate) fn code_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| status.signal().map_or(-1, |signal| 128 + signal))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::time::{Duration, Instant};

    use super::*;

    fn wait(group: &mut Group) -> i32 {
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            if let Some(status) = group.ended().unwrap() {
                return code_of(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the process has not ended");
    }

    fn shell(script: &str) -> (Group, PipeReader) {
        Group::start(Command::new("sh").args(["-c", script, "name", "it's"])).unwrap()
    }

    #[test]
    fn output_and_code_are_those_of_the_program() {
        let (mut group, mut reader) = shell("echo \"$1\"; echo problem >&2; exit 7");
        assert_eq!(wait(&mut group), 7);
        drop(group);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "it's\nproblem\n");
    }

    #[test]
    fn a_group_that_forks_and_ignores_signals_is_killed_whole() {
        let script = "trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000";
        let (mut group, mut reader) = shell(script);
        let mut byte = [0; 32];
        let length = reader.read(&mut byte).unwrap();
        let child: i32 = std::str::from_utf8(&byte[..length]).unwrap().trim().parse().unwrap();
        group.terminate();
        std::thread::sleep(Duration::from_millis(50));
        group.kill();
        assert_eq!(wait(&mut group), 128 + 9);
        // The pipe closes only when all processes have ended.
        assert_eq!(reader.read(&mut byte).unwrap(), 0);
        let pid = Pid::from_raw(child).unwrap();
        assert!(rustix::process::test_kill_process(pid).is_err() || is_zombie(child));
    }

    fn is_zombie(pid: i32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    }

    #[test]
    fn the_end_of_the_line_ends_the_group() {
        let (mut group, mut reader) = shell("sleep 1000 & sleep 1000");
        drop(group._lifeline.take());
        assert_eq!(wait(&mut group), 128 + 9);
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
    }
}
