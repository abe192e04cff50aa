//! The script of a writer, call by call. It is a pure function of the seed and the writer. So the
//! progress of a writer determines the expected contents of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::files::{artifact, file_label};
use crate::models::{Change, Models};
use crate::random::{Random, mix};

/// The number of metrics logged point by point through a handle.
const KEYS: u64 = 6;
/// The number of metrics logged point by point by name, with the current time.
const CLOCK_KEYS: u64 = 2;
/// The number of metrics in each kind of row.
const ROW_WIDTHS: [u64; 3] = [2, 9, 33];
/// The prefix of metrics and tags that another writer added to an adopted run.
pub(crate) const ADOPTED: &str = "adopted/";
/// The maximum number of runs that one writer starts.
const RUNS_MAX: u32 = 8;
/// The time of the first point of a series. The others follow in steps of a microsecond.
const FIRST_TIME: i64 = 1_700_000_000_000_000_000;

/// One writer: the number of its process and of its fork (0: not a fork).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Life {
    pub(crate) number: u64,
    pub(crate) child: u64,
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.number, self.child)
    }
}

impl FromStr for Life {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, child) = text.split_once('.').ok_or(())?;
        let parse = |text: &str| text.parse().map_err(|_| ());
        Ok(Life { number: parse(number)?, child: parse(child)? })
    }
}

impl Life {
    /// Returns the name of the writer's run with this number, which is unique in the file.
    pub(crate) fn run_name(self, run: u32) -> String {
        format!("{self}-{run}")
    }
}

/// Parses the name of a run into its writer and number.
pub(crate) fn parse_run_name(name: &str) -> Option<(Life, u32)> {
    let (life, run) = name.split_once('-')?;
    Some((life.parse().ok()?, run.parse().ok()?))
}

/// One operation of a writer. Operations of several calls are acknowledged call by call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Open,
    Close,
    Start {
        run: u32,
    },
    Resume {
        run: u32,
    },
    Points {
        run: u32,
        key: u64,
        first: u64,
        count: u64,
    },
    ClockPoints {
        run: u32,
        key: u64,
        first: u64,
        count: u64,
    },
    Rows {
        run: u32,
        row: usize,
        first: u64,
        count: u64,
    },
    Params {
        run: u32,
        number: u64,
    },
    Tags {
        run: u32,
        number: u64,
    },
    Untag {
        run: u32,
    },
    /// Logs a file, which may replace an earlier one.
    Artifact {
        run: u32,
        number: u64,
    },
    /// Changes one of the writer's models.
    Model {
        change: Change,
        number: u64,
    },
    Finish {
        run: u32,
    },
    /// Deletes a run. From then on, the gc of any writer may purge it.
    Delete {
        run: u32,
    },
    /// Restores a deleted run, unless it was purged.
    Restore {
        run: u32,
    },
    /// Purges the deleted runs of all writers.
    Gc,
    /// Resumes a run of a dead process, and logs `count` points to it.
    Adopt {
        pick: u64,
        count: u64,
    },
    Sync,
    Tick,
    Pause {
        micros: u64,
    },
    Fork {
        child: u64,
    },
    End {
        cleanly: bool,
    },
}

impl Op {
    /// Returns the number of calls of this operation.
    pub(crate) fn calls(self) -> u64 {
        match self {
            Op::Points { count, .. } | Op::ClockPoints { count, .. } | Op::Rows { count, .. } => {
                count
            }
            _ => 1,
        }
    }
}

pub(crate) fn point_key(key: u64) -> String {
    format!("point/{key}")
}

pub(crate) fn clock_key(key: u64) -> String {
    format!("clock/{key}")
}

pub(crate) fn row_keys(row: usize) -> Vec<String> {
    (0..ROW_WIDTHS[row]).map(|column| format!("row {row}/{column}")).collect()
}

/// Returns the key of the points that a writer logs to an adopted run.
pub(crate) fn adopted_key(adopter: Life) -> String {
    format!("{ADOPTED}{adopter}")
}

/// Returns the seed of the values of a series.
pub(crate) fn series_seed(life: Life, run: u32, key: &str) -> u64 {
    let bits = mix(life.number) ^ mix(life.child ^ 0xC0FFEE) ^ mix(u64::from(run) << 32);
    key.bytes().fold(bits, |bits, byte| mix(bits ^ u64::from(byte)))
}

/// Returns the value at a step. Equal values in a file are coincidences.
pub(crate) fn series_value(seed: u64, step: u64) -> f64 {
    let bits = mix(seed ^ step.wrapping_mul(0x2545_F491_4F6C_DD1D));
    // Every eighth value has arbitrary bits: NaN with a payload, infinities, subnormal numbers.
    if bits & 7 == 0 { f64::from_bits(mix(bits)) } else { (bits >> 24) as f64 / 1024.0 }
}

pub(crate) fn time(step: u64) -> i64 {
    FIRST_TIME + (step as i64) * 1000
}

