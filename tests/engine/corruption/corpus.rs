//! Small files that contain every structure of the format.

use std::ops::Range;

use tracklite::internals::header::{Header, UnitHeader, UnitKind};
use tracklite::internals::scan::{ScanReport, scan};
use tracklite::internals::slot::SlotSeed;
use tracklite::internals::storage::simulated::Random;
use tracklite::internals::storage::{FaultPlan, MemoryFile};
use tracklite::{Database, Run, Timestamp};

use crate::support::{self, Content, Kill, Opening};

const UNIT: usize = 64 * 1024;

/// A sound file and its contents.
pub struct Corpus {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub content: Content,
    /// The contents at several earlier times, and last the current contents.
    pub history: Vec<Content>,
    /// Offsets at which a structure begins or ends.
    pub boundaries: Vec<usize>,
    /// The unsealed extents.
    extents: Vec<Extent>,
}

/// The seed of an extent's checksums, and the range of its slots.
type Extent = (SlotSeed, Range<usize>);

impl Corpus {
    fn new(name: &'static str, file: &MemoryFile, mut history: Vec<Content>) -> Self {
        let bytes = file.to_bytes();
        let content = support::read_file(file).unwrap();
        history.push(content.clone());
        assert!(support::verify(file).unwrap().is_sound());
        let extents = extents(&bytes);
        let boundaries = boundaries(&bytes);
        Corpus { name, bytes, content, history, boundaries, extents }
    }

    /// Returns whether the damage is inside one extent and hides all slots from its first byte on.
    pub fn is_lost_tail(&self, damaged: &[u8]) -> bool {
        let pairs = || self.bytes.iter().zip(damaged);
        let first = pairs().position(|(old, new)| old != new);
        let last = pairs().rposition(|(old, new)| old != new);
        let (Some(first), Some(last)) = (first, last) else { return false };
        let is_hit = |extent: &&Extent| extent.1.contains(&first) && extent.1.contains(&last);
        let hit = self.extents.iter().find(is_hit).filter(|_| damaged.len() == self.bytes.len());
        hit.is_some_and(|(seed, range)| {
            let mut report = ScanReport::default();
            scan(*seed, &damaged[range.clone()], true, &mut report, |_, _| {});
            range.start + report.next as usize * 32 <= first
        })
    }
}

/// Returns the extents that contain data.
fn extents(bytes: &[u8]) -> Vec<Extent> {
    let header = Header::decode(bytes).unwrap();
    let mut found = Vec::new();
    for unit in 1..bytes.len() / UNIT {
        let start = unit * UNIT;
        let number = u32::try_from(unit).unwrap();
        let unit_header = UnitHeader::decode(header.file, number, &bytes[start..]);
        let Some(unit) = unit_header else { continue };
        let range = start + 64..start + unit.units as usize * UNIT;
        if unit.kind == UnitKind::Extent && bytes[range.clone()].iter().any(|byte| *byte != 0) {
            found.push((SlotSeed::new(header.file, number, unit.incarnation), range));
        }
    }
    found
}

/// Returns the offsets of frames, units and headers, and of the beginnings and ends of data.
fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let folder = support::scratch();
    let path = folder.path().join("file.tracklite");
    std::fs::write(&path, bytes).unwrap();
    let mut dump = Vec::new();
    Database::dump(&path, &mut dump).unwrap();
    let dump = String::from_utf8(dump).unwrap();
    let frames = dump.lines().filter(|line| line.contains("frame of"));
    let mut places: Vec<usize> =
        frames.map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect();
    assert!(places.len() > 5, "{dump}");
    places.extend([8, 16, 60, 4096, 4104, 4112, 8192, 12288]);
    for start in (UNIT..bytes.len()).step_by(UNIT) {
        places.extend([start, start + 16, start + 20, start + 60, start + 64, start + 128]);
    }
    let is_used = |at: usize| bytes[at..at + 32].iter().any(|byte| *byte != 0);
    let steps = (32..bytes.len() - 32).step_by(32);
    places.extend(steps.filter(|at| is_used(at - 32) != is_used(*at)));
    places.push(bytes.len() - 1);
    places
}

fn open(file: &MemoryFile) -> (Database, Kill) {
    let (database, kill) = support::open(file, &Opening::write(), &FaultPlan::new());
    (database.unwrap(), kill)
}

