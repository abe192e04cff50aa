//! Files of runs and models: their bytes tell what they should be.

use std::collections::BTreeMap;

use tracklite::{Artifacts, Result};

use crate::random::mix;
use crate::script::Life;

/// The path and the bytes of a file; every third one is the same for all writers.
pub(crate) fn artifact(life: Life, run: u32, number: u64) -> (String, Vec<u8>) {
    let path = format!("files/{}.bin", number % 4);
    if number.is_multiple_of(3) {
        return (path, file_bytes(number % 2, 200_000));
    }
    let seed = mix(number ^ life.number ^ mix(life.child ^ u64::from(run)));
    (path, file_bytes(seed, 1 + (seed >> 8) as usize % 100_000))
}

/// Bytes that tell what they should be.
fn file_bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = format!("{seed}:{length}\n").into_bytes();
    (0..length as u64 / 8).for_each(|word| bytes.extend(mix(seed ^ mix(word)).to_le_bytes()));
    bytes
}

/// In short what a file holds; nothing when its bytes are not those that were logged.
pub(crate) fn told_by(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let told = std::str::from_utf8(&bytes[..end]).ok()?;
    let (seed, length) = told.split_once(':')?;
    let whole = file_bytes(seed.parse().ok()?, length.parse().ok()?);
    (whole == bytes).then(|| told.to_owned())
}

/// In short what the files hold, by path.
pub(crate) fn told_files(artifacts: &Artifacts) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for info in artifacts.list_all()? {
        let told = told_by(&artifacts.read(&info.path)?);
        found.insert(info.path, told.unwrap_or_else(|| "altered".to_owned()));
    }
    Ok(found)
}