/// Returns params that are logged atomically, at the start of a run or later.
pub(crate) fn params(life: Life, run: u32, number: u64) -> Vec<(String, String)> {
    let part = |part: &str| {
        let bits = mix(life.number ^ mix(number ^ u64::from(run)));
        (format!("{number}/{part}"), format!("{life} {run} {part} {bits:x}"))
    };
    ["a", "b", "c"].into_iter().map(part).collect()
}

/// Returns tags that are set atomically. Some are overwritten repeatedly.
pub(crate) fn tags(life: Life, run: u32, number: u64) -> Vec<(String, String)> {
    let text = format!("{life} {run} {number} {:x}", mix(number ^ life.number));
    vec![("last".to_owned(), text.clone()), (format!("each 5/{}", number % 5), text)]
}

/// The possible states of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It exists.
    #[default]
    Kept,
    /// It is deleted, and possibly purged.
    Deleted,
    /// It was restored, or it was purged earlier. The writer's page records which.
    Restored,
}

/// The expected contents of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunModel {
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// The labels of the files by path.
    pub(crate) artifacts: BTreeMap<String, String>,
    pub(crate) is_finished: bool,
    pub(crate) fate: Fate,
    /// The number of points by metric. Their steps count from 0.
    pub(crate) points: BTreeMap<String, u64>,
}

/// The expected contents of one writer's runs and models.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) runs: Vec<RunModel>,
    pub(crate) models: Models,
    /// The runs for which the writer has a handle.
    pub(crate) held: BTreeSet<u32>,
    pub(crate) is_open: bool,
    pub(crate) openings: u64,
    pub(crate) finishes: u64,
    batches: u64,
}

impl Model {
    /// Applies the first `calls` calls of an operation.
    pub(crate) fn apply(&mut self, life: Life, op: Op, calls: u64) {
        if calls == 0 {
            return;
        }
        self.batches += 1;
        match op {
            Op::Open => {
                self.is_open = true;
                self.openings += 1;
            }
            Op::Close | Op::End { .. } => {
                self.is_open = false;
                self.held.clear();
            }
            Op::Start { run } => {
                self.held.insert(run);
                let mut started = RunModel::default();
                started.params.extend(params(life, run, 0));
                started.tags.extend(tags(life, run, 0));
                self.runs.push(started);
            }
            Op::Resume { run } => {
                self.held.insert(run);
                self.runs[run as usize].is_finished = false;
            }
            Op::Points { run, key, .. } => self.add(run, point_key(key), calls),
            Op::ClockPoints { run, key, .. } => self.add(run, clock_key(key), calls),
            Op::Rows { run, row, .. } => {
                row_keys(row).into_iter().for_each(|key| self.add(run, key, calls));
            }
            Op::Params { run, number } => {
                self.runs[run as usize].params.extend(params(life, run, number));
            }
            Op::Tags { run, number } => {
                self.runs[run as usize].tags.extend(tags(life, run, number));
            }
            Op::Untag { run } => drop(self.runs[run as usize].tags.remove("last")),
            Op::Artifact { run, number } => {
                let (path, bytes) = artifact(life, run, number);
                let label = file_label(&bytes).unwrap_or_default();
                self.runs[run as usize].artifacts.insert(path, label);
            }
            Op::Model { change, number } => {
                let files = match change {
                    Change::Version { run } => self.runs[run as usize].artifacts.clone(),
                    _ => BTreeMap::new(),
                };
                self.models.apply(life, change, number, &files);
            }
            Op::Finish { run } => {
                self.held.remove(&run);
                self.finishes += 1;
                self.runs[run as usize].is_finished = true;
            }
            Op::Delete { run } => {
                self.held.remove(&run);
                self.finishes += 1;
                self.runs[run as usize].fate = Fate::Deleted;
            }
            Op::Restore { run } => self.runs[run as usize].fate = Fate::Restored,
            Op::Sync | Op::Tick | Op::Pause { .. } | Op::Fork { .. } => {}
            Op::Gc | Op::Adopt { .. } => {}
        }
    }

    fn add(&mut self, run: u32, key: String, calls: u64) {
        *self.runs[run as usize].points.entry(key).or_default() += calls;
    }

    fn count(&self, run: u32, key: &str) -> u64 {
        self.runs[run as usize].points.get(key).copied().unwrap_or(0)
    }
}

/// The sequence of operations of one writer.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    life: Life,
    random: Random,
    /// The expected state after all operations so far.
    pub(crate) model: Model,
    left: u64,
    forks: u64,
}

impl Script {
    pub(crate) fn new(seed: u64, life: Life) -> Self {
        let mut random = Random::new(seed ^ mix(life.number) ^ mix(life.child + 0x1000_0000));
        let left = if life.child == 0 { 100 + random.below(900) } else { 10 + random.below(120) };
        Script { life, random, model: Model::default(), left, forks: 0 }
    }

