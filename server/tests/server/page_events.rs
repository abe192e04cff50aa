//! Changes of the file: the stream of events, and the call that waits.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tracklite::{Database, Run};

use crate::client::{Connection, Served};

/// A stream of events.
struct Stream(Connection);

impl Stream {
    fn open(served: &Served, target: &str, headers: &[(&str, &str)]) -> Stream {
        let mut connection = served.connect();
        connection.head("GET", target, headers, None);
        let head = connection.answer_head();
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
        assert_eq!(head.header("cache-control"), Some("no-store"));
        Stream(connection)
    }

    /// Returns the data of the next event, after any signs of life.
    fn next(&mut self) -> Value {
        loop {
            let chunk = self.0.chunk().expect("the stream continues");
            if chunk == ": alive\n\n" {
                continue;
            }
            let lines: Vec<&str> = chunk.lines().collect();
            let data: Value =
                serde_json::from_str(lines[2].strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(lines[0].strip_prefix("id: ").unwrap(), data["position"]);
            assert_eq!((lines[1], lines[3..].concat().as_str()), ("event: change", ""));
            return data;
        }
    }
}

fn flags(change: &Value) -> String {
    let areas = ["runs", "registry", "points", "health"];
    areas.into_iter().filter(|area| change[area] == true).collect::<Vec<_>>().join(" ")
}

fn run(served: &Served) -> Run {
    served.database.default_experiment().unwrap().start_run("live").unwrap()
}

#[test]
fn each_kind_of_change_is_an_event() {
    let served = Served::new();
    let run = run(&served);
    run.log_metric("loss", 0.5, 0).unwrap();
    let mut stream = Stream::open(&served, "/api/v1/events", &[]);
    assert_eq!(flags(&stream.next()), "", "the first event reports the state");
    run.log_metric("loss", 0.4, 1).unwrap();
    assert_eq!(flags(&stream.next()), "points");
    run.set_tag("a", 1).unwrap();
    assert_eq!(flags(&stream.next()), "runs");
    served.database.registry().create_model("churn").unwrap();
    assert_eq!(flags(&stream.next()), "registry");
    run.artifacts().log_text("x", "a.txt").unwrap();
    assert_eq!(flags(&stream.next()), "runs");
}

/// The variable that makes a process of this test write to a file.
const FILE: &str = "TRACKLITE_TEST_FILE";

#[test]
#[ignore = "it is a process that another test starts and kills"]
fn a_writer_that_is_killed() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let database = Database::open(path).unwrap();
    let run = database.default_experiment().unwrap().start_run("killed").unwrap();
    run.log_metric("loss", 0.5, 0).unwrap();
    println!("run {}", run.id());
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn a_killed_writer_is_seen_dead() {
    let served = Served::new();
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["page_events::a_writer_that_is_killed", "--exact", "--ignored", "--nocapture"])
        .env(FILE, &served.path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut ids = lines.filter_map(|line| Some(line.split_once("run ")?.1.to_owned()));
    let target = format!("/api/v1/runs/{}", ids.find(|id| id.len() == 32).unwrap());
    assert_eq!(served.get(&target).expect(200)["info"]["health"], "running");
    let mut stream = Stream::open(&served, "/api/v1/events", &[]);
    stream.next();
    writer.kill().unwrap();
    writer.wait().unwrap();
    let killed = Instant::now();
    while !flags(&stream.next()).contains("health") {}
    assert!(killed.elapsed() < Duration::from_secs(3), "{:?}", killed.elapsed());
    assert_eq!(served.get(&target).expect(200)["info"]["health"], "dead");
}

#[test]
fn a_quiet_file_sends_only_signs_of_life() {
    let served = Served::new();
    let mut stream = Stream::open(&served, "/api/v1/events", &[]);
    stream.next();
    let began = Instant::now();
    assert_eq!(stream.0.chunk().as_deref(), Some(": alive\n\n"));
    let took = began.elapsed();
    assert!((Duration::from_millis(1500)..Duration::from_secs(8)).contains(&took), "{took:?}");
}

#[test]
fn many_changes_are_few_events() {
    let served = Served::new();
    let run = run(&served);
    let mut stream = Stream::open(&served, "/api/v1/events", &[]);
    let mut last = stream.next()["position"].clone();
    let began = Instant::now();
    let mut events = 0_u32;
    let writer = std::thread::spawn(move || {
        for step in 0..3000_i32 {
            run.log_metric("loss", 0.5, step).unwrap();
            std::thread::sleep(Duration::from_micros(500));
        }
    });
    while !writer.is_finished() {
        let event = stream.next();
        assert_ne!(event["position"], last);
        last = event["position"].clone();
        events += 1;
    }
    writer.join().unwrap();
    let most = began.elapsed().as_secs_f64() * 4.0 + 2.0;
    assert!(events > 0 && f64::from(events) <= most, "{events} events, at most {most} are wanted");
}

#[test]
fn a_stream_continues_where_it_was_cut() {
    let served = Served::new();
    let run = run(&served);
    let mut stream = Stream::open(&served, "/api/v1/events", &[]);
    let seen = stream.next()["position"].as_str().unwrap().to_owned();
    drop(stream);
    run.set_tag("a", 1).unwrap();
    let mut again = Stream::open(&served, "/api/v1/events", &[("last-event-id", &seen)]);
    assert_eq!(flags(&again.next()), "runs");
    let mut again = Stream::open(&served, &format!("/api/v1/events?since={seen}"), &[]);
    assert_eq!(flags(&again.next()), "runs");
}

#[test]
fn a_call_waits_for_a_change() {
    let served = Served::new();
    let run = run(&served);
    let at_once = served.get("/api/v1/changes").expect(200);
    assert_eq!(flags(&at_once), "runs registry points health", "without a position all changed");
    let seen = at_once["position"].as_str().unwrap();
    let began = Instant::now();
    let quiet = served.get(&format!("/api/v1/changes?since={seen}&wait=1")).expect(200);
    assert_eq!((flags(&quiet).as_str(), &quiet["position"]), ("", &at_once["position"]));
    assert!(began.elapsed() >= Duration::from_secs(1));
    let later = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(600));
        run.set_tag("a", 1).unwrap();
    });
    let began = Instant::now();
    let changed = served.get(&format!("/api/v1/changes?since={seen}&wait=20")).expect(200);
    assert_eq!(flags(&changed), "runs");
    assert!(began.elapsed() < Duration::from_secs(10));
    later.join().unwrap();
}

