//! The documented behaviour of a run handle after another process deleted or purged the run.

use tracklite::ErrorKind;
use tracklite::internals::storage::FaultPlan;

use crate::support::{self, Opening};

#[test]
fn a_run_removed_elsewhere_rejects_records_and_accepts_points_until_the_next_tick() {
    let file = support::create(31);
    let open = || support::open(&file, &Opening::write(), &FaultPlan::new()).0.unwrap();
    let (own, other) = (open(), open());
    for is_purged in [false, true] {
        let run = own.default_experiment().unwrap().start_run("run").unwrap();
        let metric = run.metric("loss").unwrap();
        metric.log(0.5, 0).unwrap();
        other.delete_run(run.id()).unwrap();
        if is_purged {
            assert_eq!(other.gc().unwrap().runs, 2, "including the run of the previous round");
        }
        // This process has not read the file since the deletion.
        metric.log(0.5, 1).unwrap();
        let expected = if is_purged { ErrorKind::NotFound } else { ErrorKind::InvalidState };
        let logged = own.default_experiment().unwrap().start_run("unrelated").map(drop);
        logged.unwrap();
        let points = [metric.log(0.5, 2), run.log_metric("other", 0.5, 0)];
        let records = [run.log_param("a", 1), run.set_tag("a", 1), run.set_name("name")];
        for outcome in points.into_iter().chain(records) {
            assert_eq!(outcome.unwrap_err().kind(), expected);
        }
        assert_eq!(run.info().is_err(), is_purged);
    }
    for is_param in [false, true] {
        let run = own.default_experiment().unwrap().start_run("run").unwrap();
        let metric = run.metric("loss").unwrap();
        other.delete_run(run.id()).unwrap();
        other.gc().unwrap();
        if is_param {
            // The call reads the chain before it is rejected.
            assert_eq!(run.log_param("a", 1).unwrap_err().kind(), ErrorKind::NotFound);
        } else {
            metric.log(0.5, 0).unwrap();
            own.tick().unwrap();
        }
        assert_eq!(metric.log(0.5, 1).unwrap_err().kind(), ErrorKind::NotFound);
    }
    own.close().unwrap();
    other.close().unwrap();
    assert!(support::verify(&file).unwrap().is_sound());
}
