//! Encrypted connections.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tracklite::{Error, ErrorKind, Result};

/// Reads a certificate with its chain and its key, both as PEM files.
pub(crate) fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let wrong = |path: &Path, what: &str, error: &dyn std::fmt::Display| {
        let message = format!("the file is not a {what} in PEM form: {error}");
        Error::new(ErrorKind::InvalidInput, message).with_path(path)
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| wrong(certificate, "certificate", &error))?;
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, "private key", &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| wrong(certificate, "certificate of this key", &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Returns what connects to other servers. It trusts the authorities that this machine trusts.
pub(crate) fn connector() -> std::result::Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let message = "this machine has no certificates of authorities: install them (package \
                       ca-certificates), or set SSL_CERT_FILE";
        return Err(message.to_owned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