#[test]
fn a_position_of_another_file_is_gone() {
    let served = Served::new();
    let other = Served::new().get("/api/v1/changes").expect(200);
    let other = other["position"].as_str().unwrap();
    for bad in [other, "x", "1-2-3", "0-0-0-0-0-0", "%27"] {
        for target in ["changes", "events"] {
            let answer = served.get(&format!("/api/v1/{target}?since={bad}&wait=5"));
            answer.fails(410, "CURSOR_GONE");
        }
    }
    served.get("/api/v1/changes?wait=x").fails(400, "INVALID_PARAMETER_VALUE");
}

#[test]
fn changes_need_the_right_to_read() {
    let served = Served::with(|builder| builder.token("secret"));
    served.get("/api/v1/changes").fails(401, "UNAUTHENTICATED");
    served.get("/api/v1/events").fails(401, "UNAUTHENTICATED");
    let token = [("authorization", "Bearer secret")];
    Stream::open(&served, "/api/v1/events", &token).next();
}

#[test]
fn a_stream_ends_with_the_server() {
    let served = Served::new();
    let mut stream = Stream::open(&served, "/api/v1/events", &[]);
    stream.next();
    let began = Instant::now();
    drop(served);
    // Less than the time that requests may take after the stop.
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(stream.0.chunk(), None);
}
