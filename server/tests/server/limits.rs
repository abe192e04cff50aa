//! Limits of time and number: clients that are slow, and uploads in parts that never end.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::artifacts::{noise, run};
use crate::client::{Answer, Served};

const CREATE: &str = "/api/2.0/mlflow/experiments/create";
const FILES: &str = "/api/2.0/fs/files";

/// The number of threads for uploads.
const THREADS: usize = 16;

#[test]
fn slow_uploads_do_not_stop_others() {
    let pace = |server: tracklite_server::ServerBuilder| {
        server.slowest_upload(64 * 1024, Duration::from_secs(1))
    };
    let served = Served::with(pace);
    let (_, proxy) = run(&served);
    let began = Instant::now();
    // More than the first MiB, so that a thread waits for the rest.
    let mut slow: Vec<_> = (0..THREADS).map(|_| served.connect()).collect();
    for (number, connection) in slow.iter_mut().enumerate() {
        connection.head("PUT", &format!("{proxy}/slow-{number}"), &[], Some(1 << 30));
        connection.write(&noise(2 << 20));
    }
    let is_done = AtomicBool::new(false);
    scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) && began.elapsed() < Duration::from_secs(30) {
                slow.iter_mut().for_each(|connection| connection.write(b"x"));
                sleep(Duration::from_millis(50));
            }
        });
        served.send("PUT", &format!("{proxy}/good"), &noise(4 << 20)).expect(200);
        is_done.store(true, Ordering::Relaxed);
    });
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    for mut connection in slow {
        let message = connection.answer(false).fails(408, "DEADLINE_EXCEEDED");
        assert!(message.contains("send it again"), "{message}");
    }
    assert_eq!(served.get(&format!("{proxy}/slow-0")).status, 404);
}

#[test]
fn an_upload_that_is_fast_enough_may_take_many_windows() {
    let pace = |server: tracklite_server::ServerBuilder| {
        server.slowest_upload(64 * 1024, Duration::from_secs(1))
    };
    let served = Served::with(pace);
    let (_, proxy) = run(&served);
    let bytes = noise(2 << 20);
    let mut connection = served.connect();
    connection.head("PUT", &format!("{proxy}/a"), &[], Some(bytes.len()));
    for piece in bytes.chunks(128 * 1024) {
        connection.write(piece);
        sleep(Duration::from_millis(150));
    }
    connection.answer(false).expect(200);
}

/// An upload in parts by the Files API.
struct Upload<'a> {
    served: &'a Served,
    path: String,
    token: String,
}

impl Upload<'_> {
    fn begin(served: &Served, path: String) -> Upload<'_> {
        let target = format!("{FILES}{path}?action=initiate-upload&overwrite=false");
        let begun = served.send("POST", &target, b"").expect(200);
        let token = begun["multipart_upload"]["session_token"].as_str().unwrap().to_owned();
        Upload { served, path, token }
    }

    fn send(&self, number: usize, bytes: &[u8]) -> Answer {
        let ask = json!({"path": self.path, "session_token": self.token,
            "start_part_number": number, "count": 1});
        let urls = self.served.post("/api/2.0/fs/create-upload-part-urls", &ask).expect(200);
        let url = urls["upload_part_urls"][0]["url"].as_str().unwrap();
        let (_, target) = url.split_once(self.served.host()).unwrap();
        self.served.send("PUT", target, bytes)
    }

    fn complete(&self, parts: &[Value]) -> Answer {
        let Upload { path, token, .. } = self;
        let target = format!("{FILES}{path}?action=complete-upload&session_token={token}");
        self.served.post(&target, &json!({"parts": parts}))
    }
}

fn part(number: usize, sent: &Answer) -> Value {
    json!({"part_number": number, "etag": sent.header("etag").unwrap()})
}

fn root(served: &Served) -> String {
    format!("/WorkspaceInternal/Mlflow/Artifacts/0/Runs/{}/artifacts", run(served).0)
}

#[cfg(target_os = "linux")]
/// Returns the sizes of the files without a name that this process has open in a folder.
fn spools(served: &Served) -> Vec<u64> {
    let folder = served.path.parent().unwrap().join(".tracklite-upload-");
    let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        let target = fs::read_link(&path).ok()?;
        let is_spool = target.to_str()?.starts_with(folder.to_str()?);
        is_spool.then(|| fs::metadata(&path).ok()).flatten()
    });
    open.map(|metadata| metadata.len()).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn a_part_that_is_sent_again_frees_the_earlier_copy() {
    let served = Served::new();
    let upload = Upload::begin(&served, format!("{}/a.bin", root(&served)));
    let bytes = noise(1 << 20);
    let mut parts = Vec::new();
    for number in [1, 2] {
        for _ in 0..10 {
            upload.send(number, b"a shorter copy");
            let sent = upload.send(number, &bytes);
            parts.truncate(number - 1);
            parts.push(part(number, &sent));
        }
    }
    let sizes = spools(&served);
    assert_eq!(sizes.len(), 1);
    assert!(sizes[0] <= 5 << 20, "{sizes:?}");
    upload.complete(&parts).expect(200);
    assert_eq!(served.get(&format!("{FILES}{}", upload.path)).body, bytes.repeat(2));
    assert!(spools(&served).is_empty());
}

