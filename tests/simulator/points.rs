//! The calls that log points.

use std::sync::Arc;

use tracklite::MetricPoint;
use tracklite::internals::storage::Storage as _;

use crate::oracle::{COPIED, EventId, Points};
use crate::workload::FIRST_TIME;
use crate::world::{Actor, Verdict};

impl Actor {
    fn issue_points(
        &mut self,
        run: EventId,
        keys: Vec<Arc<str>>,
        count: usize,
        is_row: bool,
        is_timed: bool,
    ) -> (EventId, Arc<Points>) {
        let mut oracle = self.oracle.lock();
        let number = oracle.events.len() as i64;
        let points = Points {
            run,
            keys,
            count,
            is_row,
            first_step: if self.random.one_in(5) { -number } else { number },
            stride: if is_row { 0 } else { self.random.below(3) as i64 },
            time: is_timed.then_some(FIRST_TIME + number * 1_000_000),
            copied: None,
        };
        let what = if is_row { "log row" } else { "log points" };
        let event = oracle.issue_points(what, points.clone());
        (event, Arc::new(points))
    }

    pub fn log_point(&mut self, run: EventId) -> Verdict<()> {
        let key: Arc<str> = format!("m{}", self.random.below(6)).into();
        let by_name = self.random.one_in(3);
        let (event, points) = self.issue_points(run, vec![key.clone()], 1, false, !by_name);
        let (value, step) = (Points::value(event, 0), points.step(0));
        if by_name {
            let result = self.runs[&run].log_metric(&key, value, step);
            return self.note(event, result).map(drop);
        }
        let time = points.time_at(0).unwrap_or_default();
        let result = self.metric(run, &key).and_then(|metric| metric.log_at(value, step, time));
        self.note(event, result).map(drop)
    }

    fn metric(&mut self, run: EventId, key: &Arc<str>) -> tracklite::Result<tracklite::Metric> {
        let place = (run, Arc::clone(key));
        if let Some(metric) = self.metrics.get(&place) {
            return Ok(metric.clone());
        }
        let metric = self.runs[&run].metric(key)?;
        self.metrics.insert(place, metric.clone());
        Ok(metric)
    }

    pub fn log_row(&mut self, run: EventId) -> Verdict<()> {
        let width = match self.random.below(12) {
            0 => 40 + self.random.below(60),
            1 => 1,
            _ => 2 + self.random.below(8),
        };
        let first = self.random.below(3);
        let keys: Vec<Arc<str>> =
            (first..first + width).map(|number| format!("m{number}").into()).collect();
        let by_name = self.random.one_in(3);
        let (event, points) = self.issue_points(run, keys.clone(), width, true, !by_name);
        let values: Vec<f64> = (0..width).map(|place| Points::value(event, place)).collect();
        let step = points.step(0);
        if by_name {
            let row: Vec<(&str, f64)> =
                keys.iter().map(|key| &**key).zip(values.iter().copied()).collect();
            let result = self.runs[&run].log_metrics(&row, step);
            return self.note(event, result).map(drop);
        }
        let time = points.time_at(0).unwrap_or_default();
        let place = (run, keys);
        if !self.rows.contains_key(&place) {
            let names: Vec<&str> = place.1.iter().map(|key| &**key).collect();
            match self.runs[&run].metric_row(&names) {
                Ok(row) => self.rows.insert(place.clone(), row),
                Err(error) => return self.note::<()>(event, Err(error)).map(drop),
            };
        }
        let result = self.rows[&place].log_at(&values, step, time);
        self.note(event, result).map(drop)
    }

    /// Logs copies of the file's own slots. Recovery must not take them for slots, even if a power
    /// cut loses the header of the row.
    pub fn log_copy(&mut self, run: EventId) -> Verdict<()> {
        let values = self.some_slots();
        if values.is_empty() {
            return self.log_point(run);
        }
        let mut oracle = self.oracle.lock();
        let number = oracle.events.len();
        let key = |place: usize| format!("{COPIED}{number}.{place}").into();
        let points = Points {
            run,
            keys: (0..values.len()).map(key).collect(),
            count: values.len(),
            is_row: true,
            first_step: number as i64,
            stride: 0,
            time: Some(FIRST_TIME + number as i64 * 1_000_000),
            copied: Some(values.clone()),
        };
        let event = oracle.issue_points("log copy", points.clone());
        drop(oracle);
        let names: Vec<&str> = points.keys.iter().map(|key| &**key).collect();
        let time = points.time_at(0).unwrap_or_default();
        let row = self.runs[&run].metric_row(&names);
        let result = row.and_then(|row| row.log_at(&values, points.step(0), time));
        self.note(event, result).map(drop)
    }

    /// Returns the bytes of a few used slots, as values.
    fn some_slots(&mut self) -> Vec<f64> {
        const UNIT: u64 = 64 * 1024;
        let storage = self.disk.attach();
        let units = storage.len().unwrap_or(0) / UNIT;
        let mut bytes = vec![0; 64 * 32];
        let offset = (2 + self.random.below(units.max(3) as usize - 2)) as u64 * UNIT
            + self.random.below(30) as u64 * 32;
        let got = storage.read_at(offset, &mut bytes).unwrap_or(0);
        let slots = bytes[..got].as_chunks::<32>().0.iter().filter(|slot| slot[0..8] != [0; 8]);
        let slots = slots.skip(self.random.below(30)).take(1 + self.random.below(6));
        let words = slots.flat_map(|slot| slot.as_chunks::<8>().0);
        words.map(|word| f64::from_bits(u64::from_le_bytes(*word))).collect()
    }

    pub fn log_bulk(&mut self, run: EventId) -> Verdict<()> {
        let count = match self.random.below(6) {
            0 => 2100,
            1 | 2 => 200 + self.random.below(500),
            _ => 1 + self.random.below(20),
        };
        self.log_many(run, count)
    }

    /// Starts a run and logs `count` points to it.
    pub fn fill_run(&mut self, count: usize) -> Verdict<Option<EventId>> {
        let before = self.oracle.lock().events.len();
        self.start_run()?;
        let run = EventId(before);
        if !self.runs.contains_key(&run) {
            return Ok(None);
        }
        self.log_many(run, count)?;
        Ok(Some(run))
    }

    fn log_many(&mut self, run: EventId, count: usize) -> Verdict<()> {
        let key: Arc<str> = format!("m{}", self.random.below(3)).into();
        let (event, points) = self.issue_points(run, vec![key.clone()], count, false, true);
        let batch: Vec<MetricPoint> = (0..count)
            .map(|place| MetricPoint {
                step: points.step(place),
                time: points.time_at(place).unwrap_or_default(),
                value: Points::value(event, place),
            })
            .collect();
        let result = self.metric(run, &key).and_then(|metric| metric.log_points(&batch));
        self.note(event, result).map(drop)
    }
}
