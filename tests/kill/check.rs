//! Compares the contents of the file with the ledgers of the writers.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use tracklite::{Database, ErrorKind, Lifecycle, MetricHistory, Result, RunRecord, RunStatus};

use crate::files;
use crate::ledger::{self, Page};
use crate::models::{self, Things};
use crate::script::{self, ADOPTED, Expected, Fate, Life, Model, Replay, RunModel};
use crate::settings::Settings;

/// The kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Acknowledged data is missing.
    Lost,
    /// Data differs from what was logged: a wrong value, a duplicate, or data of nobody.
    Altered,
    /// Any other failure.
    Other,
}

/// One failure.
#[derive(Clone, Debug)]
pub(crate) struct Complaint {
    pub(crate) fault: Fault,
    pub(crate) text: String,
}

impl Complaint {
    pub(crate) fn new(fault: Fault, text: impl Into<String>) -> Self {
        Complaint { fault, text: text.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.fault, self.text)
    }
}

/// The extent of a check.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) points: u64,
    pub(crate) series: u64,
    pub(crate) runs: u64,
    /// Points that writers logged to runs of dead writers.
    pub(crate) adopted: u64,
    /// Deleted runs that were purged, and runs that were restored.
    pub(crate) purged: u64,
    pub(crate) restored: u64,
    /// Models and versions that belong to one writer.
    pub(crate) things: u64,
    /// Acknowledged versions of the shared model, and moves of its alias.
    pub(crate) shared: u64,
    pub(crate) moves: u64,
    /// Dead writers whose call in flight took effect, and those whose call did not.
    pub(crate) in_flight_whole: u64,
    pub(crate) in_flight_absent: u64,
}

/// Checks the points of one series and returns their number.
pub(crate) fn check_series(
    life: Life,
    run: u32,
    key: &str,
    history: &MetricHistory,
) -> std::result::Result<u64, Complaint> {
    let seed = script::series_seed(life, run, key);
    let has_clock = key.starts_with("clock/");
    let mut points: Vec<_> = history.iter().collect();
    if has_clock {
        // The system clock may be set back. The steps define the order.
        points.sort_by_key(|point| point.step);
    }
    let fail = |fault, text: String| {
        Err(Complaint::new(fault, format!("writer {life}, run {run}, {key:?}: {text}")))
    };
    for (step, point) in (0_u64..).zip(&points) {
        if point.step != step as i64 {
            let is_hole = point.step > step as i64;
            let fault = if is_hole { Fault::Lost } else { Fault::Altered };
            return fail(fault, format!("step {} instead of {step}", point.step));
        }
        let wanted = script::series_value(seed, step);
        if point.value.to_bits() != wanted.to_bits() {
            let got = point.value;
            return fail(Fault::Altered, format!("{got:?} at step {step}, expected {wanted:?}"));
        }
        if !has_clock && point.time.as_nanos() != script::time(step) {
            let time = point.time;
            return fail(Fault::Altered, format!("unexpected time {time:?} at step {step}"));
        }
    }
    Ok(points.len() as u64)
}

/// Compares whole files with the ledgers. Remembers whether calls in flight took effect.
pub(crate) struct Checker {
    settings: Settings,
    replays: HashMap<Life, Replay>,
    /// For each dead writer, whether its call in flight took effect.
    settled: HashMap<Life, bool>,
}

impl Checker {
    pub(crate) fn new(settings: &Settings) -> Self {
        Checker { settings: settings.clone(), replays: HashMap::new(), settled: HashMap::new() }
    }