#[test]
fn two_requests_complete_one_upload() {
    let served = Served::new();
    let upload = Upload::begin(&served, format!("{}/a.bin", root(&served)));
    let bytes = noise(8 << 20);
    let parts: Vec<Value> =
        (1..=4).map(|number| part(number, &upload.send(number, &bytes))).collect();
    scope(|scope| {
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| upload.complete(&parts))).collect();
        for call in calls {
            assert_eq!(call.join().unwrap().expect(200), json!({}));
        }
    });
    assert!(served.get(&format!("{FILES}{}", upload.path)).body == bytes.repeat(4));
    // The file is new only once.
    let target = format!("{FILES}{}?action=initiate-upload&overwrite=false", upload.path);
    served.send("POST", &target, b"").fails(409, "ALREADY_EXISTS");
}

#[test]
#[cfg(target_os = "linux")]
fn open_uploads_leave_descriptors_to_others() {
    let served = Served::new();
    let root = root(&served);
    let mut uploads = Vec::new();
    let refused = loop {
        let upload = Upload::begin(&served, format!("{root}/{}.bin", uploads.len()));
        let sent = upload.send(1, b"x");
        if sent.status != 200 {
            break sent;
        }
        uploads.push((upload, part(1, &sent)));
        assert!(uploads.len() < 2000, "there is no limit");
    };
    let message = refused.fails(429, "RESOURCE_EXHAUSTED");
    assert!(message.contains("complete or abort some"), "{message}");
    assert_eq!(spools(&served).len(), uploads.len());
    assert_eq!(served.get("/health").status, 200);
    // The end of one of them makes a place.
    let (upload, sent) = uploads.pop().unwrap();
    upload.complete(&[sent]).expect(200);
    let next = Upload::begin(&served, format!("{root}/next.bin"));
    assert_eq!(next.send(1, b"y").status, 200);
}

/// Sends bytes on a connection of its own, and returns everything that comes back.
fn exchange(served: &Served, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(served.host()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    for piece in pieces {
        stream.write_all(piece).expect("the server still reads");
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the connection ends without a reset");
    String::from_utf8(answer).unwrap()
}

#[test]
fn a_client_that_sends_all_before_it_reads_gets_the_refusal() {
    let served = Served::with(|server| server.token("tlk_own"));
    let head = |token: &str, length: usize| {
        let host = served.host();
        format!(
            "POST {CREATE} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let half_a_mib = vec![b' '; 512 * 1024];
    let answer = exchange(&served, &[head("wrong", 512 * 1024).as_bytes(), &half_a_mib]);
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    let too_large = vec![b' '; 20 << 20];
    let answer = exchange(&served, &[head("tlk_own", 20 << 20).as_bytes(), &too_large]);
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("16777216 bytes"), "{answer}");
}

#[test]
fn a_stranger_does_not_keep_a_connection() {
    let served = Served::with(|server| server.token("tlk_own"));
    let mut stream = TcpStream::connect(served.host()).unwrap();
    let head = format!(
        "POST {CREATE} HTTP/1.1\r\nhost: {}\r\ncontent-length: 1000000000\r\n\r\n",
        served.host()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let began = Instant::now();
    while stream.write_all(b"x").is_ok() {
        sleep(Duration::from_millis(50));
        assert!(began.elapsed() < Duration::from_secs(5), "the server still reads");
    }
}

#[test]
fn a_refusal_comes_before_an_expected_body() {
    let served = Served::with(|server| server.token("tlk_own"));
    let (_, proxy) = run(&served);
    let host = served.host();
    for (method, target, more, length, status) in [
        ("POST", CREATE, "", 10, 401),
        ("PUT", proxy.as_str(), "authorization: Bearer wrong\r\n", 10, 401),
        ("POST", CREATE, "authorization: Bearer tlk_own\r\norigin: http://evil\r\n", 10, 403),
        ("POST", CREATE, "authorization: Bearer tlk_own\r\n", 1 << 30, 400),
        ("PUT", &format!("{FILES}/Models/c/s/m/1/a"), "authorization: Bearer tlk_own\r\n", 10, 404),
        ("POST", "/api/2.0/nothing", "authorization: Bearer tlk_own\r\n", 10, 404),
    ] {
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: {host}\r\nexpect: 100-continue\r\n\
             content-length: {length}\r\n{more}\r\n"
        );
        let answer = exchange(&served, &[head.as_bytes()]);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{target}: {answer}");
        assert!(!answer.contains("100 Continue"), "{answer}");
    }
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!(
        "PUT {proxy}/a HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer tlk_own\r\n\
         expect: 100-continue\r\nconnection: close\r\ncontent-length: 4\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut go = [0; 25];
    stream.read_exact(&mut go).unwrap();
    assert_eq!(&go, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let _ = stream.shutdown(Shutdown::Both);
}
