//! Disasters of the file under a server: another process replaces it, or its disk is full.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracklite::Database;

use crate::artifacts::{noise, run};
use crate::client::{Answer, Served};

const CREATE: &str = "/api/2.0/mlflow/experiments/create";
const LOG: &str = "/api/2.0/mlflow/runs/log-batch";

#[test]
fn a_file_that_another_process_replaces_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.tracklite");
    let other = folder.path().join("other.tracklite");
    Database::create(&other).unwrap().close().unwrap();
    let bytes = fs::read(&other).unwrap();
    let served = Served::over(Database::create(&path).unwrap(), |builder| builder);
    let (_, proxy) = run(&served);
    served.post(CREATE, &json!({"name": "/Shared/before"})).expect(200);
    fs::rename(&other, &path).unwrap();
    let began = Instant::now();
    let mut number = 0;
    let refused = loop {
        number += 1;
        let answer = served.post(CREATE, &json!({"name": format!("/Shared/after-{number}")}));
        if answer.status != 200 {
            break answer;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{number} experiments were lost");
    };
    let message = refused.fails(500, "INTERNAL_ERROR");
    assert!(message.contains("removed or replaced"), "{message}");
    served.send("PUT", &format!("{proxy}/a"), &noise(2 << 20)).fails(500, "INTERNAL_ERROR");
    // The server itself lives, and each answer is JSON.
    assert_eq!(served.get("/health").status, 200);
    let found = served.get("/api/2.0/mlflow/experiments/get?experiment_id=0");
    assert!(matches!(found.status, 200 | 500), "{}", found.status);
    found.json();
    drop(served);
    assert!(fs::read(&path).unwrap() == bytes, "the other file was written");
    let served = Served::over(Database::open(&path).unwrap(), |builder| builder);
    served.post(CREATE, &json!({"name": "/Shared/new"})).expect(200);
}

/// `cargo xtask test full-disk` mounts small disks, and lists them as `kind=folder` pairs.
#[test]
#[ignore = "needs small disks, which the task full-disk mounts"]
fn full_disk_is_an_error_of_the_caller_and_loses_nothing() {
    let disks = std::env::var("TRACKLITE_SMALL_DISKS").expect("TRACKLITE_SMALL_DISKS is set");
    for (kind, disk) in disks.split(';').map(|pair| pair.split_once('=').unwrap()) {
        println!("full disk: {kind}");
        let folder = Path::new(disk).join("server");
        fs::create_dir(&folder).unwrap();
        fill(&folder);
        fs::remove_dir_all(&folder).unwrap();
    }
}

fn fill(folder: &Path) {
    let ballast = folder.join("ballast");
    fs::write(&ballast, noise(4 << 20)).unwrap();
    let path = folder.join("runs.tracklite");
    let served = Served::over(Database::create(&path).unwrap(), |builder| builder);
    let (run, proxy) = run(&served);
    let upload = |number: usize| {
        let mut bytes = noise(1 << 20);
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        // Each file has chunks of its own.
        bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_add(number as u8));
        (served.send("PUT", &format!("{proxy}/{number}"), &bytes), bytes)
    };
    let mut files = Vec::new();
    let refused = loop {
        let (answer, bytes) = upload(files.len());
        if answer.status != 200 {
            break answer;
        }
        files.push(bytes);
        assert!(files.len() < 100, "the disk does not run full");
    };
    refused.fails(400, "RESOURCE_EXHAUSTED");
    let mut logged = 0;
    let refused = loop {
        let answer = log(&served, &run.to_string(), logged);
        if answer.status != 200 {
            break answer;
        }
        logged += 1;
        assert!(logged < 10_000, "the disk does not run full");
    };
    refused.fails(400, "RESOURCE_EXHAUSTED");
    // All acknowledged bytes are there, and reading needs no space.
    assert_eq!(served.get("/health").status, 200);
    for (number, bytes) in files.iter().enumerate() {
        assert!(served.get(&format!("{proxy}/{number}")).body == *bytes, "{number}");
    }
    assert_eq!(points(&served, &run.to_string()), logged * 1000);
    fs::remove_file(&ballast).unwrap();
    // With space again, the server continues.
    upload(files.len()).0.expect(200);
    log(&served, &run.to_string(), logged).expect(200);
    assert_eq!(points(&served, &run.to_string()), (logged + 1) * 1000);
    drop(served);
    assert!(Database::verify(&path).unwrap().is_sound());
}

/// Logs 1,000 points.
fn log(served: &Served, run: &str, batch: usize) -> Answer {
    let point = |index: usize| {
        let step = batch * 1000 + index;
        json!({"key": "loss", "value": step as f64 * 0.7, "timestamp": 1, "step": step})
    };
    let metrics: Vec<Value> = (0..1000).map(point).collect();
    served.post(LOG, &json!({"run_id": run, "metrics": metrics}))
}

/// Counts the points, each with its value.
fn points(served: &Served, run: &str) -> usize {
    let id = run.parse().unwrap();
    let history = served.database.run(id).unwrap().history("loss").unwrap();
    assert!(history.iter().all(|point| point.value == point.step as f64 * 0.7));
    history.len()
}
