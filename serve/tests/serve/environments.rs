//! Models that run in Python environments with their own requirements, which the tests bring along.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tracklite::Database;
use tracklite::endpoint::{EndpointLimits, EndpointSpec, ServedModel};
use tracklite_serve::{Serving, Settings};

use crate::serving::{ENDPOINT, MODEL, Served, add_files, ask, start_with, version};

/// The files of a version.
type Files = Vec<(String, Vec<u8>)>;

/// Returns the wheel of a package with the files in a folder.
fn wheel(name: &str, version: &str, folder: &Path) -> Vec<u8> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/serve/wheel.py");
    let made = Command::new("python3").arg(program).args([name, version]).arg(folder).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

/// Returns the files of a version with these requirements beside the substitute for MLflow.
fn files(label: &str, requirements: &str) -> Files {
    let substitute = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/serve/substitute");
    let mlflow = "./mlflow-0.0.0-py3-none-any.whl";
    let requirements = format!("--no-index\n{mlflow}\n{requirements}");
    vec![
        ("MLmodel".to_owned(), json!({"label": label}).to_string().into_bytes()),
        ("requirements.txt".to_owned(), requirements.into_bytes()),
        (mlflow[2..].to_owned(), wheel("mlflow", "0.0.0", &substitute)),
    ]
}

/// Adds a version that requires a package whose module has its version as a value.
fn add_with_package(database: &Database, number: &str) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tiny.py"), format!("VALUE = {number:?}\n")).unwrap();
    let name = format!("tiny-{number}-py3-none-any.whl");
    let mut files = files(number, &format!("./{name}"));
    files.push((name, wheel("tiny", number, folder.path())));
    add_files(database, &files)
}

fn own(version: u64) -> ServedModel {
    ServedModel::version(MODEL, version).own_environment(true)
}

fn one_worker() -> EndpointSpec {
    EndpointSpec::new().limits(EndpointLimits { workers: 1, ..EndpointLimits::default() })
}

/// Serves a file whose environments are in the folder of the test.
fn served() -> (Served, PathBuf) {
    let mut place = PathBuf::new();
    let served = Served::with(|settings| {
        place = settings.python.with_file_name("environments");
        Settings { environments: Some(place.clone()), ..settings }
    });
    (served, place)
}

/// Asks until both models have answered. Returns the answers by the labels of their versions.
async fn both(serving: &Serving, order: Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for key in 0..1000 {
        let answer = ask(serving, &key.to_string(), &order).await.unwrap();
        let value: Value = serde_json::from_slice(&answer.body).unwrap();
        found.insert(answer.entity, if answer.status == 200 { value[1].clone() } else { value });
        if found.len() == 2 {
            return found;
        }
    }
    panic!("only one model answers: {found:?}");
}

