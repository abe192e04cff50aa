//! A receiver of webhooks: a small HTTP server that keeps what it gets.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver as Channel, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// How long a delivery may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a test waits for a delivery that must not come.
const SILENCE: Duration = Duration::from_millis(300);

/// A request that arrived.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) path: String,
    /// The headers, with names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Delivery {
    /// Returns the value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Returns the event as MLflow writes it.
    pub(crate) fn event(&self) -> String {
        let json = self.json();
        format!("{}.{}", json["entity"].as_str().unwrap(), json["action"].as_str().unwrap())
    }
}

/// A receiver on a free port of this machine.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    /// The pause before each answer, in milliseconds.
    pause: Arc<AtomicU64>,
    answers: Arc<Mutex<VecDeque<String>>>,
    deliveries: Channel<Delivery>,
}

impl Receiver {
    pub(crate) fn new() -> Receiver {
        Receiver::over(|stream| Box::new(stream))
    }

    /// Returns a receiver whose connections are, for example, encrypted.
    pub(crate) fn over(
        layer: impl Fn(TcpStream) -> Box<dyn Stream> + Send + Sync + 'static,
    ) -> Receiver {
        let layer = Arc::new(layer);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers: Arc<Mutex<VecDeque<String>>> = Arc::default();
        let (send, deliveries) = channel();
        let (next, pause) = (Arc::clone(&answers), Arc::<AtomicU64>::default());
        let wait = Arc::clone(&pause);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (next, send) = (Arc::clone(&next), send.clone());
                let (layer, wait) = (Arc::clone(&layer), Arc::clone(&wait));
                std::thread::spawn(move || receive(layer(stream.unwrap()), &wait, &next, &send));
            }
        });
        Receiver { port, pause, answers, deliveries }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Sets the pause before each answer.
    pub(crate) fn pause(&self, pause: Duration) {
        let millis = u64::try_from(pause.as_millis()).unwrap();
        self.pause.store(millis, Ordering::Relaxed);
    }

    /// Sets the next answer: status, more header lines, body. Without one, the answer is 200.
    pub(crate) fn answer(&self, status: u16, headers: &str, body: &str) {
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        self.answers.lock().unwrap().push_back(answer);
    }

    /// Makes the next answer none at all: the connection stays open.
    pub(crate) fn stay_silent(&self) {
        self.answers.lock().unwrap().push_back(String::new());
    }

    /// Waits for the next delivery.
    #[track_caller]
    pub(crate) fn next(&self) -> Delivery {
        self.deliveries.recv_timeout(PATIENCE).expect("a delivery arrives")
    }

    /// Checks that there is no delivery.
    #[track_caller]
    pub(crate) fn has_none(&self) {
        match self.deliveries.recv_timeout(SILENCE) {
            Err(RecvTimeoutError::Timeout) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A connection, encrypted or not.
pub(crate) trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

fn receive(
    stream: Box<dyn Stream>,
    pause: &AtomicU64,
    answers: &Mutex<VecDeque<String>>,
    send: &Sender<Delivery>,
) {
    let mut stream = BufReader::new(stream);
    let Some(delivery) = read(&mut stream) else { return };
    let answer = answers.lock().unwrap().pop_front();
    let _ = send.send(delivery);
    std::thread::sleep(Duration::from_millis(pause.load(Ordering::Relaxed)));
    match answer.as_deref() {
        // Until the other side closes it.
        Some("") => drop(stream.read_to_end(&mut Vec::new())),
        // The other side may stop in the middle of a long answer.
        Some(answer) => drop(stream.get_mut().write_all(answer.as_bytes())),
        None => drop(stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")),
    }
}

/// Reads a request; `None` if the other side only connects.
fn read(stream: &mut BufReader<Box<dyn Stream>>) -> Option<Delivery> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let path = lines[0].strip_prefix("POST ")?.split(' ').next()?.to_owned();
    let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
    let headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let mut delivery = Delivery { path, headers, body: String::new() };
    let mut body = vec![0; delivery.header("content-length")?.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    delivery.body = String::from_utf8(body).unwrap();
    Some(delivery)
}
