//! What the handle of a run says that another process has removed: as its documentation has it.

use tracklite::ErrorKind;
use tracklite::storage::FaultPlan;

use crate::support::{self, Opening};

#[test]
fn a_run_that_another_process_removes_takes_records_no_more_and_points_until_the_next_tick() {
    let file = support::create(31);
    let open = || support::open(&file, &Opening::write(), &FaultPlan::new()).0.unwrap();
    let (own, other) = (open(), open());
    for is_purged in [false, true] {
        let run = own.default_experiment().unwrap().start_run("run").unwrap();
        let metric = run.metric("loss").unwrap();
        metric.log(0.5, 0).unwrap();
        other.delete_run(run.id()).unwrap();
        if is_purged {
            assert_eq!(other.gc().unwrap().runs, 2, "that of the round before too");
        }
        // This process has not looked at the file since.
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
            // It reads what is in the chain before it is refused.
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
