//! Files of runs: logging them, labels that determine their contents, and reading them back.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracklite::artifact::Artifacts;
use tracklite::internals::storage::simulated::{Random, SimulatedDisk};
use tracklite::internals::verify_storage;
use tracklite::{Database, Result};

use crate::engine;
use crate::oracle::EventId;
use crate::rules::{CREATE, context, open};
use crate::world::{Actor, Verdict};

/// Files of these seeds have the same bytes for all writers, so that they share chunks.
const SHARED_SEEDS: usize = 3;

/// Returns the bytes of the file with the label `seed:length`, which is their first line.
pub fn bytes_of(label: &str) -> Option<Vec<u8>> {
    let (seed, length) = label.split_once(':')?;
    let (seed, length): (u64, usize) = (seed.parse().ok()?, length.parse().ok()?);
    let mut bytes = format!("{label}\n").into_bytes();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Every other file is compressible.
        let word = if seed.is_multiple_of(2) { state } else { seed };
        bytes.extend(word.to_be_bytes());
    }
    Some(bytes)
}

/// Returns the label of a file, or `None` if its bytes do not match the label.
fn file_label(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let label = std::str::from_utf8(bytes.get(..end)?).ok()?;
    (bytes_of(label)? == bytes).then(|| label.to_owned())
}

/// Returns the labels of all files by path. Unknown contents get a label that is never expected.
pub fn file_labels(artifacts: &Artifacts) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for info in artifacts.list_all()? {
        let bytes = artifacts.read(&info.path)?;
        let altered = || format!("{} altered bytes", bytes.len());
        let label = file_label(&bytes).unwrap_or_else(altered);
        found.insert(info.path, label);
    }
    Ok(found)
}

/// Rule 14, for chunks: gc frees the chunks of a file that was deleted after the last sync, and the
/// power fails. The file must be absent or complete.
pub fn freed_before_a_power_cut(seed: u64) -> Verdict<()> {
    const LABEL: &str = "4:150000";
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (database, _control) = open(&disk, CREATE)?;
    let experiment = context(database.default_experiment(), "opening the experiment")?;
    let started = experiment.start_run("files");
    let run = context(started, "starting a run")?;
    let bytes = bytes_of(LABEL).unwrap_or_default();
    context(run.log_bytes(&bytes, "folder/a.bin"), "logging a file")?;
    context(database.sync(), "syncing")?;
    context(run.artifacts().delete("folder"), "deleting the folder")?;
    let freed = context(database.gc(), "gc")?.freed_bytes;
    if freed < bytes.len() as u64 {
        return Err(format!("gc freed only {freed} of {} bytes", bytes.len()));
    }
    for _ in 0..20 {
        let image = disk.crash_image(&mut random);
        let read = |database: &Database| file_labels(&database.run(run.id())?.artifacts());
        let found = engine::with_reader(&image, read);
        let found = context(found, "reading after a power cut")?;
        if found.values().any(|label| label != LABEL) {
            return Err(format!("unexpected files after a power cut: {found:?}"));
        }
        let report = context(verify_storage(Arc::new(image.attach())), "verify")?;
        if !report.is_sound() {
            return Err(format!("verify reports {:?}", report.damages));
        }
    }
    Ok(())
}

impl Actor {
    /// Logs a file, which may replace an earlier one, or deletes one.
    pub fn change_artifact(&mut self, run: EventId) -> Verdict<()> {
        let path = format!("folder/{}.bin", self.random.below(4));
        let is_shared = self.random.one_in(2);
        let seed = self.random.below(SHARED_SEEDS);
        let length = if self.random.one_in(8) { 150_000 } else { 1 + self.random.below(6000) };
        let wants_delete = self.random.one_in(4);
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("change artifact");
        let label = match is_shared {
            true => format!("{seed}:{}", 5000 + 40_000 * seed),
            false => format!("{}:{length}", event.0 + SHARED_SEEDS),
        };
        let Some(oracle_run) = oracle.runs.get_mut(&run) else { return Ok(()) };
        let register = oracle_run.artifacts.entry(path.clone()).or_default();
        let deletes = wants_delete && register.current().is_some_and(Option::is_some);
        register.set(event, (!deletes).then(|| label.clone()));
        drop(oracle);
        let artifacts = self.runs[&run].artifacts();
        let result = match bytes_of(&label).filter(|_| !deletes) {
            Some(bytes) => artifacts.log_bytes(&bytes, &path),
            None => artifacts.delete(&path),
        };
        self.note(event, result).map(drop)
    }
}