    /// Checks everything that is in the file, and that nothing acknowledged is missing.
    pub(crate) fn check(
        &mut self,
        database: &Database,
        complaints: &mut Vec<Complaint>,
    ) -> Result<Counts> {
        let lives = ledger::lives(&self.settings.ledger);
        let folder = self.settings.ledger.clone();
        let before: Vec<(Life, Option<Page>, bool)> = lives
            .into_iter()
            .map(|life| (life, Page::read(&folder, life), ledger::is_dead(&folder, life)))
            .collect();
        let mut counts = Counts::default();
        // Everything recorded by now must be in the file.
        let adoptions: Vec<(Life, Life, u32, u64)> = before
            .iter()
            .filter_map(|(adopter, page, _)| {
                let (life, run, count) = page.as_ref()?.adopted()?;
                Some((*adopter, life, run, count))
            })
            .collect();
        let pages: Vec<(Life, Page)> =
            before.iter().filter_map(|(life, page, _)| Some((*life, page.clone()?))).collect();
        let recorded = models::recorded(&pages);
        complaints.extend(models::check_shared(database, &recorded)?);
        counts.shared = recorded.len() as u64;
        counts.moves = recorded.iter().filter(|(_, _, from)| from.is_some()).count() as u64;
        let mut found = self.group(database.all_runs()?, complaints);
        let mut things = models::observe(database)?;
        counts.things = things.values().map(|things| things.len() as u64).sum();
        for adoption in adoptions {
            counts.adopted += self.check_adoption(database, &found, adoption, complaints)?;
        }
        for (life, page, is_dead) in before {
            let Some(page) = page else { continue };
            let records = found.remove(&life).unwrap_or_default();
            let runs = self.observe(database, life, &records, complaints, &mut counts)?;
            let observed = Observed { runs, things: things.remove(&life).unwrap_or_default() };
            if is_dead {
                self.judge_dead(life, &page, &observed, complaints, &mut counts);
                self.check_not_alive(database, life, &records, complaints)?;
            } else {
                let Some(after) = Page::read(&folder, life) else { continue };
                self.judge_living(life, &page, &after, &observed, complaints);
            }
        }
        Ok(counts)
    }

    /// Groups the records by writer and run. Complains about runs that no writer started.
    fn group(
        &self,
        records: Vec<RunRecord>,
        complaints: &mut Vec<Complaint>,
    ) -> HashMap<Life, BTreeMap<u32, RunRecord>> {
        let mut found: HashMap<Life, BTreeMap<u32, RunRecord>> = HashMap::new();
        for record in records {
            let name = record.info.name.clone();
            let Some((life, run)) = script::parse_run_name(&name) else {
                let text = format!("unexpected run name {name:?}");
                complaints.push(Complaint::new(Fault::Altered, text));
                continue;
            };
            if found.entry(life).or_default().insert(run, record).is_some() {
                complaints.push(Complaint::new(Fault::Altered, format!("duplicate run {name}")));
            }
            if Page::read(&self.settings.ledger, life).is_none() {
                let text = format!("run {name} belongs to a writer that never existed");
                complaints.push(Complaint::new(Fault::Altered, text));
            }
        }
        found
    }

    fn expected(&mut self, life: Life, page: &Page) -> Expected {
        let seed = self.settings.seed;
        let replay = self.replays.entry(life).or_insert_with(|| Replay::new(seed, life));
        replay.at(page.progress())
    }

    /// Checks a dead writer: its acknowledged calls and, wholly or not at all, its last call.
    fn judge_dead(
        &mut self,
        life: Life,
        page: &Page,
        observed: &Observed,
        complaints: &mut Vec<Complaint>,
        counts: &mut Counts,
    ) {
        let expected = self.expected(life, page);
        for (number, run) in (0..).zip(&expected.acknowledged.runs) {
            let is_gone = run.fate != Fate::Kept && !observed.runs.contains_key(&number);
            counts.purged += u64::from(is_gone);
            counts.restored += u64::from(run.fate == Fate::Restored && !is_gone);
        }
        let agrees = |model: &Model| self.agrees(life, page, model, observed);
        let is_absent = agrees(&expected.acknowledged);
        // A writer that exited had no call in flight.
        let is_whole = !page.has_ended() && agrees(&expected.in_flight);
        if !is_absent && !is_whole {
            complaints.push(difference(life, &expected, observed));
            return;
        }
        if is_absent != is_whole {
            let before = *self.settled.entry(life).or_insert(is_whole);
            if before != is_whole {
                let text = format!(
                    "writer {life}: whether its last call, {:?}, took effect changed from \
                     {before} to {is_whole}",
                    expected.op
                );
                complaints.push(Complaint::new(Fault::Lost, text));
            }
        }
        counts.in_flight_whole += u64::from(is_whole && !is_absent);
        counts.in_flight_absent += u64::from(is_absent && !is_whole);
    }

