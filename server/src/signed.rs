//! Signed addresses: each returns the right to one transfer for a limited time, without a token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tracklite::{Error, Result};

use crate::access::is_same;
use crate::failure::{Failure, Outcome};

/// The path of all signed addresses. Their right is in the query, which no log contains.
pub(crate) const SIGNED_PATH: &str = "/api/2.0/fs/signed";
/// How long a signed address is valid, unless the client asks for less. It is short, because the
/// address stays valid if the token is revoked with which it was made.
const LASTS_MAX: Duration = Duration::from_secs(3600);

/// The right of a signed address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Right {
    /// To read a file.
    Read { path: String },
    /// To write a file.
    Write { path: String, only_new: bool },
    /// To send a part of an upload.
    Part { upload: String, number: u32 },
}

#[derive(Serialize, Deserialize)]
struct Grant {
    right: Right,
    /// The second since 1970 at which it ends.
    until: u64,
}

/// The key that signs addresses. It is new at each start of the server.
pub(crate) struct Signer([u8; 32]);

impl Signer {
    pub(crate) fn new() -> Result<Signer> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| Error::io("reading random bytes", std::io::Error::other(error)))?;
        Ok(Signer(key))
    }

    /// Returns an address on the host that the client uses.
    pub(crate) fn address(
        &self,
        own_url: &str,
        headers: &HeaderMap,
        right: Right,
        until: Option<SystemTime>,
    ) -> String {
        let now = SystemTime::now();
        let until = until.map_or(now + LASTS_MAX, |until| until.min(now + LASTS_MAX));
        let until = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let grant = serde_json::to_vec(&Grant { right, until }).unwrap_or_default();
        let grant = URL_SAFE_NO_PAD.encode(grant);
        let signature = self.signature(&grant);
        let (scheme, own_host) = own_url.split_once("://").unwrap_or(("http", own_url));
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or(own_host);
        format!("{scheme}://{host}{SIGNED_PATH}?grant={grant}&signature={signature}")
    }

    fn signature(&self, grant: &str) -> String {
        blake3::keyed_hash(&self.0, grant.as_bytes()).to_hex().to_string()
    }

    /// Returns the right that a query proves.
    pub(crate) fn right(&self, query: &str) -> Outcome<Right> {
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value).unwrap_or_default()
        };
        let grant = value("grant");
        if !is_same(self.signature(grant).as_bytes(), value("signature").as_bytes()) {
            return Err(Failure::forbidden(
                "the signature of this address is not valid: ask for a new address, for example \
                 because the server was started again",
            ));
        }
        let decoded = URL_SAFE_NO_PAD.decode(grant).ok();
        let grant = decoded.and_then(|json| serde_json::from_slice::<Grant>(&json).ok());
        let grant = grant.ok_or_else(|| Failure::internal("a signed grant cannot be read"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if now >= grant.until {
            return Err(expired());
        }
        Ok(grant.right)
    }
}

/// The code of the failure [`expired`], whose answer is XML: clients ask for a new address only if
/// they read this element in it.
pub(crate) const EXPIRED: &str = "EXPIRED";
pub(crate) const EXPIRED_XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>\
                                      AccessDenied</Code><Message>Request has expired</Message>\
                                      </Error>";

fn expired() -> Failure {
    Failure::new(StatusCode::FORBIDDEN, EXPIRED, "Request has expired")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::random_hex;

    fn query(address: &str) -> String {
        address.split_once('?').expect("it has a query").1.to_owned()
    }

    #[test]
    fn a_signature_proves_one_right_on_one_server() {
        let (signer, other) = (Signer::new().expect("random"), Signer::new().expect("random"));
        let right = Right::Read { path: format!("/Volumes/{}", random_hex(4).expect("random")) };
        let url = "http://127.0.0.1:5000";
        let address = signer.address(url, &HeaderMap::new(), right.clone(), None);
        assert!(address.starts_with("http://127.0.0.1:5000/api/2.0/fs/signed?grant="));
        let query = query(&address);
        assert_eq!(signer.right(&query).expect("it is valid"), right);
        let changed = query.replacen("grant=e", "grant=f", 1);
        assert_ne!(changed, query);
        for (signer, query) in [(&other, &*query), (&signer, &changed), (&signer, "")] {
            assert_eq!(signer.right(query).expect_err("not valid").code, "PERMISSION_DENIED");
        }
    }

    #[test]
    fn an_address_ends() {
        let signer = Signer::new().expect("random");
        let right = Right::Part { upload: "u".to_owned(), number: 3 };
        let until = Some(SystemTime::now() - Duration::from_secs(1));
        let address = signer.address("http://a", &HeaderMap::new(), right, until);
        assert_eq!(signer.right(&query(&address)).expect_err("too late").code, EXPIRED);
    }

    #[test]
    fn an_address_has_the_host_of_the_client() {
        let signer = Signer::new().expect("random");
        let mut headers = HeaderMap::new();
        headers.insert(HOST, axum::http::HeaderValue::from_static("runs.example"));
        let right = Right::Read { path: String::new() };
        let address = signer.address("http://127.0.0.1:1", &headers, right, None);
        assert!(address.starts_with("http://runs.example/api/"), "{address}");
    }
}
