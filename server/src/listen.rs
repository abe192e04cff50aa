//! Connections: accepting them, serving each with limits, and draining them at the end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::ConnectInfo;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

use crate::linger::{Lingering, Rest};
use crate::stall::Watched;

/// How many connections are open at the same time. More wait in the queue of the socket.
const CONNECTIONS_MAX: usize = 2048;
/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The highest number of header fields of a request.
const HEADERS_MAX: usize = 64;
/// How long the handshake of an encrypted connection may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// The pause after the system refused a connection, for example for lack of descriptors.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// Serves connections until `stop` is set. Then waits for those that are busy, up to `drain`.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    tls: Option<TlsAcceptor>,
    mut stop: watch::Receiver<bool>,
    drain: Duration,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                let connection = Connection { peer, place, app: app.clone() };
                begin(stream, connection, tls.clone(), graceful.watcher());
            }
            Err(error) => {
                log::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        log::warn!("requests were cut off: they took longer than {} s", drain.as_secs());
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

/// A connection that was accepted.
struct Connection {
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
    app: Router,
}

fn begin(stream: TcpStream, connection: Connection, tls: Option<TlsAcceptor>, watcher: Watcher) {
    // Small answers must not wait for the acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!("cannot turn off the delay of small packets: {error}");
    }
    tokio::spawn(async move {
        let Some(tls) = tls else { return answer(stream, connection, watcher).await };
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => answer(stream, connection, watcher).await,
            Ok(Err(error)) => log::debug!("a handshake failed: {error}"),
            Err(_) => log::debug!("a handshake took too long"),
        }
    });
}

async fn answer<S>(stream: S, connection: Connection, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Connection { peer, place, app } = connection;
    let rest = Rest::default();
    let noted = rest.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (mut app, rest) = (app.clone(), noted.clone());
        let mut request = request.map(|body| rest.watch(body));
        request.extensions_mut().insert(ConnectInfo(peer));
        async move {
            let mut response = app.call(request).await?;
            if rest.is_left(response.status()) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Lingering::new(Watched::new(stream), rest)), service);
    if let Err(error) = watcher.watch(connection).await {
        log::debug!("a connection ended early: {error}");
    }
    drop(place);
}
