//! Compares an observation with the states that the oracle allows.

use std::collections::BTreeMap;

use tracklite::{ExperimentId, ExperimentInfo, MetricHistory, MetricPoint, RunInfo};

use crate::observe::{Observation, RunSeen, latest_of};
use crate::oracle::{
    Event, EventId, ExperimentOracle, Oracle, Points, Register, RunOracle, Snapshot,
};
use crate::things::ThingSeen;

/// Checks everything that was read. The error describes the first difference.
pub fn compare(oracle: &Oracle, seen: &Observation, at: Snapshot) -> Result<(), String> {
    let check = Check { oracle, at, is_quiet: seen.is_quiet };
    let experiments = check.experiments(&seen.experiments)?;
    let mut runs = BTreeMap::new();
    for run in &seen.runs {
        let name = &run.record.info.name;
        let event = event_in(name, 'r').ok_or_else(|| format!("unexpected run name {name:?}"))?;
        if runs.insert(event, run).is_some() {
            return Err(format!("run {name} exists twice"));
        }
    }
    for event in runs.keys() {
        if !oracle.runs.contains_key(event) || !oracle.is_possible(*event, at) {
            return Err(format!("run {event:?} was never started, or had been lost"));
        }
    }
    let mut counts = vec![0; oracle.events.len()];
    for (event, run) in &oracle.runs {
        let wanted = runs.get(event);
        check.presence("run", *event, &run.exists, wanted.is_some())?;
        if let Some(seen) = wanted {
            check
                .run(*event, run, seen, &experiments, &mut counts)
                .map_err(|error| format!("run r{}: {error}", event.0))?;
            if let Some(parent) = run.parent.and_then(|parent| runs.get(&parent))
                && seen.record.info.parent != Some(parent.record.info.id)
            {
                let found = seen.record.info.parent;
                return Err(format!("run r{}: unexpected parent {found:?}", event.0));
            }
        }
    }
    seen.things.as_ref().map_or(Ok(()), |things| check.things(things))
}

/// Returns the event in a name such as `r12` or `/e12/renamed`.
pub fn event_in(name: &str, letter: char) -> Option<EventId> {
    let digits = name.trim_start_matches('/').strip_prefix(letter)?;
    let end = digits.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok().map(EventId)
}

/// Like [`event_in`] for experiments. The default experiment has the start event.
pub fn experiment_event(path: &str) -> Option<EventId> {
    if path == "Default" { Some(EventId::START) } else { event_in(path, 'e') }
}

struct Check<'a> {
    oracle: &'a Oracle,
    at: Snapshot,
    is_quiet: bool,
}

