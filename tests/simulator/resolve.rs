//! Updates the oracle after everything was read: pending calls become certain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tracklite::ExperimentInfo;

use crate::compare::{event_in, experiment_event};
use crate::observe::{Observation, RunSeen};
use crate::oracle::{
    Clock, Clocks, Event, EventId, ExperimentOracle, Oracle, Points, Register, RunOracle, Snapshot,
};
use crate::things::{Thing, ThingSeen};

type Tags = BTreeMap<String, Register<Option<String>>>;

impl Oracle {
    /// Returns the oracle after a power cut. Everything read is durable, the rest is lost.
    pub fn after_power_cut(&self, seen: &Observation, at: Snapshot) -> Oracle {
        let mut next = self.clone();
        next.clocks = Arc::new(Clocks { now: at.clock.into(), durable: 0.into() });
        next.experiments.retain(|event, it| match experiment(seen, *event) {
            Some(info) => {
                fix_experiment(it, info);
                true
            }
            None => false,
        });
        let there = runs(seen);
        next.runs.retain(|event, it| match there.get(event) {
            Some(seen) => {
                fix_run(it, seen);
                true
            }
            None => false,
        });
        let things = seen.things.as_deref().unwrap_or_default();
        next.things.retain(|event, it| match things.iter().find(|seen| seen.event == *event) {
            Some(seen) => {
                it.fix(seen);
                true
            }
            None => false,
        });
        // Ids that were returned after the cut, or that were not durable, may be returned again.
        next.given_ids.retain(|_, event| self.is_durable(*event, at));
        next.given_ids.extend(things.iter().map(|seen| (seen.id.clone(), seen.event)));
        let mut places = places(seen);
        for (place, event) in next.events.iter_mut().enumerate() {
            if event.points.is_some() {
                settle(event, places.remove(&EventId(place)), 0);
            }
        }
        next
    }

    /// Determines which pending calls took effect, after a process died or a call failed.
    /// Acknowledged calls took effect, durable or not.
    pub fn after_failure(&mut self, seen: &Observation) {
        let now = self.clocks.tick();
        let there = runs(seen);
        let mut evidence = Evidence::new(&self.events);
        for (event, run) in &self.runs {
            evidence.of_run(run, there.get(event).copied());
        }
        for (event, it) in &self.experiments {
            evidence.of_experiment(it, experiment(seen, *event));
        }
        let things = seen.things.as_deref().unwrap_or_default();
        for (event, it) in &self.things {
            evidence.of_thing(it, things.iter().find(|seen| seen.event == *event));
        }
        let (found, missed) = (evidence.found, evidence.missed);
        for event in &found {
            self.events[event.0].acknowledged = Some(now);
        }
        let missed: BTreeSet<EventId> = missed.difference(&found).copied().collect();
        missed.iter().for_each(|event| self.events[event.0].never = true);
        let mut places = places(seen);
        for (place, event) in self.events.iter_mut().enumerate() {
            if event.points.is_some() && event.acknowledged.is_none() && !event.never {
                settle(event, places.remove(&EventId(place)), now);
            }
        }
        self.experiments.retain(|event, it| {
            it.id = it.id.or(experiment(seen, *event).map(|info| info.id));
            forget_in_experiment(it, &missed);
            !missed.contains(event)
        });
        self.things.retain(|event, it| {
            let seen = things.iter().find(|seen| seen.event == *event);
            it.id = it.id.take().or(seen.map(|seen| seen.id.clone()));
            it.forget(&missed);
            !missed.contains(event)
        });
        self.runs.retain(|event, it| {
            it.id = it.id.or(there.get(event).map(|seen| seen.record.info.id));
            forget_in_run(it, &missed);
            !missed.contains(event)
        });
    }
}

/// Returns the indices of the points that were read, by call.
fn places(seen: &Observation) -> BTreeMap<EventId, Vec<u16>> {
    let mut places: BTreeMap<EventId, Vec<u16>> = BTreeMap::new();
    for (key, history) in seen.runs.iter().flat_map(|run| &run.histories) {
        for value in &history.values {
            if let Some((event, place)) = Points::origin_in(key, *value) {
                places.entry(event).or_default().push(place as u16);
            }
        }
    }
    places.values_mut().for_each(|places| places.sort_unstable());
    places
}

fn runs(seen: &Observation) -> BTreeMap<EventId, &RunSeen> {
    let mut runs = BTreeMap::new();
    for run in &seen.runs {
        runs.extend(event_in(&run.record.info.name, 'r').map(|event| (event, run)));
    }
    runs
}

fn experiment(seen: &Observation, event: EventId) -> Option<&ExperimentInfo> {
    seen.experiments.iter().find(|info| experiment_event(&info.path) == Some(event))
}

