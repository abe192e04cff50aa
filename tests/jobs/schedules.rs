//! Schedules: several planners on one file, with clocks that jump.

#![cfg(feature = "schedule")]

use std::cell::Cell;

use serde_json::json;
use tracklite::Timestamp;
use tracklite::job::{JobId, JobRunSearch, JobTrigger, Jobs, Planner};
use tracklite::schedule::CronSchedule;

use super::{command, create, file};

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
}

/// The simulated clock, in nanoseconds since 1970.
fn now() -> Timestamp {
    Timestamp::from_nanos(NOW.get())
}

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/// 2027-01-01 in UTC.
const START: i64 = 1_798_761_600 * SECOND;

/// A generator of numbers, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn fires(jobs: &Jobs, job: JobId) -> Vec<Timestamp> {
    let runs = jobs.runs(&JobRunSearch::new().job(job)).unwrap();
    let mut fires: Vec<Timestamp> = runs.iter().filter_map(|run| run.nominal).collect();
    assert_eq!(fires.len(), runs.len());
    fires.sort();
    fires
}

fn scheduled(jobs: &Jobs, cron: &str, missed: &str) -> JobId {
    let settings = json!({
        "tasks": [command("t")],
        "schedule": {"quartz_cron_expression": cron, "timezone_id": "America/New_York"},
        "tracklite": {"missed_fires": missed, "missed_fires_max": 1000, "overlap": "allow"},
    });
    create(jobs, &settings)
}

/// Lets four planners look at the file in turn, each of which may be replaced by a new one. Clocks
/// differ and jump.
fn simulate(days: i64, seed: u64) {
    let (_folder, database) = file();
    NOW.set(START);
    let jobs = database.jobs().with_clock(now);
    let job = scheduled(&jobs, "0 0 6,18 * * ?", "all");
    let mut random = Random(seed);
    let mut planners: [Planner; 4] = Default::default();
    let mut time = START;
    while time < START + days * DAY {
        time += (random.below(20 * 3600) as i64 + 1) * SECOND;
        // Clocks of the processes differ, and one may be set back by hours.
        let off = match random.below(10) {
            0 => -(random.below(30 * 3600) as i64) * SECOND,
            _ => random.below(5) as i64 * SECOND - 2 * SECOND,
        };
        NOW.set(time + off);
        let one = random.below(4) as usize;
        if random.below(5) == 0 {
            planners[one] = Planner::default();
        }
        jobs.fire(&mut planners[one]).unwrap();
    }
    NOW.set(time);
    jobs.fire(&mut planners[0]).unwrap();
    let schedule = CronSchedule::parse("0 0 6,18 * * ?", "America/New_York").unwrap();
    let start = Timestamp::from_nanos(START);
    let expected =
        schedule.fires_after(start).take_while(|fire| fire.as_nanos() <= time + 2 * SECOND);
    let expected: Vec<Timestamp> = expected.collect();
    let found = fires(&jobs, job);
    // A clock that is ahead may have fired the last one.
    let certain = expected.iter().filter(|fire| fire.as_nanos() <= time).count();
    assert!(found.len() >= certain, "{} of {certain} fires, seed {seed}", found.len());
    assert_eq!(found, expected[..found.len()], "seed {seed}");
}

#[test]
fn no_fire_is_lost_or_doubled_by_four_planners_with_jumping_clocks() {
    simulate(200, 1);
}

#[test]
fn missed_fires_are_made_up_for_by_the_rule_of_the_job() {
    for (missed, count) in [("none", 0), ("latest", 1), ("all", 11)] {
        let (_folder, database) = file();
        NOW.set(START);
        let jobs = database.jobs().with_clock(now);
        let job = scheduled(&jobs, "0 0 6 * * ?", missed);
        // The planner is new: nobody ran for ten days.
        NOW.set(START + 10 * DAY + DAY / 2);
        let mut planner = Planner::default();
        let next = jobs.fire(&mut planner).unwrap().unwrap();
        assert_eq!(fires(&jobs, job).len(), count, "{missed}");
        assert!(next > now() && next.as_nanos() - now().as_nanos() <= DAY, "{missed}");
        NOW.set(next.as_nanos());
        jobs.fire(&mut planner).unwrap();
        assert_eq!(fires(&jobs, job).last(), Some(&next), "{missed}");
        assert_eq!(fires(&jobs, job).len(), count + 1, "{missed}");
    }
}

#[test]
fn a_paused_schedule_does_not_fire_and_makes_up_for_nothing() {
    let (_folder, database) = file();
    NOW.set(START);
    let jobs = database.jobs().with_clock(now);
    let job = scheduled(&jobs, "0 0 6 * * ?", "all");
    jobs.set_paused(job, true).unwrap();
    let mut planner = Planner::default();
    NOW.set(START + 5 * DAY);
    assert_eq!(jobs.fire(&mut planner).unwrap(), None);
    jobs.set_paused(job, false).unwrap();
    jobs.fire(&mut planner).unwrap();
    assert_eq!(fires(&jobs, job), []);
    NOW.set(START + 6 * DAY);
    jobs.fire(&mut planner).unwrap();
    assert_eq!(fires(&jobs, job).len(), 1);
}

#[test]
fn the_run_of_a_fire_that_was_deleted_is_not_made_up_for() {
    let (_folder, database) = file();
    NOW.set(START);
    let jobs = database.jobs().with_clock(now);
    let job = scheduled(&jobs, "0 0 6 * * ?", "latest");
    NOW.set(START + DAY);
    jobs.fire(&mut Planner::default()).unwrap();
    let runs = jobs.runs(&JobRunSearch::new().job(job)).unwrap();
    assert_eq!((runs.len(), runs[0].trigger), (1, JobTrigger::Periodic));
    jobs.cancel(runs[0].id).unwrap();
    jobs.advance(1).unwrap();
    jobs.delete_run(runs[0].id).unwrap();
    jobs.fire(&mut Planner::default()).unwrap();
    assert_eq!(fires(&jobs, job), []);
}
