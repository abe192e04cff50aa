//! A small HTTP client over one connection, which sends exactly the bytes that a test returns it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tracklite::Database;
use tracklite_server::{Server, ServerBuilder};

/// How long a test waits for a byte of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A server over a new file, and a client of it. The server stops when this is dropped.
pub(crate) struct Served {
    pub(crate) database: Database,
    pub(crate) path: PathBuf,
    server: Option<Server>,
    /// Removes the file at the end, unless the test keeps it.
    folder: Option<TempDir>,
}

impl Served {
    /// Starts a server with the default settings.
    pub(crate) fn new() -> Served {
        Served::with(|builder| builder)
    }

    /// Starts a server with other settings.
    pub(crate) fn with(settings: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Served {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.tracklite");
        let pepper = folder.path().join("pepper");
        let database = Database::builder().create(true).pepper_file(pepper).open(&path).unwrap();
        let mut served = Served::over(database, settings);
        served.folder = Some(folder);
        served
    }

    /// Starts a server over a file that the test keeps.
    pub(crate) fn over(
        database: Database,
        settings: impl FnOnce(ServerBuilder) -> ServerBuilder,
    ) -> Served {
        let server = settings(Server::builder(database.clone()).port(0)).start().unwrap();
        let path = database.path().to_owned();
        Served { database, path, server: Some(server), folder: None }
    }

    /// Writes a file, then starts a server that may only read it.
    pub(crate) fn read_only(write: impl FnOnce(&Database)) -> Served {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.tracklite");
        let database = Database::create(&path).unwrap();
        write(&database);
        database.close().unwrap();
        let database = Database::open_read_only(&path).unwrap();
        let mut served = Served::over(database, |builder| builder);
        served.folder = Some(folder);
        served
    }

    /// Returns the host and port.
    pub(crate) fn host(&self) -> &str {
        let (_, host) = self.server.as_ref().unwrap().url().split_once("://").unwrap();
        host
    }

    /// Opens a connection.
    pub(crate) fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.host()).unwrap();
        stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
        Connection { host: self.host().to_owned(), stream: BufReader::new(stream) }
    }

    /// Sends one request on a connection of its own.
    pub(crate) fn send(&self, method: &str, target: &str, body: &[u8]) -> Answer {
        self.connect().send(method, target, &[], body)
    }

    /// Sends one request with more headers.
    pub(crate) fn send_with(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.connect().send(method, target, headers, body)
    }

    /// Gets a target.
    pub(crate) fn get(&self, target: &str) -> Answer {
        self.send("GET", target, b"")
    }

    /// Posts JSON.
    pub(crate) fn post(&self, target: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send_with("POST", target, &headers, body.to_string().as_bytes())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}

/// One connection, kept open between requests.
pub(crate) struct Connection {
    host: String,
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Sends a request and reads the answer.
    pub(crate) fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.head(method, target, headers, Some(body.len()));
        self.write(body);
        self.answer(method == "HEAD")
    }

    /// Sends the head of a request. Without a length, the body has none or is chunked.
    pub(crate) fn head(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        length: Option<usize>,
    ) {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str(&format!("host: {}\r\n", self.host));
        }
        if let Some(length) = length {
            head.push_str(&format!("content-length: {length}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.write(head.as_bytes());
    }

    /// Sends bytes. A failure is ignored, because a server may answer before it has read all.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// Reads an answer. That of a HEAD has no body.
    pub(crate) fn answer(&mut self, is_head: bool) -> Answer {
        let mut answer = self.answer_head();
        let status = answer.status;
        // Clients keep the connection, so that each answer must have its length.
        let length = answer.header("content-length").map(|length| length.parse().unwrap());
        if !is_head && status != 204 && status != 304 {
            let mut body = vec![0; length.expect("an answer has a length")];
            self.stream.read_exact(&mut body).unwrap();
            answer.body = body;
        }
        answer
    }

    /// Reads the head of an answer whose body has no length. Returns the status and headers.
    pub(crate) fn answer_head(&mut self) -> Answer {
        let status = self.line();
        let status = status.strip_prefix("HTTP/1.1 ").unwrap().get(..3).unwrap().parse().unwrap();
        let lines = std::iter::from_fn(|| Some(self.line()).filter(|line| !line.is_empty()));
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        });
        Answer { status, headers: headers.collect(), body: Vec::new() }
    }

    /// Reads the next piece of a body that has no length. Returns `None` at its end.
    pub(crate) fn chunk(&mut self) -> Option<String> {
        let length = usize::from_str_radix(&self.line(), 16).unwrap();
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).unwrap();
        assert_eq!(self.line(), "");
        (length > 0).then(|| String::from_utf8(bytes).unwrap())
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end_matches(['\r', '\n']).to_owned()
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The headers, with names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Returns the value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// Checks the status, and returns the body as JSON.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// Checks that the answer is an error with this status and code.
    #[track_caller]
    pub(crate) fn fails(self, status: u16, code: &str) -> String {
        let body = self.expect(status);
        assert_eq!(body["error_code"], code, "{body}");
        body["message"].as_str().unwrap().to_owned()
    }
}
