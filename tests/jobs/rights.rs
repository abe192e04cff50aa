//! Rights to jobs.

use serde_json::json;
use tracklite::job::{JobGrant, JobId, JobInfo, JobLevel, JobPrincipal, Jobs};
use tracklite::{Database, ErrorKind};

use super::{command, file};

fn user(name: &str, level: JobLevel) -> JobGrant {
    JobGrant::new(JobPrincipal::User(name.to_owned()), level)
}

fn group(name: &str, level: JobLevel) -> JobGrant {
    JobGrant::new(JobPrincipal::Group(name.to_owned()), level)
}

fn granted(jobs: &Jobs, grants: &[JobGrant]) -> JobInfo {
    let settings = json!({"tasks": [command("t")]}).to_string();
    jobs.acting_for("ada").create_with_grants(&settings, grants).unwrap()
}

fn set(jobs: &Jobs, job: JobId, grants: &[JobGrant]) -> tracklite::Result<JobInfo> {
    jobs.set_grants(job, |_| grants.to_vec())
}

#[test]
fn the_highest_grant_counts_and_the_creator_owns_a_job_without_owner() {
    let (_folder, database) = file();
    let jobs = database.jobs();
    let grants = [
        user("bob", JobLevel::ManageRun),
        group("users", JobLevel::View),
        group("crew", JobLevel::Manage),
    ];
    let info = granted(&jobs, &grants);
    assert_eq!(jobs.get(info.id).unwrap().grants, grants);
    assert_eq!(info.level_of("ada"), Some(JobLevel::Owner));
    assert_eq!(info.level_of("bob"), Some(JobLevel::ManageRun));
    assert_eq!(info.level_of("eve"), Some(JobLevel::View), "only `users` has members");
    let other = [user("bob", JobLevel::Owner)];
    let info = set(&jobs, info.id, &other).unwrap();
    assert_eq!(info.level_of("bob"), Some(JobLevel::Owner));
    assert_eq!(info.level_of("ada"), None);
    jobs.update(info.id, r#"{"name": "renamed"}"#, &[]).unwrap();
    assert_eq!(jobs.get(info.id).unwrap().grants, other, "they are no settings");
}

#[test]
fn wrong_grants_are_refused_and_change_nothing() {
    let (_folder, database) = file();
    let jobs = database.jobs();
    let kept = [user("bob", JobLevel::View)];
    let job = granted(&jobs, &kept).id;
    for (bad, wanted) in [
        (vec![user("", JobLevel::View)], "principal"),
        (vec![user("a", JobLevel::View), user("a", JobLevel::Manage)], "two levels"),
        (vec![user("a", JobLevel::Owner), user("b", JobLevel::Owner)], "2 owners"),
        (vec![group("users", JobLevel::Owner)], "one user or service"),
        ((0..101).map(|n| user(&n.to_string(), JobLevel::View)).collect(), "101 grants"),
    ] {
        let error = set(&jobs, job, &bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains(wanted), "{error}");
    }
    assert_eq!(jobs.get(job).unwrap().grants, kept);
    assert_eq!(set(&jobs, JobId::new(5), &kept).unwrap_err().kind(), ErrorKind::NotFound);
    assert!("CAN_DO".parse::<JobLevel>().unwrap_err().message().contains("IS_OWNER"));
}

#[test]
fn copies_keep_the_last_grants() {
    let (folder, database) = file();
    let jobs = database.jobs();
    let job = granted(&jobs, &[user("bob", JobLevel::View)]).id;
    let gone = granted(&jobs, &[user("bob", JobLevel::View)]).id;
    let last = [user("eve", JobLevel::Manage)];
    set(&jobs, job, &last).unwrap();
    jobs.delete(gone).unwrap();
    let path = database.path().to_owned();
    let (backup, salvaged) = (folder.path().join("backup"), folder.path().join("salvaged"));
    database.backup(&backup).unwrap();
    drop(jobs);
    database.close().unwrap();
    Database::salvage(&path, &salvaged).unwrap();
    Database::vacuum(&path).unwrap();
    for copy in [&path, &backup, &salvaged] {
        assert!(Database::verify(copy).unwrap().damages.is_empty(), "{}", copy.display());
        let jobs = Database::open(copy).unwrap().jobs();
        assert_eq!(jobs.get(job).unwrap().grants, last);
        assert_eq!(jobs.get(gone).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
