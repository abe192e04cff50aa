//! Files of runs: what is logged, how it is told in a few letters, and what was read.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracklite::internals::verify_storage;
use tracklite::storage::simulated::{Random, SimulatedDisk};
use tracklite::{Artifacts, Result};

use crate::engine;
use crate::oracle::EventId;
use crate::rules::{CREATE, open, said};
use crate::world::{Actor, Verdict};

/// Files of these seeds have the same bytes whoever logs them, so that chunks are shared.
const SHARED_SEEDS: usize = 3;

/// The bytes of the file that these letters tell: a seed and a length.
pub fn bytes_of(told: &str) -> Option<Vec<u8>> {
    let (seed, length) = told.split_once(':')?;
    let (seed, length): (u64, usize) = (seed.parse().ok()?, length.parse().ok()?);
    let mut bytes = format!("{told}\n").into_bytes();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Every other file shrinks.
        let word = if seed.is_multiple_of(2) { state } else { seed };
        bytes.extend(word.to_be_bytes());
    }
    Some(bytes)
}

/// What tells these bytes, if they are those of a file that was logged here.
fn told_by(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let told = std::str::from_utf8(bytes.get(..end)?).ok()?;
    (bytes_of(told)? == bytes).then(|| told.to_owned())
}

/// What the files hold; what was never logged so is told as such.
pub fn told(artifacts: &Artifacts) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for info in artifacts.list_all()? {
        let bytes = artifacts.read(&info.path)?;
        let told = told_by(&bytes).unwrap_or_else(|| format!("{} altered bytes", bytes.len()));
        found.insert(info.path, told);
    }
    Ok(found)
}

/// Rule 14, for chunks: gc frees those of a file that was deleted since the last sync, and the
/// power goes. The file must be gone, or be there with all its bytes.
pub fn freed_before_a_power_cut(seed: u64) -> Verdict<()> {
    const TOLD: &str = "4:150000";
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (database, _control) = open(&disk, CREATE)?;
    let started = database.default_experiment().and_then(|it| it.start_run("files"));
    let run = said(started, "starting a run")?;
    let bytes = bytes_of(TOLD).unwrap_or_default();
    said(run.log_bytes("folder/a.bin", &bytes), "logging a file")?;
    said(database.sync(), "syncing")?;
    said(run.artifacts().delete("folder"), "deleting the folder")?;
    let freed = said(database.gc(), "gc")?.freed_bytes;
    if freed < bytes.len() as u64 {
        return Err(format!("gc has freed only {freed} bytes"));
    }
    for _ in 0..20 {
        let image = disk.crash_image(&mut random);
        let found = engine::with_reader(&image, |it| told(&it.run(run.id())?.artifacts()));
        let found = said(found, "reading after a power cut")?;
        if found.values().any(|told| told != TOLD) {
            return Err(format!("found {found:?}"));
        }
        let report = said(verify_storage(Arc::new(image.attach())), "verify")?;
        if !report.is_sound() {
            return Err(format!("{:?}", report.damages));
        }
    }
    Ok(())
}

impl Actor {
    /// Logs a file, in place of another one or not, or deletes one.
    pub fn change_artifact(&mut self, run: EventId) -> Verdict<()> {
        let path = format!("folder/{}.bin", self.random.below(4));
        let is_shared = self.random.one_in(2);
        let seed = self.random.below(SHARED_SEEDS);
        let length = if self.random.one_in(8) { 150_000 } else { 1 + self.random.below(6000) };
        let wants_delete = self.random.one_in(4);
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("change artifact");
        let told = match is_shared {
            true => format!("{seed}:{}", 5000 + 40_000 * seed),
            false => format!("{}:{length}", event.0 + SHARED_SEEDS),
        };
        let Some(it) = oracle.runs.get_mut(&run) else { return Ok(()) };
        let register = it.artifacts.entry(path.clone()).or_default();
        let deletes = wants_delete && register.current().is_some_and(Option::is_some);
        register.set(event, (!deletes).then(|| told.clone()));
        drop(oracle);
        let artifacts = self.runs[&run].artifacts();
        let result = match bytes_of(&told).filter(|_| !deletes) {
            Some(bytes) => artifacts.log_bytes(&path, &bytes),
            None => artifacts.delete(&path),
        };
        self.note(event, result).map(drop)
    }
}
