//! Jobs in backups, vacuumed and salvaged files.

use serde_json::json;
use tracklite::job::JobResult;
use tracklite::{Database, ErrorKind};

use super::{command, create, file, result, run, run_all};

#[test]
fn copies_keep_jobs_runs_and_the_last_fires() {
    let (folder, database) = file();
    let jobs = database.jobs();
    let kept = create(&jobs, &json!({"name": "kept", "tasks": [command("a")]}));
    jobs.update(kept, r#"{"name": "renamed"}"#, &[]).unwrap();
    let gone = create(&jobs, &json!({"name": "gone", "tasks": [command("a")]}));
    jobs.delete(gone).unwrap();
    let (good, deleted) = (run(&jobs, kept), run(&jobs, kept));
    run_all(&jobs, &[]);
    jobs.delete_run(deleted).unwrap();
    let expected = (jobs.list().unwrap(), jobs.run(good).unwrap());

    let path = database.path().to_owned();
    let (backup, salvaged) = (folder.path().join("backup"), folder.path().join("salvaged"));
    database.backup(&backup).unwrap();
    drop(jobs);
    database.close().unwrap();
    Database::salvage(&path, &salvaged).unwrap();
    Database::vacuum(&path).unwrap();
    for copy in [&path, &backup, &salvaged] {
        assert!(Database::verify(copy).unwrap().damages.is_empty(), "{}", copy.display());
        let database = Database::open(copy).unwrap();
        let jobs = database.jobs();
        assert_eq!((jobs.list().unwrap(), jobs.run(good).unwrap()), expected);
        assert_eq!(jobs.run(deleted).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(jobs.get(gone).unwrap_err().kind(), ErrorKind::NotFound);
        let next = run(&jobs, kept);
        assert_eq!(jobs.run(next).unwrap().number, 3, "numbers are not used again");
        run_all(&jobs, &[]);
        assert_eq!(result(&jobs, next), Some(JobResult::Success));
    }
}
