//! One delivery over HTTP, with limits of time and size, to addresses that were checked.

use std::fmt::Display;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OnceCell, Semaphore, oneshot};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracklite::Timestamp;
use tracklite::webhook::{DELIVERY_ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

use super::address::{Target, check};
use crate::random::random_hex;
use crate::tls;

/// How long one try may take, from the lookup of the name to the end of the answer.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);
/// How much is read of the body of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How large the head of an answer may be.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How many names are looked up at the same time. The system may take longer than one try.
const LOOKUPS_MAX: usize = 8;

const AGENT: &str = concat!("tracklite/", env!("CARGO_PKG_VERSION"));

/// A body with its headers. All tries of a delivery send the same.
pub(crate) struct Message {
    id: String,
    /// In seconds since 1970.
    time: String,
    body: Bytes,
    signature: Option<String>,
}

impl Message {
    /// Makes a message with a new id, signed if there is a secret.
    pub(crate) fn new(body: String, secret: Option<&str>) -> tracklite::Result<Message> {
        let id = random_hex(16)?;
        let time = (Timestamp::now().as_millis() / 1000).to_string();
        let signature = secret.map(|secret| sign(secret, &id, &time, &body));
        Ok(Message { id, time, body: body.into(), signature })
    }

    fn request(&self, target: &Target) -> hyper::http::Result<Request<Full<Bytes>>> {
        let mut request = Request::post(&target.path)
            .header(HOST, target.authority())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT)
            .header(DELIVERY_ID_HEADER, &self.id)
            .header(TIMESTAMP_HEADER, &self.time);
        if let Some(signature) = &self.signature {
            request = request.header(SIGNATURE_HEADER, signature);
        }
        request.body(Full::new(self.body.clone()))
    }
}

/// The answer of a receiver.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The start of the body.
    pub(crate) body: String,
}

/// Why there is no answer. The texts contain no URL and no secret.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// The server does not send to this address.
    Refused(String),
    /// It may work at another time.
    Broken(String),
}

impl Unsent {
    fn broken(doing: &str, error: impl Display) -> Unsent {
        Unsent::Broken(format!("{doing}: {error}"))
    }

    pub(crate) fn into_message(self) -> String {
        match self {
            Unsent::Refused(message) | Unsent::Broken(message) => message,
        }
    }
}

/// Sends messages.
#[derive(Clone)]
pub(crate) struct Client(Arc<Inner>);

struct Inner {
    to_this_machine: bool,
    lookups: Arc<Semaphore>,
    /// Made at the first use, because the certificates of the system take a while to read.
    tls: OnceCell<TlsConnector>,
}

impl Client {
    /// Creates a client for public addresses, and if asked for those of this machine.
    pub(crate) fn new(to_this_machine: bool) -> Client {
        let lookups = Arc::new(Semaphore::new(LOOKUPS_MAX));
        Client(Arc::new(Inner { to_this_machine, lookups, tls: OnceCell::new() }))
    }

    pub(crate) fn sends_to_this_machine(&self) -> bool {
        self.0.to_this_machine
    }

    /// Posts a message once. Redirects are answers like any other.
    pub(crate) async fn send(&self, url: &str, message: &Message) -> Result<Answer, Unsent> {
        let late = format!("there was no answer within {} s", TRY_TIMEOUT.as_secs());
        let answer = timeout(TRY_TIMEOUT, self.exchange(url, message)).await;
        answer.unwrap_or(Err(Unsent::Broken(late)))
    }

    async fn exchange(&self, url: &str, message: &Message) -> Result<Answer, Unsent> {
        let target = Target::parse(url).map_err(Unsent::Refused)?;
        let addresses = self.resolve(&target).await?;
        check(&target, &addresses, self.0.to_this_machine).map_err(Unsent::Refused)?;
        let stream = TcpStream::connect(&addresses[..]).await;
        let stream = stream.map_err(|error| Unsent::broken("cannot connect", error))?;
        if !target.is_encrypted {
            return post(stream, &target, message).await;
        }
        let name = ServerName::try_from(target.host.clone())
            .map_err(|error| Unsent::Refused(format!("the host is not a valid name: {error}")))?;
        let stream = self.tls().await?.connect(name, stream).await;
        let stream = stream.map_err(|error| Unsent::broken("cannot encrypt", error))?;
        post(stream, &target, message).await
    }

    /// Returns the addresses of the host. A thread of its own looks them up, because the system may
    /// take minutes, and nothing that stops may wait for that.
    async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, Unsent> {
        let (host, port) = (target.host.clone(), target.port);
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let unknown = |error: &dyn Display| Unsent::broken("cannot look the host up", error);
        let place = Arc::clone(&self.0.lookups).acquire_owned().await;
        let place = place.map_err(|error| unknown(&error))?;
        let (send, receive) = oneshot::channel();
        let work = move || {
            let found = (host.as_str(), port).to_socket_addrs();
            let found: io::Result<Vec<SocketAddr>> = found.map(Iterator::collect);
            drop(place);
            // Nobody waits any more if the time is over.
            drop(send.send(found));
        };
        let thread = std::thread::Builder::new().name("tracklite-lookup".to_owned());
        thread.spawn(work).map_err(|error| unknown(&error))?;
        let found = receive.await.map_err(|error| unknown(&error))?;
        found.map_err(|error| unknown(&error))
    }

    async fn tls(&self) -> Result<&TlsConnector, Unsent> {
        let made = self.0.tls.get_or_try_init(|| async {
            spawn_blocking(tls::connector).await.unwrap_or_else(|error| Err(error.to_string()))
        });
        made.await.map_err(Unsent::Broken)
    }
}

async fn post<S>(stream: S, target: &Target, message: &Message) -> Result<Answer, Unsent>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| Unsent::broken("the connection failed", error);
    let request = message.request(target);
    let request = request.map_err(|error| Unsent::Refused(error.to_string()))?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // The set ends the connection with this function, also if the time is over.
    let mut task = JoinSet::new();
    task.spawn(connection);
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status().as_u16();
    Ok(Answer { status, body: start_of(response.into_body()).await })
}

/// Reads the start of a body. Without its end, the status is still an answer.
async fn start_of(mut body: Incoming) -> String {
    let mut start = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        let space = ANSWER_BYTES_MAX - start.len();
        start.extend_from_slice(&data[..data.len().min(space)]);
        if start.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    String::from_utf8_lossy(&start).into_owned()
}
