//! Files of runs and models. Their bytes contain a label that determines them.

use std::collections::BTreeMap;

use tracklite::Result;
use tracklite::artifact::Artifacts;

use crate::random::mix;
use crate::script::Life;

/// Returns the path and the bytes of a file. Every third one is the same for all writers.
pub(crate) fn artifact(life: Life, run: u32, number: u64) -> (String, Vec<u8>) {
    let path = format!("files/{}.bin", number % 4);
    if number.is_multiple_of(3) {
        return (path, file_bytes(number % 2, 200_000));
    }
    let seed = mix(number ^ life.number ^ mix(life.child ^ u64::from(run)));
    (path, file_bytes(seed, 1 + (seed >> 8) as usize % 100_000))
}

/// Returns the bytes of the file with the label `seed:length`, which is their first line.
fn file_bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = format!("{seed}:{length}\n").into_bytes();
    (0..length as u64 / 8).for_each(|word| bytes.extend(mix(seed ^ mix(word)).to_le_bytes()));
    bytes
}

/// Returns the label of a file, or `None` if its bytes do not match the label.
pub(crate) fn file_label(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let label = std::str::from_utf8(&bytes[..end]).ok()?;
    let (seed, length) = label.split_once(':')?;
    let whole = file_bytes(seed.parse().ok()?, length.parse().ok()?);
    (whole == bytes).then(|| label.to_owned())
}

/// Returns the labels of all files by path.
pub(crate) fn file_labels(artifacts: &Artifacts) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for info in artifacts.list_all()? {
        let label = file_label(&artifacts.read(&info.path)?);
        found.insert(info.path, label.unwrap_or_else(|| "altered".to_owned()));
    }
    Ok(found)
}