    /// Returns the next operation, without applying it to the model.
    pub(crate) fn next(&mut self) -> Op {
        if !self.model.is_open {
            return Op::Open;
        }
        if self.left == 0 {
            return Op::End { cleanly: self.random.below(4) > 0 };
        }
        self.left -= 1;
        let held: Vec<u32> = self.model.held.iter().copied().collect();
        if held.is_empty() {
            return self.start_or_resume();
        }
        let run = held[self.random.below(held.len() as u64) as usize];
        match self.random.below(200) {
            0..50 => self.points(run),
            50..62 => self.clock_points(run),
            62..100 => self.rows(run),
            100..110 => Op::Params { run, number: self.model.batches },
            110..125 => Op::Tags { run, number: self.model.batches },
            125..131 if self.model.runs[run as usize].tags.contains_key("last") => {
                Op::Untag { run }
            }
            131..135 => Op::Finish { run },
            135..137 => Op::Delete { run },
            137..140 => self.start_or_resume(),
            140..144 => Op::Sync,
            144..156 => Op::Tick,
            156..159 => Op::Close,
            159..162 if self.life.child == 0 && self.forks < 3 => {
                self.forks += 1;
                Op::Fork { child: self.forks }
            }
            162..164 => self.restore_or_gc(),
            164..166 => Op::Adopt { pick: self.random.next(), count: 1 + self.random.below(50) },
            166..174 => Op::Artifact { run, number: self.model.batches },
            174..181 => {
                let change = self.model.models.draw(self.life, run, &mut self.random);
                Op::Model { change, number: self.model.batches }
            }
            _ => Op::Pause { micros: self.random.below(60_000) },
        }
    }

    fn start_or_resume(&mut self) -> Op {
        let count = self.model.runs.len() as u32;
        let kept = self.runs_that_are(Fate::Kept);
        if count == RUNS_MAX && kept.is_empty() {
            return Op::End { cleanly: true };
        }
        if !kept.is_empty() && (count == RUNS_MAX || self.random.below(3) > 0) {
            return Op::Resume { run: kept[self.random.below(kept.len() as u64) as usize] };
        }
        Op::Start { run: count }
    }

    fn runs_that_are(&self, fate: Fate) -> Vec<u32> {
        let runs = (0..).zip(&self.model.runs);
        runs.filter(|(_, run)| run.fate == fate).map(|(number, _)| number).collect()
    }

    fn restore_or_gc(&mut self) -> Op {
        match self.runs_that_are(Fate::Deleted)[..] {
            [run, ..] if self.random.below(2) == 0 => Op::Restore { run },
            _ => Op::Gc,
        }
    }

    /// Draws a length: mostly short bursts, some that fill an extent, few that fill several.
    fn burst(&mut self) -> u64 {
        let most = match self.random.below(100) {
            0..70 => 100,
            70..97 => 1500,
            _ => 15_000,
        };
        1 + self.random.below(most)
    }

    fn points(&mut self, run: u32) -> Op {
        let key = self.random.below(KEYS);
        let (first, count) = (self.model.count(run, &point_key(key)), self.burst());
        Op::Points { run, key, first, count }
    }

    fn clock_points(&mut self, run: u32) -> Op {
        let key = self.random.below(CLOCK_KEYS);
        let (first, count) = (self.model.count(run, &clock_key(key)), 1 + self.random.below(200));
        Op::ClockPoints { run, key, first, count }
    }

    fn rows(&mut self, run: u32) -> Op {
        let row = self.random.below(ROW_WIDTHS.len() as u64) as usize;
        let first = self.model.count(run, &row_keys(row)[0]);
        let count = 1 + self.burst() / ROW_WIDTHS[row];
        Op::Rows { run, row, first, count }
    }
}

/// The progress of a writer, as recorded in its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Progress {
    /// Completed operations.
    pub(crate) ops: u64,
    /// Completed calls of the next operation.
    pub(crate) calls: u64,
}

/// The expected states at some progress, without and with the next call.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) acknowledged: Model,
    pub(crate) in_flight: Model,
    pub(crate) op: Op,
}

/// Replays a writer incrementally. The progress passed to it never decreases.
#[derive(Debug)]
pub(crate) struct Replay {
    life: Life,
    script: Script,
    ops: u64,
}

impl Replay {
    pub(crate) fn new(seed: u64, life: Life) -> Self {
        Replay { life, script: Script::new(seed, life), ops: 0 }
    }

    /// Returns the expected states. `progress` must not be before that of an earlier call.
    pub(crate) fn at(&mut self, progress: Progress) -> Expected {
        while self.ops < progress.ops {
            let op = self.script.next();
            self.script.model.apply(self.life, op, op.calls());
            self.ops += 1;
        }
        let op = self.script.clone().next();
        let with = |calls: u64| {
            let mut model = self.script.model.clone();
            model.apply(self.life, op, calls);
            model
        };
        let (acknowledged, in_flight) = (with(progress.calls), with(progress.calls + 1));
        Expected { acknowledged, in_flight, op }
    }
}
