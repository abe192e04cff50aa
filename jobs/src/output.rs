//! The printed output of a task: its head and its tail.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// How much of the beginning is kept, and how much of the end.
const HALF: usize = 5 * 1024 * 1024;

/// What was printed so far.
#[derive(Debug, Default)]
struct Printed {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// The bytes that are neither in the head nor in the tail.
    cut: u64,
}

/// Collects what a task prints.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output(Arc<Mutex<Printed>>);

impl Output {
    fn printed(&self) -> MutexGuard<'_, Printed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, bytes: &[u8]) {
        let mut printed = self.printed();
        let room = HALF.saturating_sub(printed.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        printed.head.extend_from_slice(first);
        printed.tail.extend(rest);
        let surplus = printed.tail.len().saturating_sub(HALF);
        printed.tail.drain(..surplus);
        printed.cut += surplus as u64;
    }

    /// Returns everything that is kept, with a line where something is missing, and whether
    /// something is.
    pub(crate) fn bytes(&self) -> (Vec<u8>, bool) {
        let mut printed = self.printed();
        let mut all = printed.head.clone();
        let cut = printed.cut;
        if cut > 0 {
            all.extend_from_slice(format!("\n[... {cut} bytes are cut ...]\n").as_bytes());
        }
        all.extend_from_slice(printed.tail.make_contiguous());
        (all, cut > 0)
    }

    /// Returns the last line that is not blank.
    pub(crate) fn last_line(&self) -> String {
        let (bytes, _) = self.bytes();
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines().rev();
        lines.find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
    }

    /// Reads until the other side closes, on a thread of its own.
    pub(crate) fn follow(
        &self,
        mut source: impl Read + Send + 'static,
    ) -> std::io::Result<JoinHandle<()>> {
        let output = self.clone();
        std::thread::Builder::new().name("tracklite-output".to_owned()).spawn(move || {
            let mut bytes = vec![0; 64 * 1024];
            loop {
                match source.read(&mut bytes) {
                    Ok(0) => return,
                    Ok(length) => output.add(bytes.get(..length).unwrap_or_default()),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => {
                        log::warn!("the output of a task cannot be read: {error}");
                        return;
                    }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_and_the_tail_are_kept() {
        let output = Output::default();
        output.add(b"first\n");
        assert_eq!(output.bytes(), (b"first\n".to_vec(), false));
        for _ in 0..30 {
            output.add(&vec![b'x'; 1024 * 1024]);
        }
        output.add(b"\nlast\n\n");
        let (bytes, is_cut) = output.bytes();
        assert!(is_cut && bytes.starts_with(b"first\n") && bytes.ends_with(b"\nlast\n\n"));
        assert!(bytes.len() < 2 * HALF + 100, "{}", bytes.len());
        assert_eq!(output.last_line(), "last");
        let wanted = format!("[... {} bytes are cut ...]", 30 * 1024 * 1024 + 13 - 2 * HALF);
        assert!(String::from_utf8_lossy(&bytes).contains(&wanted), "{wanted}");
    }
}
