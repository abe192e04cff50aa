//! Encrypted connections: those of the server, and those of webhooks.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use serde_json::json;
use tracklite::{Database, ErrorKind};
use tracklite_server::{Server, ServerBuilder};

use crate::client::Served;
use crate::receiver::Receiver;

/// Set in a process that trusts the authority of the tests.
const TRUSTING: &str = "TRACKLITE_TRUSTS_THE_AUTHORITY_OF_THE_TESTS";

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/certificates").join(name)
}

fn encrypted(server: ServerBuilder) -> ServerBuilder {
    server.tls(certificate("localhost.pem"), certificate("localhost-key.pem"))
}

/// Connects to a server of this machine, and trusts only the authority of the tests.
fn connect(host: &str, name: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate("authority.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
}

#[test]
fn files_that_are_no_certificate_are_errors_that_name_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::create(folder.path().join("runs.tracklite")).expect("a file");
    let path = folder.path().join("cert.pem");
    fs::write(&path, "nonsense").expect("it is written");
    for missing in [folder.path().join("none.pem"), path.clone()] {
        let server = Server::builder(database.clone()).port(0).tls(&missing, &path).start();
        let Err(error) = server else { panic!("it started") };
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("pem"), "{error}");
    }
}

#[test]
fn requests_are_answered_over_an_encrypted_connection() {
    let served = Served::with(encrypted);
    let host = served.host().to_owned();
    let mut stream = connect(&host, "localhost");
    let body = json!({"name": "/Shared/secret"}).to_string();
    let length = body.len();
    let create = format!(
        "POST /api/2.0/mlflow/experiments/create HTTP/1.1\r\nhost: {host}\r\ncontent-type: \
         application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(create.as_bytes()).unwrap();
    let mut answer = String::new();
    // This does not fail, because the server ends the connection properly.
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("experiment_id"), "{answer}");
    assert!(served.database.find_experiment("/Shared/secret").unwrap().is_some());
    // A refusal arrives too, although the client sends its whole body first.
    let mut stream = connect(&host, "localhost");
    let refused =
        format!("POST /nothing HTTP/1.1\r\nhost: {host}\r\ncontent-length: 4000000\r\n\r\n");
    stream.write_all(refused.as_bytes()).unwrap();
    stream.write_all(&vec![b' '; 4_000_000]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[test]
fn a_certificate_for_other_names_and_a_plain_client_get_no_answer() {
    let served = Served::with(encrypted);
    let mut stream = connect(served.host(), "other.example");
    let error = stream.write_all(b"GET /health HTTP/1.1\r\n\r\n").unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    let mut plain = TcpStream::connect(served.host()).unwrap();
    let request = format!("GET /health HTTP/1.1\r\nhost: {}\r\n\r\n", served.host());
    plain.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    // Others are still served.
    let mut stream = connect(served.host(), "127.0.0.1");
    stream.write_all(request.as_bytes()).unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
}

/// Returns a receiver of webhooks over encrypted connections.
fn encrypted_receiver() -> Receiver {
    let chain = vec![CertificateDer::from_pem_file(certificate("localhost.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(certificate("localhost-key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    Receiver::over(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        Box::new(StreamOwned::new(connection, stream))
    })
}

/// The server reads the authorities of the machine once, from the file that `SSL_CERT_FILE` names.
/// So this runs in a process of its own.
#[test]
fn a_webhook_reaches_a_receiver_with_a_certificate() {
    if std::env::var_os(TRUSTING).is_none() {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let name = "tls::a_webhook_reaches_a_receiver_with_a_certificate";
        command.args(["--exact", name, "--nocapture"]);
        command.env(TRUSTING, "1").env("SSL_CERT_FILE", certificate("authority.pem"));
        assert!(command.env_remove("SSL_CERT_DIR").status().unwrap().success());
        return;
    }
    let served = Served::with(ServerBuilder::webhooks_to_this_machine);
    let receiver = encrypted_receiver();
    let url = format!("https://localhost:{}/hook", receiver.port);
    let event = json!([{"entity": "REGISTERED_MODEL", "action": "CREATED"}]);
    let hook = json!({"name": "ci", "url": url, "events": event});
    served.post("/api/2.0/mlflow/webhooks", &hook).expect(200);
    let model = json!({"name": "churn"});
    served.post("/api/2.0/mlflow/registered-models/create", &model).expect(200);
    let delivery = receiver.next();
    assert_eq!(
        (delivery.path.as_str(), delivery.event().as_str()),
        ("/hook", "registered_model.created")
    );
    assert_eq!(delivery.json()["data"]["name"], "churn");
}

#[test]
fn a_webhook_is_not_sent_to_a_receiver_that_nobody_vouches_for() {
    let served = Served::with(ServerBuilder::webhooks_to_this_machine);
    let receiver = encrypted_receiver();
    let url = format!("https://localhost:{}/hook", receiver.port);
    let event = json!([{"entity": "REGISTERED_MODEL", "action": "CREATED"}]);
    let hook = json!({"name": "ci", "url": url, "events": event});
    let made = served.post("/api/2.0/mlflow/webhooks", &hook).expect(200);
    let id = made["webhook"]["webhook_id"].as_str().unwrap();
    let tested = served.post(&format!("/api/2.0/mlflow/webhooks/{id}/test"), &json!({}));
    let result = tested.expect(200)["result"].clone();
    assert_eq!(result["success"], false, "{result}");
    let message = result["error_message"].as_str().unwrap();
    assert!(message.contains("encrypt") || message.contains("certificates"), "{message}");
    receiver.has_none();
}
