//! Groups of runs: their numbers never depend on which other groups are shown.

use serde_json::{Value, json};

use crate::client::Served;
use crate::frame::Frame;

/// Numbers that look random and are the same in each test.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

/// Starts groups of one to four runs, each with a curve of its own length.
fn groups(served: &Served, numbers: &mut Numbers) {
    let experiment = served.database.experiment("/team/groups").unwrap();
    for rate in 0..5_u32 {
        for seed in 0..=numbers.below(4) {
            let run = experiment.start_run("").unwrap();
            run.log_params([("rate", rate.to_string()), ("seed", seed.to_string())]).unwrap();
            for step in 0..20 + i64::try_from(numbers.below(400)).unwrap() {
                let value = numbers.below(1000) as f64 / 7.0;
                run.log_metric("loss", if value > 140.0 { f64::NAN } else { value }, step).unwrap();
            }
        }
    }
}

fn query(served: &Served, filter: &str) -> Frame {
    let columns = ["metrics.loss", "min.loss", "mean.loss"];
    let body = json!({"filter": filter, "group": ["params.rate"], "columns": columns});
    Frame::of(served.post("/api/v1/runs/query", &body))
}

/// All numbers of a group of the table, as bits.
fn row_of(frame: &Frame, rate: u32) -> Vec<u64> {
    let keys = frame.dict("key0");
    let at = keys.iter().position(|key| *key == Some(rate.to_string())).unwrap();
    let names = ["metrics.loss", "min.loss", "mean.loss"];
    let parts = ["mean", "std", "min", "max"];
    let columns = names.iter().flat_map(|name| parts.map(|part| format!("{name}|{part}")));
    let numbers = columns.map(|column| frame.f64(&column)[at].to_bits());
    numbers.chain([u64::from(frame.u32("runs")[at])]).collect()
}

/// All numbers of the band of each group that is drawn, as bits.
fn bands(served: &Served, list: &Frame, groups: &[u32], more: &Value) -> Vec<(u32, Vec<u64>)> {
    let mut body = json!({
        "handle": list.header["handle"], "group": true, "groups": groups, "keys": ["loss"],
        "px": 50,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let frame = Frame::of(served.post("/api/v1/curves", &body));
    let counts: Vec<usize> = frame.f64("series.count").iter().map(|rows| *rows as usize).collect();
    let mut from = 0;
    let series = frame.f64("series.group").into_iter().zip(counts).map(|(group, rows)| {
        let part = |name: &str| {
            let column = frame.f64(name);
            column[from..from + rows].iter().map(|number| number.to_bits()).collect::<Vec<_>>()
        };
        let numbers = ["x", "mean", "low", "high", "n"].iter().flat_map(|name| part(name));
        let found = (group as u32, numbers.collect());
        from += rows;
        found
    });
    series.collect()
}

#[test]
fn a_hidden_group_changes_no_number_of_another() {
    let served = Served::new();
    let mut numbers = Numbers(20_261_130);
    groups(&served, &mut numbers);
    let whole = query(&served, "");
    let rates: Vec<u32> =
        whole.dict("key0").into_iter().flatten().map(|rate| rate.parse().unwrap()).collect();
    let all: Vec<u32> = (0..5).collect();
    for band in ["std", "stderr", "ci", "minmax", "quartiles"] {
        let more = json!({"range": [3.0, 77.0], "band": band});
        let known = bands(&served, &whole, &all, &more);
        assert_eq!(known.len(), 5);
        for _ in 0..4 {
            let shown: Vec<u32> = all.iter().copied().filter(|_| numbers.below(2) == 0).collect();
            let wanted = known.iter().filter(|(group, _)| shown.contains(group));
            let found = bands(&served, &whole, &shown, &more);
            assert_eq!(found, wanted.cloned().collect::<Vec<_>>(), "{band} of {shown:?}");
        }
    }
    // A filter that takes one group away leaves the numbers of the others.
    for gone in 0..5 {
        let less = query(&served, &format!("params.rate != '{gone}'"));
        for rate in rates.iter().filter(|rate| **rate != gone) {
            assert_eq!(row_of(&less, *rate), row_of(&whole, *rate), "{rate} without {gone}");
        }
    }
}