impl Check<'_> {
    fn presence(
        &self,
        what: &str,
        event: EventId,
        exists: &Register<bool>,
        seen: bool,
    ) -> Result<(), String> {
        // Before its creation, the thing did not exist.
        let never = EventId(usize::MAX);
        if self.oracle.accepts(exists, &seen, Some(&false), never, self.at) {
            return Ok(());
        }
        let state = if seen { "there, but was purged" } else { "lost" };
        Err(format!("{what} {event:?} is {state} (durable up to {:?})", self.at))
    }

    fn things(&self, seen: &[ThingSeen]) -> Result<(), String> {
        self.oracle.check_things(seen, self.at)?;
        for (event, thing) in &self.oracle.things {
            let found = seen.iter().find(|seen| seen.event == *event);
            let (kind, place) = (thing.kind, event.0);
            self.presence(&format!("{kind:?}"), *event, &thing.exists, found.is_some())?;
            let facts = found.map_or(Ok(()), |seen| self.tags(*event, &thing.facts, &seen.facts));
            facts.map_err(|error| format!("{kind:?} {place}: {error}"))?;
        }
        Ok(())
    }

    fn experiments(
        &self,
        seen: &[ExperimentInfo],
    ) -> Result<BTreeMap<ExperimentId, EventId>, String> {
        let mut found = BTreeMap::new();
        for info in seen {
            let event = experiment_event(&info.path)
                .filter(|event| self.oracle.experiments.contains_key(event))
                .filter(|event| self.oracle.is_possible(*event, self.at))
                .ok_or_else(|| format!("experiment {:?} was never created", info.path))?;
            if found.values().any(|other| *other == event) || found.insert(info.id, event).is_some()
            {
                return Err(format!("experiment {} {} exists twice", info.id, info.path));
            }
        }
        for (event, experiment) in &self.oracle.experiments {
            let info = seen.iter().find(|info| found.get(&info.id) == Some(event));
            self.presence("experiment", *event, &experiment.exists, info.is_some())?;
            if let Some(info) = info {
                self.experiment(*event, experiment, info)
                    .map_err(|error| format!("experiment e{}: {error}", event.0))?;
            }
        }
        Ok(found)
    }

    fn experiment(
        &self,
        event: EventId,
        experiment: &ExperimentOracle,
        info: &ExperimentInfo,
    ) -> Result<(), String> {
        if experiment.id.is_some_and(|id| id != info.id) {
            return Err(format!("its id is {}, expected {:?}", info.id, experiment.id));
        }
        self.register("path", &experiment.path, &info.path, event)?;
        self.register("lifecycle", &experiment.lifecycle, &info.lifecycle, event)?;
        self.tags(event, &experiment.tags, &info.tags)
    }

    fn register<V: Clone + PartialEq + std::fmt::Debug>(
        &self,
        what: &str,
        register: &Register<V>,
        seen: &V,
        present: EventId,
    ) -> Result<(), String> {
        if self.oracle.accepts(register, seen, None, present, self.at) {
            return Ok(());
        }
        Err(format!("{what} is {seen:?}; the writes were {}", self.history_of(register)))
    }

    fn history_of<V: Clone + PartialEq + std::fmt::Debug>(&self, register: &Register<V>) -> String {
        let one = |(event, value): &(EventId, V)| {
            let state = if self.oracle.is_durable(*event, self.at) {
                "durable"
            } else if self.oracle.is_possible(*event, self.at) {
                "possible"
            } else {
                "impossible"
            };
            format!("{value:?} by {} ({state})", event.0)
        };
        register.writes.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    fn tags(
        &self,
        present: EventId,
        tags: &BTreeMap<String, Register<Option<String>>>,
        seen: &BTreeMap<String, String>,
    ) -> Result<(), String> {
        if let Some(key) = seen.keys().find(|key| !tags.contains_key(*key)) {
            return Err(format!("tag {key:?} was never set"));
        }
        for (key, register) in tags {
            let value = seen.get(key).cloned();
            if !self.oracle.accepts(register, &value, Some(&None), present, self.at) {
                let history = self.history_of(register);
                return Err(format!("tag {key} is {value:?}; the writes were {history}"));
            }
        }
        Ok(())
    }

    fn run(
        &self,
        event: EventId,
        run: &RunOracle,
        seen: &RunSeen,
        experiments: &BTreeMap<ExperimentId, EventId>,
        counts: &mut [usize],
    ) -> Result<(), String> {
        let info = &seen.record.info;
        self.info(event, run, info)?;
        let is_same = match experiments.get(&info.experiment) {
            Some(experiment) => *experiment == run.experiment,
            // While others write, the experiment may have been purged after the run was read.
            None => !self.is_quiet && self.experiment_id(run) == Some(info.experiment),
        };
        if !is_same {
            return Err(format!("unexpected experiment {}", info.experiment));
        }
        self.params(event, run, &seen.record.params)?;
        let mut tags = seen.record.tags.clone();
        if tags.remove("mlflow.runName").as_ref() != Some(&info.name) {
            return Err("mlflow.runName differs from its name".to_owned());
        }
        if tags.remove("mlflow.parentRunId") != info.parent.map(|parent| parent.to_string()) {
            return Err("mlflow.parentRunId differs from its parent".to_owned());
        }
        self.tags(event, &run.tags, &tags)?;
        if let Some(artifacts) = &seen.artifacts {
            let checked = self.tags(event, &run.artifacts, artifacts);
            checked.map_err(|error| format!("artifacts: {error}"))?;
        }
        for (batch, keys) in &run.tag_batches {
            let there = keys.iter().filter(|key| seen.record.tags.contains_key(*key)).count();
            self.whole("tags", *batch, event, there, keys.len())?;
        }
        for (key, history) in &seen.histories {
            self.series(event, key, history, counts)?;
            let latest = seen.record.metrics.get(key).copied();
            if self.is_quiet && latest != latest_of(history) {
                let expected = latest_of(history);
                return Err(format!("latest of {key} is {latest:?}, expected {expected:?}"));
            }
        }
        for points in &run.points {
            self.points(event, *points, counts[points.0])?;
        }
        Ok(())
    }

    fn experiment_id(&self, run: &RunOracle) -> Option<ExperimentId> {
        self.oracle.experiments.get(&run.experiment).and_then(|experiment| experiment.id)
    }

    fn info(&self, event: EventId, run: &RunOracle, info: &RunInfo) -> Result<(), String> {
        if run.id.is_some_and(|id| id != info.id) || info.started.as_nanos() != run.started {
            let (id, started) = (run.id, run.started);
            return Err(format!("{info:?}, expected id {id:?} and start {started}"));
        }
        self.register("name", &run.name, &info.name, event)?;
        self.register("status", &run.status, &info.status, event)?;
        self.register("lifecycle", &run.lifecycle, &info.lifecycle, event)?;
        if info.status.is_terminated() != info.ended.is_some() {
            return Err(format!("status {} with end {:?}", info.status, info.ended));
        }
        if run.parent.is_some() != info.parent.is_some() {
            return Err(format!("unexpected parent {:?}", info.parent));
        }
        Ok(())
    }

    fn params(
        &self,
        present: EventId,
        run: &RunOracle,
        seen: &BTreeMap<String, String>,
    ) -> Result<(), String> {
        let mut batches: BTreeMap<EventId, (usize, usize)> = BTreeMap::new();
        for (key, (event, value)) in &run.params {
            let batch = batches.entry(*event).or_default();
            batch.1 += 1;
            match seen.get(key) {
                Some(found) if found == value => batch.0 += 1,
                Some(found) => {
                    return Err(format!("param {key} is {found:?}, expected {value:?}"));
                }
                None => {}
            }
        }
        if let Some(key) = seen.keys().find(|key| !run.params.contains_key(*key)) {
            return Err(format!("param {key:?} was never set"));
        }
        for (event, (there, count)) in batches {
            self.whole("params", event, present, there, count)?;
        }
        Ok(())
    }

    /// Checks that a call took effect wholly or, where allowed, not at all.
    fn whole(
        &self,
        what: &str,
        event: EventId,
        present: EventId,
        there: usize,
        count: usize,
    ) -> Result<(), String> {
        if there > 0 && !self.oracle.is_possible(event, self.at) {
            return Err(format!("{what} of call {} exist, but must not", event.0));
        }
        let must = event == present || self.oracle.is_durable(event, self.at);
        if there == count || (there == 0 && !must) {
            return Ok(());
        }
        let call = &self.oracle.events[event.0];
        let (what_call, at) = (call.what, self.at);
        Err(format!("{there} of {count} {what} of call {} ({what_call}) {call:?} {at:?}", event.0))
    }

    fn series(
        &self,
        run: EventId,
        key: &str,
        history: &MetricHistory,
        counts: &mut [usize],
    ) -> Result<(), String> {
        let mut origins = Vec::with_capacity(history.len());
        for point in history.iter() {
            let origin = Points::origin_in(key, point.value)
                .and_then(|origin| self.oracle.events.get(origin.0.0).map(|event| (origin, event)));
            let Some(((event, place), call)) = origin else {
                return Err(format!("{key}: a point that was never logged: {point:?}"));
            };
            let points = call.points.as_deref();
            let points = points.filter(|points| self.belongs(call, points, run, key, place));
            let Some(points) = points.filter(|_| self.oracle.is_possible(event, self.at)) else {
                return Err(format!("{key}: a misplaced or impossible point: {point:?} {call:?}"));
            };
            let time = points.time_at(place);
            if !points.holds(place, point.value)
                || point.step != points.step(place)
                || time.is_some_and(|time| time != point.time)
            {
                return Err(format!("{key}: an altered point: {point:?}, logged by {call:?}"));
            }
            origins.push((event.0, place));
            counts[event.0] += 1;
        }
        origins.sort_unstable();
        if let Some(pair) = origins.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("{key}: a duplicate point: {:?}", pair[0]));
        }
        let order = |point: &MetricPoint| (point.time, point.step);
        if !history.iter().map(|point| order(&point)).is_sorted() {
            return Err(format!("{key}: out of order: {history:?}"));
        }
        Ok(())
    }

    fn belongs(
        &self,
        call: &Event,
        points: &Points,
        run: EventId,
        key: &str,
        place: usize,
    ) -> bool {
        let survived = call
            .survivors
            .as_ref()
            .is_none_or(|survivors| survivors.binary_search(&(place as u16)).is_ok());
        points.run == run && place < points.count && &**points.key(place) == key && survived
    }

    fn points(&self, run: EventId, event: EventId, there: usize) -> Result<(), String> {
        let call = &self.oracle.events[event.0];
        let Some(points) = call.points.as_deref() else { return Ok(()) };
        let count = call.survivors.as_ref().map_or(points.count, |survivors| survivors.len());
        // A reader during writes reads one series after another.
        let is_open = !points.is_row || !self.is_quiet;
        if is_open && !self.oracle.is_durable(event, self.at) {
            return Ok(());
        }
        self.whole("points", event, run, there, count)
    }
}
