//! A storage that records bytes read, slow calls under the lock of the metadata chain, and the
//! times of syncs. It can also delay large writes.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracklite::internals::storage::{
    FilePlace, LockMode, LockRange, MediumTraits, Region, Storage,
};

/// The lock byte for appending to the chain.
const METADATA: LockRange = LockRange::byte(0);
/// A write of at least this length is a block of points.
const BLOCK_BYTES: usize = 16 * 1024;

/// The observations of a [`Watched`] storage.
#[derive(Debug, Default)]
pub struct Seen {
    is_held: bool,
    /// How often the lock of the chain was taken.
    pub holds: u64,
    /// The slow calls that were made under the lock.
    pub under_lock: BTreeSet<&'static str>,
    pub bytes_read: u64,
    /// When each sync ended.
    pub syncs: Vec<Instant>,
    /// The delay for writing a block.
    block_pause: Duration,
}

#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<Mutex<Seen>>);

impl Watch {
    /// Returns the observations since the last call.
    pub fn take(&self) -> Seen {
        let mut seen = self.0.lock();
        let block_pause = seen.block_pause;
        std::mem::replace(&mut *seen, Seen { block_pause, ..Seen::default() })
    }

    /// Delays each write of a block of points from now on.
    pub fn slow_down(&self, block_pause: Duration) {
        self.0.lock().block_pause = block_pause;
    }

    fn slow(&self, call: &'static str) {
        let mut seen = self.0.lock();
        if seen.is_held {
            seen.under_lock.insert(call);
        }
    }
}

#[derive(Debug)]
pub struct Watched {
    inner: Arc<dyn Storage>,
    watch: Watch,
}

impl Watched {
    pub fn over(inner: Arc<dyn Storage>, watch: &Watch) -> Arc<dyn Storage> {
        Arc::new(Watched { inner, watch: watch.clone() })
    }
}

impl Storage for Watched {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read_at(offset, buffer)?;
        self.watch.0.lock().bytes_read += count as u64;
        Ok(count)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() >= BLOCK_BYTES {
            let pause = self.watch.0.lock().block_pause;
            thread::sleep(pause);
        }
        self.inner.write_at(offset, bytes)
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        self.watch.slow("allocate");
        self.inner.allocate(offset, length)
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        self.watch.slow("punch");
        self.inner.punch(offset, length)
    }

    fn sync(&self) -> io::Result<()> {
        self.watch.slow("sync");
        self.inner.sync()?;
        self.watch.0.lock().syncs.push(Instant::now());
        Ok(())
    }

    fn region(&self, offset: u64, length: u64) -> io::Result<Box<dyn Region>> {
        self.inner.region(offset, length)
    }

    fn try_lock(&self, range: LockRange, mode: LockMode) -> io::Result<bool> {
        let taken = self.inner.try_lock(range, mode)?;
        if taken && range == METADATA {
            let mut seen = self.watch.0.lock();
            seen.is_held = true;
            seen.holds += 1;
        }
        Ok(taken)
    }

    fn unlock(&self, range: LockRange) -> io::Result<()> {
        if range == METADATA {
            self.watch.0.lock().is_held = false;
        }
        self.inner.unlock(range)
    }

    fn is_locked_elsewhere(&self, range: LockRange) -> io::Result<bool> {
        self.inner.is_locked_elsewhere(range)
    }

    fn lock_holders(&self, range: LockRange) -> Vec<String> {
        self.inner.lock_holders(range)
    }

    fn place(&self) -> io::Result<FilePlace> {
        self.inner.place()
    }

    fn medium(&self) -> MediumTraits {
        self.inner.medium()
    }

    fn allocated_bytes(&self) -> io::Result<u64> {
        self.inner.allocated_bytes()
    }

    fn boot_id(&self) -> u128 {
        self.inner.boot_id()
    }

    fn random(&self) -> io::Result<u128> {
        self.inner.random()
    }
}