    /// Checks a living writer against its ledger from before and from after the observation.
    fn judge_living(
        &mut self,
        life: Life,
        before: &Page,
        after: &Page,
        observed: &Observed,
        complaints: &mut Vec<Complaint>,
    ) {
        let lower = self.expected(life, before).acknowledged;
        let upper = self.expected(life, after).in_flight;
        complaints.extend(lacks(life, &lower, &upper, observed));
        complaints.extend(exceeds(life, &upper, observed));
    }

    /// Returns whether the observed runs and models of a writer equal those of the model.
    fn agrees(&self, life: Life, page: &Page, model: &Model, observed: &Observed) -> bool {
        let agrees = |(number, wanted): (u32, &RunModel)| {
            let Some(found) = observed.runs.get(&number) else {
                return match wanted.fate {
                    Fate::Kept => false,
                    Fate::Deleted => true,
                    Fate::Restored => !page.is_restored(number),
                };
            };
            let is_deleted = wanted.fate == Fate::Deleted;
            let is_adopted = ledger::is_adopted(&self.settings.ledger, life, number);
            (found.fate == Fate::Deleted) == is_deleted
                && found.params == wanted.params
                && found.tags == wanted.tags
                && found.artifacts == wanted.artifacts
                && found.points == wanted.points
                && (is_adopted || found.is_finished == wanted.is_finished)
        };
        let has_more = observed.runs.keys().any(|number| *number as usize >= model.runs.len());
        !has_more
            && models::agrees(&model.models.things, &observed.things)
            && (0..).zip(&model.runs).all(agrees)
    }

    /// Reads the runs of one writer from the file.
    fn observe(
        &self,
        database: &Database,
        life: Life,
        records: &BTreeMap<u32, RunRecord>,
        complaints: &mut Vec<Complaint>,
        counts: &mut Counts,
    ) -> Result<BTreeMap<u32, RunModel>> {
        let mut observed = BTreeMap::new();
        for (number, record) in records {
            let Some(run) = unless_purged(database.run(record.info.id))? else { continue };
            let mut points = BTreeMap::new();
            for key in record.metrics.keys() {
                let Some(history) = unless_purged(run.history(key))? else { continue };
                if key.starts_with(ADOPTED) {
                    counts.points += history.len() as u64;
                    continue;
                }
                match check_series(life, *number, key, &history) {
                    Ok(count) => {
                        counts.points += count;
                        counts.series += 1;
                        points.insert(key.clone(), count);
                    }
                    Err(complaint) => complaints.push(complaint),
                }
            }
            counts.runs += 1;
            let mut tags = record.tags.clone();
            tags.retain(|key, _| !key.starts_with(ADOPTED) && !key.starts_with("mlflow."));
            let is_deleted = record.info.lifecycle == Lifecycle::Deleted;
            let Some(artifacts) = unless_purged(files::file_labels(&run.artifacts()))? else {
                continue;
            };
            let found = RunModel {
                artifacts,
                params: record.params.clone(),
                tags,
                is_finished: record.info.status != RunStatus::Running,
                fate: if is_deleted { Fate::Deleted } else { Fate::Kept },
                points,
            };
            // A run that is purged during the observation was read only in part.
            if unless_purged(run.info())?.is_some() {
                observed.insert(*number, found);
            }
        }
        Ok(observed)
    }

    fn check_not_alive(
        &self,
        database: &Database,
        life: Life,
        records: &BTreeMap<u32, RunRecord>,
        complaints: &mut Vec<Complaint>,
    ) -> Result<()> {
        for (number, record) in records {
            let Some(run) = unless_purged(database.run(record.info.id))? else { continue };
            let is_alive = unless_purged(run.is_alive())?.unwrap_or(false);
            if is_alive && !ledger::is_adopted(&self.settings.ledger, life, *number) {
                let text = format!("run {number} of the dead writer {life} is reported as alive");
                complaints.push(Complaint::new(Fault::Other, text));
            }
        }
        Ok(())
    }

