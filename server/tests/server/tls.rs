//! Encrypted connections.

use std::fs;

use tracklite::{Database, ErrorKind};
use tracklite_server::Server;

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
