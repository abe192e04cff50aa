//! The plain program of a target: replays inputs, or writes the seeds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The number of changed forms to try for each saved input, in addition to the unchanged one. The
/// environment variable `TRACKLITE_FUZZ_CHANGES` overrides it.
const CHANGES: u64 = 32;

/// Replays the named files or folders, or else the saved inputs.
///
/// With `--write-seeds`, writes the seeds to the corpus instead.
pub fn replay(
    name: &str,
    target: fn(&[u8]),
    seeds: fn() -> Vec<(&'static str, Vec<u8>)>,
) -> ExitCode {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if arguments.iter().any(|argument| argument == Path::new("--write-seeds")) {
        return done(write_seeds(&corpus, seeds()));
    }
    let given = !arguments.is_empty();
    if !given {
        arguments.push(corpus);
    }
    let changes = std::env::var("TRACKLITE_FUZZ_CHANGES").ok();
    let changes = changes.and_then(|number| number.parse().ok()).unwrap_or(CHANGES);
    done(replay_all(name, target, &arguments, if given { 0 } else { changes }))
}

fn done(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn write_seeds(corpus: &Path, seeds: Vec<(&'static str, Vec<u8>)>) -> Result<(), String> {
    std::fs::create_dir_all(corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
    for (name, bytes) in seeds {
        let path = corpus.join(name);
        std::fs::write(&path, &bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{}: {} bytes", path.display(), bytes.len());
    }
    Ok(())
}

fn replay_all(
    name: &str,
    target: fn(&[u8]),
    places: &[PathBuf],
    changes: u64,
) -> Result<(), String> {
    let inputs = read_all(places)?;
    if inputs.is_empty() {
        return Err(format!("{name}: no inputs to replay"));
    }
    for (index, (path, input)) in inputs.iter().enumerate() {
        let other = &inputs[(index + 1) % inputs.len()].1;
        for change in 0..=changes {
            let changed = if change == 0 { input.clone() } else { altered(input, other, change) };
            if catch_unwind(AssertUnwindSafe(|| target(&changed))).is_err() {
                return Err(describe_failure(name, path, change, &changed));
            }
        }
    }
    println!("{name}: passed {} inputs in {} forms each", inputs.len(), changes + 1);
    Ok(())
}

/// Saves a failed input, so that it can be replayed alone. Returns the error message.
fn describe_failure(name: &str, path: &Path, change: u64, input: &[u8]) -> String {
    let kept = std::env::temp_dir().join(format!("{name}-failure"));
    let place = match std::fs::write(&kept, input) {
        Ok(()) => format!("the input is saved as {}", kept.display()),
        Err(error) => format!("the input could not be saved: {error}"),
    };
    format!("{name}: {} failed in form {change}; {place}", path.display())
}

fn read_all(places: &[PathBuf]) -> Result<Vec<(PathBuf, Vec<u8>)>, String> {
    let mut inputs = Vec::new();
    for place in places {
        let locate = |error| format!("{}: {error}", place.display());
        let mut paths = vec![place.clone()];
        if place.is_dir() {
            let entries = std::fs::read_dir(place).map_err(locate)?;
            paths = entries.flatten().map(|entry| entry.path()).collect();
            paths.sort();
        }
        for path in paths {
            let bytes = std::fs::read(&path).map_err(locate)?;
            inputs.push((path, bytes));
        }
    }
    Ok(inputs)
}

/// Makes one to four changes: flipped bits, or zeroed, cut, spliced or repeated parts.
fn altered(input: &[u8], other: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + 1 + random.below(64)).min(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes[at.min(end)..end].fill(0),
            2 => bytes.extend_from_slice(&other[random.below(other.len() + 1)..]),
            3 => bytes.extend_from_within(at.min(end)..end),
            _ if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ => bytes.push(u8::try_from(random.below(256)).unwrap_or(0)),
        }
    }
    bytes
}

/// SplitMix64, which is good enough to choose changes.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % (end.max(1) as u64)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails_on_seven(input: &[u8]) {
        assert!(!input.contains(&7), "seven");
    }

    #[test]
    fn failing_inputs_and_an_empty_corpus_fail_the_replay() {
        let folder = tempfile::tempdir().expect("create a temporary folder");
        let places = [folder.path().to_owned()];
        assert!(replay_all("sample", fails_on_seven, &places, 0).is_err());
        std::fs::write(folder.path().join("good"), [1, 2]).expect("write a file");
        assert_eq!(replay_all("sample", fails_on_seven, &places, 0), Ok(()));
        std::fs::write(folder.path().join("bad"), [7]).expect("write a file");
        assert!(replay_all("sample", fails_on_seven, &places, 0).is_err());
    }

    #[test]
    fn changes_are_reproducible_and_differ_from_each_other() {
        let input: Vec<u8> = (0..100).collect();
        let forms: Vec<_> = (1..20).map(|seed| altered(&input, &[1, 2], seed)).collect();
        assert_eq!(forms, (1..20).map(|seed| altered(&input, &[1, 2], seed)).collect::<Vec<_>>());
        let different: std::collections::BTreeSet<_> = forms.iter().collect();
        assert!(different.len() > 15 && !different.contains(&input));
    }
}
