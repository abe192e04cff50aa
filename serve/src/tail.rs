//! The end of what the workers of a model have printed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How much is kept.
const BYTES_MAX: usize = 16 * 1024;

/// The last bytes that were printed.
#[derive(Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Tail {
    fn add(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(bytes);
        let surplus = kept.len().saturating_sub(BYTES_MAX);
        kept.drain(..surplus);
    }

    /// Returns the last lines as text.
    pub(crate) fn text(&self) -> String {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(kept.make_contiguous()).trim_end().to_owned()
    }

    /// Returns the last lines as text, and forgets them.
    pub(crate) fn take(&self) -> String {
        let text = self.text();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
        text
    }

    /// Adds everything that comes, until the other side closes.
    pub(crate) async fn follow(&self, mut stream: impl AsyncRead + Unpin) {
        let mut bytes = vec![0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut bytes).await {
            self.add(bytes.get(..length).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let tail = Tail::default();
        assert_eq!(tail.text(), "");
        tail.add(b"first\n");
        assert_eq!(tail.text(), "first");
        (0..BYTES_MAX).for_each(|_| tail.add(b"xy"));
        assert_eq!(tail.text(), "xy".repeat(BYTES_MAX / 2));
    }
}