/// Returns how many folders there are that are an environment, or become one.
fn count(place: &Path) -> usize {
    let entries = std::fs::read_dir(place).unwrap().map(Result::unwrap);
    entries.filter(|entry| entry.path().is_dir()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_a_package_are_served_at_once_in_environments_that_are_made_once() {
    let (served, place) = served();
    let (first, second) =
        (add_with_package(&served.database, "1.0"), add_with_package(&served.database, "2.0"));
    // Another process with the same cache folder loads the models at the same time.
    let python = place.with_file_name("python");
    let settings = Settings { python, environments: Some(place.clone()), ..Settings::default() };
    let (other, stop, task) = start_with(&served.database, settings);
    let spec = one_worker().serve(own(first).name("a")).serve(own(second).name("b"));
    served.create(&spec.route("a", 50).route("b", 50)).await;
    let began = Instant::now();
    while !other.is_ready(ENDPOINT) {
        assert!(began.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for serving in [&served.serving, &other] {
        let found = both(serving, json!(["module", "tiny"])).await;
        assert_eq!((&found["a"][1], &found["b"][1]), (&json!("1.0"), &json!("2.0")));
        assert_ne!(found["a"][0], found["b"][0]);
        for prefix in [&found["a"][0], &found["b"][0]] {
            assert_eq!(Path::new(prefix.as_str().unwrap()).parent(), Some(&*place));
        }
    }
    assert_eq!(count(&place), 2);
    for entity in ["a", "b"] {
        let logs =
            [&served.serving, &other].map(|serving| serving.logs(ENDPOINT, entity).unwrap().0);
        let makers = logs.iter().filter(|log| log.contains("making an environment")).count();
        assert_eq!(makers, 1, "{logs:?}");
        assert!(logs.iter().any(|log| log.contains("tiny")), "{logs:?}");
    }
    hides_the_other(&served).await;
    stop.send_replace(true);
    task.await.unwrap();
    served.stop().await;
}

/// Checks that a worker reads its own environment and no other.
async fn hides_the_other(served: &Served) {
    let found = both(&served.serving, json!(["module", "tiny"])).await;
    for (own, other) in [("a", "b"), ("b", "a")] {
        let file = |entity: &str| format!("{}/pyvenv.cfg", found[entity][0].as_str().unwrap());
        let read = both(&served.serving, json!(["read", file(own)])).await;
        assert!(read[own].as_str().is_some_and(|text| text.contains("home = ")), "{read:?}");
        if read[other].as_str().is_some_and(|text| text.contains("home = ")) {
            println!("SKIPPED: this kernel has no Landlock");
            return;
        }
        assert!(read[other].to_string().contains("PermissionError"), "{read:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_cannot_be_made_leaves_the_old_version_serving() {
    let (served, place) = served();
    served.create(&version(1, 1)).await;
    let bad = |name: &str, text: &str| {
        let mut files = files("bad", "no-such-package==1.0");
        files.retain(|(known, _)| known != name);
        files.push((name.to_owned(), text.to_owned().into_bytes()));
        files
    };
    let mut without = files("bad", "");
    without.remove(1);
    for (files, reason) in [
        (files("bad", "no-such-package==1.0"), "no-such-package==1.0"),
        (without, "no file requirements.txt"),
        (bad("python_env.yaml", "python: 2.7.18\n"), "needs Python 2.7.18, found Python 3"),
        (bad("requirements.txt", "--no-index\n"), "cannot import mlflow"),
    ] {
        let number = add_files(&served.database, &files);
        let spec = one_worker().serve(own(number));
        served.database.endpoints().update(ENDPOINT, &spec, None).unwrap();
        let info = served.settled().await;
        let failure = info.state.failure.unwrap();
        assert!(failure.contains(reason), "{failure}");
        assert_eq!(info.state.active, Some(1));
        assert_eq!(served.answer("echo", json!("here")).await, ("1".to_owned(), json!("here")));
    }
    // Only that without MLflow was made.
    assert_eq!(count(&place), 1);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn making_an_environment_ends_with_its_endpoint() {
    let (served, place) = served();
    let index = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = index.local_addr().unwrap();
    let mut files = files("slow", "");
    files[1].1 = format!("--index-url http://{address}/simple\nslow==1.0\n").into_bytes();
    let number = add_files(&served.database, &files);
    served.database.endpoints().create(ENDPOINT, &one_worker().serve(own(number))).unwrap();
    let (mut asked, _) = index.accept().await.unwrap();
    let progress = served.serving.progress(ENDPOINT).unwrap();
    assert!(progress.contains("making an environment"), "{progress}");
    served.database.endpoints().delete(ENDPOINT, None).unwrap();
    let mut request = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(10), asked.read_to_end(&mut request));
    // It may be reset.
    drop(closed.await.expect("the program that installs packages must end"));
    assert!(request.starts_with(b"GET /simple/slow/"), "{request:?}");
    let began = Instant::now();
    while count(&place) > 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "half an environment is left");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    served.stop().await;
}

/// A package that writes down what it sees while it is installed.
const CURIOUS: &str = r#"
import json, os, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    try:
        seen = open("SECRET").read()
    except OSError as error:
        seen = type(error).__name__
    name, info = "curious-1.0-py3-none-any.whl", "curious-1.0.dist-info"
    kind = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("curious.py", "VALUE = %r" % json.dumps([seen, dict(os.environ)]))
        about = "Metadata-Version: 2.1\nName: curious\nVersion: 1.0\n"
        wheel.writestr(info + "/METADATA", about)
        wheel.writestr(info + "/WHEEL", kind)
        wheel.writestr(info + "/RECORD", "")
    return name
"#;
const PROJECT: &str = r#"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "curious"
version = "1.0"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn code_that_runs_while_packages_are_installed_sees_nothing_of_the_server() {
    let (served, _) = served();
    let secret = served.folder().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let code = CURIOUS.replace("SECRET", &secret.display().to_string());
    let mut files = files("curious", "./source");
    files.push(("source/pyproject.toml".to_owned(), PROJECT.as_bytes().to_vec()));
    files.push(("source/backend.py".to_owned(), code.into_bytes()));
    let number = add_files(&served.database, &files);
    served.create(&one_worker().serve(own(number))).await;
    let (_, found) = served.answer("module", json!("curious")).await;
    let seen: Value = serde_json::from_str(found[1].as_str().unwrap()).unwrap();
    let read = served.ask("read", json!(secret)).await.unwrap();
    match read.status {
        200 => println!("SKIPPED: this kernel has no Landlock"),
        _ => assert_eq!(seen[0], "PermissionError"),
    }
    // Cargo sets these for the test.
    let variables = seen[1].as_object().unwrap();
    assert!(!variables.keys().any(|name| name.starts_with("CARGO")), "{variables:?}");
    served.stop().await;
}

/// A module that a package has Python import when it starts, before all else.
const EARLY: &str = r#"
import socket
def attempt(act):
    try:
        return act()
    except OSError as error:
        return type(error).__name__
VALUE = [attempt(lambda: open("SECRET").read()), attempt(lambda: socket.socket().close())]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn code_that_runs_when_python_starts_sees_nothing_of_the_server() {
    let (served, _) = served();
    let secret = served.folder().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("early.pth"), "import early\n").unwrap();
    let code = EARLY.replace("SECRET", &secret.display().to_string());
    std::fs::write(folder.path().join("early.py"), code).unwrap();
    let name = "early-1.0-py3-none-any.whl";
    let mut files = files("early", &format!("./{name}"));
    files.push((name.to_owned(), wheel("early", "1.0", folder.path())));
    let number = add_files(&served.database, &files);
    served.create(&one_worker().serve(own(number))).await;
    let (_, found) = served.answer("module", json!("early")).await;
    let read = served.ask("read", json!(secret)).await.unwrap();
    match read.status {
        200 => println!("SKIPPED: this kernel has no Landlock"),
        _ => assert_eq!(found[1], json!(["PermissionError", "PermissionError"])),
    }
    served.stop().await;
}

/// A package that leaves a link to a file of the server where its exit code is expected.
const LINKS: &str = r#"
import os
def build_wheel(folder, config_settings=None, metadata_directory=None):
    os.symlink("SECRET", os.path.join(os.environ["HOME"], "..", "code"))
    raise SystemExit(0)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn links_of_a_package_show_no_file_of_the_server() {
    let (served, _) = served();
    let secret = served.folder().join("secret");
    std::fs::write(&secret, "5e").unwrap();
    let code = LINKS.replace("SECRET", &secret.display().to_string());
    let mut files = files("links", "./source");
    files.push(("source/pyproject.toml".to_owned(), PROJECT.as_bytes().to_vec()));
    files.push(("source/backend.py".to_owned(), code.into_bytes()));
    let number = add_files(&served.database, &files);
    let spec = one_worker().serve(own(number));
    served.database.endpoints().create(ENDPOINT, &spec).unwrap();
    let failure = served.settled().await.state.failure.unwrap();
    assert!(failure.contains("the installation ended with"), "{failure}");
    assert!(!failure.contains("5e\n"), "{failure}");
    served.stop().await;
}