/// Logs points whose columns do not compress. Their blocks of many KiB go into units.
fn log_much(run: &Run, random: &mut Random, count: i64) {
    let (metric, row) = (run.metric("loss").unwrap(), run.metric_row(&["a", "b", "c"]).unwrap());
    for step in 0..count {
        let time = Timestamp::from_nanos(1_700_000_000_000_000_000 + (random.bits() >> 20) as i64);
        let mut value = || f64::from_bits(random.bits() >> 2 | 1 << 60);
        metric.log_at(value(), step, time).unwrap();
        row.log_at(&[value(), value(), value()], step, time).unwrap();
    }
}

fn start(database: &Database, name: &str) -> Run {
    let experiment = database.experiment("/corpus").unwrap();
    let run = experiment.new_run().name(name).param("rate", 0.1).tag("stage", "first");
    run.start().unwrap()
}

/// Creates blocks in frames and in units, and several chain units, one of them for a large frame.
fn fill(file: &MemoryFile, history: &mut Vec<Content>) {
    let mut random = Random::new(5);
    let (database, _) = open(file);
    let run = start(&database, "first");
    log_much(&run, &mut random, 900);
    database.tick().unwrap();
    let few = start(&database, "few");
    few.log_metric("loss", 0.5, 0).unwrap();
    few.log_metrics(&[("a", 1.0), ("b", 2.0)], 1).unwrap();
    history.push(support::read(&database).unwrap());
    let large: String = (0..100_000).map(|place| char::from(b'a' + (place % 26) as u8)).collect();
    run.set_tag("large", large).unwrap();
    for number in 0..300 {
        few.set_tag(&format!("tag {}", number % 40), "x".repeat(150)).unwrap();
    }
    run.set_tag("stage", "second").unwrap();
    history.push(support::read(&database).unwrap());
    few.finish().unwrap();
    drop(run);
    database.close().unwrap();
    // A second process, whose few points fit into the frame itself.
    let (database, _) = open(file);
    let run = start(&database, "second");
    (0..20).for_each(|step| run.log_metric("loss", f64::from(step), step).unwrap());
    drop(run);
    database.close().unwrap();
}

pub fn closed() -> Corpus {
    let (file, mut history) = (support::create(21), Vec::new());
    fill(&file, &mut history);
    Corpus::new("closed", &file, history)
}

pub fn killed() -> Corpus {
    let (file, mut history) = (support::create(22), Vec::new());
    let mut random = Random::new(6);
    let (database, first) = open(&file);
    let run = start(&database, "first");
    log_much(&run, &mut random, 1000);
    history.push(support::read(&database).unwrap());
    database.sync().unwrap();
    let (other, second) = open(&file);
    let run_of_other = start(&other, "other");
    log_much(&run_of_other, &mut random, 30);
    other.sync().unwrap();
    first.kill();
    second.kill();
    Corpus::new("killed", &file, history)
}

pub fn collected() -> Corpus {
    let (file, mut history) = (support::create(23), Vec::new());
    let mut random = Random::new(7);
    let (database, _) = open(&file);
    let runs: Vec<Run> = ["kept", "gone", "gone too"].map(|name| start(&database, name)).into();
    for run in &runs {
        log_much(run, &mut random, 220);
    }
    let other = database.experiment("/gone").unwrap();
    other.start_run("in it").unwrap().log_metric("loss", 1.0, 0).unwrap();
    other.delete().unwrap();
    database.tick().unwrap();
    drop(other);
    drop(runs);
    database.close().unwrap();
    let (database, _) = open(&file);
    let runs = database.all_runs().unwrap();
    runs.iter().filter(|run| run.info.name.starts_with("gone")).for_each(|run| {
        database.delete_run(run.info.id).unwrap();
    });
    history.push(support::read(&database).unwrap());
    assert_eq!(database.gc().unwrap().runs, 3);
    let run = start(&database, "later");
    log_much(&run, &mut random, 40);
    drop(run);
    database.close().unwrap();
    Corpus::new("collected", &file, history)
}

pub fn vacuumed() -> Corpus {
    let before = collected();
    let folder = support::scratch();
    let path = folder.path().join("file.tracklite");
    std::fs::write(&path, &before.bytes).unwrap();
    Database::vacuum(&path).unwrap();
    let file = MemoryFile::with_bytes(&std::fs::read(&path).unwrap());
    Corpus::new("vacuumed", &file, before.history)
}
