//! Damaged files must not cause a panic, an endless loop, a wrong value or an unreported loss.
//!
//! The files were synced completely. Either reading fails, or it returns the contents of the sound
//! file, or `verify` reports damage. In every case, each value that is read was once logged.
//!
//! One loss is undetectable, because only the slots themselves record how many there are: damage
//! that empties a slot of an unsealed extent of a killed writer hides the slots after it.
//!
//! `TRACKLITE_DAMAGES` sets the number of damages of each kind per file.

mod corpus;
mod damage;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tracklite::internals::storage::MemoryFile;
use tracklite::internals::storage::simulated::Random;
use tracklite::{Database, ErrorKind};

use self::corpus::Corpus;
use self::damage::{Damage, Kind};
use crate::support::{self, Content, Opening};

/// The number of damages of each kind per file.
const DAMAGES: usize = 220;
/// The time limit for one damage.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends the test if one damage takes too long, and prints the damage.
struct Watchdog(Arc<Mutex<Option<(Instant, String)>>>);

impl Watchdog {
    fn start() -> Self {
        let current: Arc<Mutex<Option<(Instant, String)>>> = Arc::default();
        let watched = Arc::downgrade(&current);
        std::thread::spawn(move || {
            while let Some(current) = watched.upgrade() {
                if let Some((since, what)) = &*current.lock().unwrap()
                    && since.elapsed() > PATIENCE
                {
                    eprintln!("{what} takes longer than {PATIENCE:?}");
                    std::process::exit(101);
                }
                drop(current);
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Watchdog(current)
    }

    fn set(&self, what: String) {
        *self.0.lock().unwrap() = Some((Instant::now(), what));
    }
}

/// Checks that every value in `found` was logged at some time.
fn check_logged(found: &Content, corpus: &Corpus) -> Result<(), String> {
    for (id, run) in &found.runs {
        let known: Vec<_> =
            corpus.history.iter().filter_map(|content| content.runs.get(id)).collect();
        if known.is_empty() {
            return Err(format!("run {id} was never started"));
        }
        let texts = |texts: &std::collections::BTreeMap<String, String>,
                     of: &dyn Fn(usize) -> _| {
            let all: Vec<std::collections::BTreeMap<String, String>> =
                (0..known.len()).map(of).collect();
            texts
                .iter()
                .find(|(key, value)| !all.iter().any(|all| all.get(*key) == Some(*value)))
                .map(|(key, value)| format!("{key:?} of run {id} became {:?}", value.get(..20)))
        };
        if let Some(wrong) = texts(&run.params, &|at| known[at].params.clone())
            .or_else(|| texts(&run.tags, &|at| known[at].tags.clone()))
        {
            return Err(wrong);
        }
        for (key, points) in &run.metrics {
            let all: Vec<_> = known.iter().filter_map(|run| run.metrics.get(key)).collect();
            let longest = all.iter().max_by_key(|points| points.len());
            let Some(longest) = longest else {
                return Err(format!("metric {key} of run {id} was never logged"));
            };
            // Both are sorted, and no point was logged twice.
            let mut rest = longest.iter();
            if let Some(wrong) = points.iter().find(|point| !rest.any(|known| known == *point)) {
                return Err(format!("metric {key} of run {id}: {wrong:?} was never logged"));
            }
        }
    }
    Ok(())
}

fn is_damage(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Damaged | ErrorKind::NotTracklite | ErrorKind::UnsupportedFormat)
}

/// Reads and verifies a damaged file, and checks the results.
fn judge(corpus: &Corpus, bytes: &[u8]) -> Result<(), String> {
    let file = MemoryFile::with_bytes(bytes);
    let verified = support::verify(&file);
    let is_reported = verified.as_ref().map_or(true, |report| !report.is_sound());
    match support::read_file(&file) {
        Err(error) if !is_damage(error.kind()) => {
            return Err(format!("reading failed with {:?}: {error}", error.kind()));
        }
        Err(error) if !is_reported => {
            return Err(format!("verify found no damage, but reading failed: {error}"));
        }
        Err(_) => {}
        Ok(found) => {
            check_logged(&found, corpus)?;
            if found != corpus.content && !is_reported && !corpus.is_lost_tail(bytes) {
                let (left, all) = (found.points(), corpus.content.points());
                let runs = (found.runs.len(), corpus.content.runs.len());
                return Err(format!("unreported loss: {left} of {all} points, {runs:?} runs"));
            }
        }
    }
    if let Err(error) = verified
        && !is_damage(error.kind())
    {
        return Err(format!("verify failed with {:?}: {error}", error.kind()));
    }
    Ok(())
}

/// Opens a damaged file for writing, lets it seal, and checks what can still be read.
fn judge_writing(corpus: &Corpus, bytes: &[u8]) -> Result<(), String> {
    let file = MemoryFile::with_bytes(bytes);
    let faults = tracklite::internals::storage::FaultPlan::new();
    let (database, _) = support::open(&file, &Opening::write(), &faults);
    let Ok(database) = database else { return Ok(()) };
    let _ = database.tick().and_then(|()| database.sync());
    let _ = database.close();
    support::read_file(&file).map_or(Ok(()), |found| check_logged(&found, corpus))
}

/// Salvages a damaged file. The result must be sound, and complete if everything was readable.
fn judge_salvage(corpus: &Corpus, bytes: &[u8], folder: &Path) -> Result<(), String> {
    let (path, out) = (folder.join("damaged.tracklite"), folder.join("salvaged.tracklite"));
    std::fs::write(&path, bytes).map_err(|error| error.to_string())?;
    let _ = std::fs::remove_file(&out);
    let report = match Database::salvage(&path, &out) {
        Ok(report) => report,
        Err(error) if is_damage(error.kind()) => {
            let has_header = Database::verify(&path).is_ok();
            return if has_header { Err(format!("salvage failed: {error}")) } else { Ok(()) };
        }
        Err(error) => return Err(format!("salvage failed with {:?}: {error}", error.kind())),
    };
    let verified = Database::verify(&out).map_err(|error| format!("salvaged file: {error}"))?;
    if !verified.is_sound() {
        return Err(format!("salvaged file: verify reports {:?}", verified.damages));
    }
    let found = support::read_path(&out).map_err(|error| format!("salvaged file: {error}"))?;
    check_logged(&found, corpus).map_err(|error| format!("salvaged file: {error}"))?;
    let read = support::read_file(&MemoryFile::with_bytes(bytes));
    if read.is_ok_and(|read| read == corpus.content) && found != corpus.content {
        return Err(format!("salvage lost readable data: {:?}", report.lost));
    }
    Ok(())
}

fn damage_often(corpus: &Corpus) {
    let wanted = crate::setting("TRACKLITE_DAMAGES").map_or(DAMAGES, |count| count as usize);
    let folder = support::scratch();
    let watchdog = Watchdog::start();
    let (mut tried, mut wrong) = (0, Vec::new());
    judge(corpus, &corpus.bytes).unwrap();
    judge_salvage(corpus, &corpus.bytes, folder.path()).unwrap();
    for kind in Kind::ALL {
        let mut random = Random::new(kind as u64);
        for number in 0..wanted {
            let damage = Damage::draw(kind, corpus, &mut random);
            let bytes = damage.apply(&corpus.bytes);
            if bytes == corpus.bytes {
                continue;
            }
            tried += 1;
            watchdog.set(format!("{}: {damage:?}", corpus.name));
            let judged = AssertUnwindSafe(|| {
                judge(corpus, &bytes)?;
                if number % 4 == 0 {
                    let written = judge_writing(corpus, &bytes);
                    written.map_err(|error| format!("after writing: {error}"))?;
                    judge_salvage(corpus, &bytes, folder.path())?;
                }
                Ok(())
            });
            let verdict = catch_unwind(judged).unwrap_or_else(|_| Err("panic".to_owned()));
            if let Err(error) = verdict {
                wrong.push(format!("{damage:?}: {error}"));
            }
        }
    }
    println!("{}: {tried} damages to {} bytes", corpus.name, corpus.bytes.len());
    let shown = wrong.iter().take(12).map(String::as_str).collect::<Vec<_>>().join("\n");
    let count = wrong.len();
    assert!(wrong.is_empty(), "{}: {count} of {tried} failed:\n{shown}", corpus.name);
}

#[test]
fn damage_to_a_closed_file_is_reported() {
    damage_often(&corpus::closed());
}

#[test]
fn damage_to_live_extents_of_a_killed_writer_is_reported() {
    damage_often(&corpus::killed());
}

#[test]
fn damage_to_a_file_after_gc_is_reported() {
    damage_often(&corpus::collected());
}

#[test]
fn damage_to_a_vacuumed_file_is_reported() {
    damage_often(&corpus::vacuumed());
}