    /// Checks that the file has the points that a writer logged to a run of a dead writer.
    fn check_adoption(
        &self,
        database: &Database,
        found: &HashMap<Life, BTreeMap<u32, RunRecord>>,
        (adopter, life, run, count): (Life, Life, u32, u64),
        complaints: &mut Vec<Complaint>,
    ) -> Result<u64> {
        let text = format!("writer {adopter}, in run {run} of the dead writer {life}");
        let Some(record) = found.get(&life).and_then(|runs| runs.get(&run)) else {
            complaints.push(Complaint::new(Fault::Lost, format!("{text}: the run is missing")));
            return Ok(0);
        };
        let key = script::adopted_key(adopter);
        let history = database.run(record.info.id)?.history(&key)?;
        match check_series(adopter, run, &key, &history) {
            Ok(there) if there < count => {
                let text = format!("{text}: {there} of {count} points");
                complaints.push(Complaint::new(Fault::Lost, text));
            }
            Ok(_) => {}
            Err(complaint) => complaints.push(complaint),
        }
        Ok(count)
    }
}

/// The contents of the file that belong to one writer.
#[derive(Debug)]
struct Observed {
    runs: BTreeMap<u32, RunModel>,
    things: Things,
}

/// Returns `None` if another process purged the run in the meantime.
pub(crate) fn unless_purged<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Describes how a dead writer's runs differ from the expected ones.
fn difference(life: Life, expected: &Expected, observed: &Observed) -> Complaint {
    let lost = lacks(life, &expected.acknowledged, &expected.in_flight, observed);
    let found = lost.or_else(|| exceeds(life, &expected.in_flight, observed));
    let mut found = found.unwrap_or_else(|| {
        let text = format!("writer {life}: its last call took effect in part, or a tag differs");
        Complaint::new(Fault::Altered, format!("{text}: {observed:?}"))
    });
    found.text.push_str(&format!("; in flight: {:?}", expected.op));
    found
}

/// Finds something that must be in the file and is missing.
fn lacks(life: Life, lower: &Model, upper: &Model, observed: &Observed) -> Option<Complaint> {
    let lost = |text: String| Some(Complaint::new(Fault::Lost, format!("writer {life}: {text}")));
    if let Some(name) = models::lacking(&lower.models, &upper.models, &observed.things) {
        return lost(format!("{name} is missing"));
    }
    for (number, lower) in (0_u32..).zip(&lower.runs) {
        let Some(observed) = observed.runs.get(&number) else {
            if upper.runs.get(number as usize).is_some_and(|run| run.fate != Fate::Kept) {
                continue;
            }
            return lost(format!("run {number} is missing"));
        };
        for (key, count) in &lower.points {
            let got = observed.points.get(key).copied().unwrap_or(0);
            if got < *count {
                return lost(format!("run {number}, {key:?}: {got} of {count} points"));
            }
        }
        for (key, value) in &lower.params {
            if observed.params.get(key) != Some(value) {
                let text = format!("run {number}, param {key:?}: expected {value:?}");
                return lost(text);
            }
        }
    }
    None
}

/// Finds something in the file that nobody logged.
fn exceeds(life: Life, upper: &Model, observed: &Observed) -> Option<Complaint> {
    let foreign =
        |text: String| Some(Complaint::new(Fault::Altered, format!("writer {life}: {text}")));
    for (number, observed) in &observed.runs {
        let Some(upper) = upper.runs.get(*number as usize) else {
            return foreign(format!("run {number} was not started"));
        };
        for (key, count) in &observed.points {
            let wanted = upper.points.get(key).copied().unwrap_or(0);
            if *count > wanted {
                return foreign(format!(
                    "run {number}, {key:?}: {count} points, expected {wanted}"
                ));
            }
        }
        for (key, value) in &observed.params {
            if upper.params.get(key) != Some(value) {
                return foreign(format!("run {number}, param {key:?} is {value:?}"));
            }
        }
        // Params are logged three at a time, atomically.
        if !observed.params.len().is_multiple_of(3) {
            return foreign(format!("run {number}: params {:?}", observed.params));
        }
    }
    None
}