/// Records that only the points that were read are left of the call.
fn settle(event: &mut Event, places: Option<Vec<u16>>, now: Clock) {
    match places {
        Some(places) => {
            event.survivors = Some(Arc::new(places));
            event.acknowledged = Some(now);
        }
        None => event.never = true,
    }
}

fn fix_experiment(it: &mut ExperimentOracle, info: &ExperimentInfo) {
    it.id = Some(info.id);
    it.exists = Register::of(EventId::START, true);
    it.path = Register::of(EventId::START, info.path.clone());
    it.lifecycle = Register::of(EventId::START, info.lifecycle);
    fix_tags(&mut it.tags, &info.tags);
}

fn fix_run(it: &mut RunOracle, seen: &RunSeen) {
    let info = &seen.record.info;
    it.id = Some(info.id);
    it.exists = Register::of(EventId::START, true);
    it.name = Register::of(EventId::START, info.name.clone());
    it.status = Register::of(EventId::START, info.status);
    it.lifecycle = Register::of(EventId::START, info.lifecycle);
    it.params.retain(|key, _| seen.record.params.contains_key(key));
    it.params.values_mut().for_each(|(event, _)| *event = EventId::START);
    it.tag_batches.clear();
    fix_tags(&mut it.tags, &seen.record.tags);
    fix_tags(&mut it.artifacts, seen.artifacts.as_ref().unwrap_or(&BTreeMap::new()));
}

fn fix_tags(tags: &mut Tags, seen: &BTreeMap<String, String>) {
    for (key, register) in tags {
        *register = Register::of(EventId::START, seen.get(key).cloned());
    }
}

fn forget_in_experiment(it: &mut ExperimentOracle, missed: &BTreeSet<EventId>) {
    it.exists.forget(missed);
    it.path.forget(missed);
    it.lifecycle.forget(missed);
    it.tags.values_mut().for_each(|register| register.forget(missed));
}

fn forget_in_run(it: &mut RunOracle, missed: &BTreeSet<EventId>) {
    it.exists.forget(missed);
    it.name.forget(missed);
    it.status.forget(missed);
    it.lifecycle.forget(missed);
    it.params.retain(|_, (event, _)| !missed.contains(event));
    it.tag_batches.retain(|(event, _)| !missed.contains(event));
    it.tags.values_mut().for_each(|register| register.forget(missed));
    it.artifacts.values_mut().for_each(|register| register.forget(missed));
}

/// Evidence for and against the effect of pending calls.
struct Evidence<'a> {
    events: &'a [Event],
    found: BTreeSet<EventId>,
    missed: BTreeSet<EventId>,
}

impl<'a> Evidence<'a> {
    fn new(events: &'a [Event]) -> Self {
        Evidence { events, found: BTreeSet::new(), missed: BTreeSet::new() }
    }

    fn of_call(&mut self, event: EventId, is_there: bool) {
        let call = &self.events[event.0];
        if call.acknowledged.is_none() && !call.never {
            if is_there {
                self.found.insert(event)
            } else {
                self.missed.insert(event)
            };
        }
    }

    fn of_register<V: PartialEq>(&mut self, register: &Register<V>, seen: &V) {
        let mut before = None;
        for (event, value) in &register.writes {
            // Writing the same value as before proves nothing.
            if before.replace(value) != Some(value) {
                self.of_call(*event, value == seen);
            }
        }
    }

    fn of_tags(&mut self, tags: &Tags, seen: &BTreeMap<String, String>) {
        for (key, register) in tags {
            self.of_register(register, &seen.get(key).cloned());
        }
    }

    fn of_experiment(&mut self, it: &ExperimentOracle, info: Option<&ExperimentInfo>) {
        self.of_register(&it.exists, &info.is_some());
        let Some(info) = info else { return };
        self.of_register(&it.path, &info.path);
        self.of_register(&it.lifecycle, &info.lifecycle);
        self.of_tags(&it.tags, &info.tags);
    }

    fn of_thing(&mut self, it: &Thing, seen: Option<&ThingSeen>) {
        self.of_register(&it.exists, &seen.is_some());
        if let Some(seen) = seen {
            self.of_tags(&it.facts, &seen.facts);
        }
    }

    fn of_run(&mut self, it: &RunOracle, seen: Option<&RunSeen>) {
        self.of_register(&it.exists, &seen.is_some());
        let Some(seen) = seen else { return };
        let info = &seen.record.info;
        self.of_register(&it.name, &info.name);
        self.of_register(&it.status, &info.status);
        self.of_register(&it.lifecycle, &info.lifecycle);
        self.of_tags(&it.tags, &seen.record.tags);
        if let Some(artifacts) = &seen.artifacts {
            self.of_tags(&it.artifacts, artifacts);
        }
        for (key, (event, _)) in &it.params {
            self.of_call(*event, seen.record.params.contains_key(key));
        }
    }
}
