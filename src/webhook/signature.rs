//! The signature of a delivery, as MLflow's receivers verify it: HMAC-SHA256.

use sha2::{Digest as _, Sha256};

use crate::search::encode_base64;

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "X-MLflow-Signature";
/// The header with the time of the delivery, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "X-MLflow-Timestamp";
/// The header with the random id of the delivery.
pub const DELIVERY_ID_HEADER: &str = "X-MLflow-Delivery-Id";

/// The size of the blocks that SHA-256 processes.
const BLOCK_BYTES: usize = 64;

/// Returns the signature of a delivery, the value of [`SIGNATURE_HEADER`].
///
/// It is `v1,` and the base64 form of the HMAC-SHA256 of `id.timestamp.body`. The receiver computes
/// it from the three values that it received, compares it in constant time, and refuses old
/// timestamps.
///
/// ```
/// use tracklite::webhook::sign;
///
/// let signature = sign("secret", "d-1", "1700000000", "{}");
/// assert!(signature.starts_with("v1,"));
/// assert_ne!(signature, sign("secret", "d-2", "1700000000", "{}"));
/// ```
#[must_use]
pub fn sign(secret: &str, delivery_id: &str, timestamp: &str, body: &str) -> String {
    let parts = [delivery_id, ".", timestamp, ".", body].map(str::as_bytes);
    format!("v1,{}", encode_base64(&hmac_sha256(secret.as_bytes(), &parts)))
}

/// Computes HMAC-SHA256 (RFC 2104) of the concatenated parts.
fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = [0; BLOCK_BYTES];
    match block.get_mut(..key.len()) {
        Some(start) => start.copy_from_slice(key),
        None => block[..32].copy_from_slice(&Sha256::digest(key)),
    }
    let inner = parts.iter().fold(padded(&block, 0x36), Sha256::chain_update);
    padded(&block, 0x5c).chain_update(inner.finalize()).finalize().into()
}

fn padded(block: &[u8; BLOCK_BYTES], pad: u8) -> Sha256 {
    Sha256::new().chain_update(block.map(|byte| byte ^ pad))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The signatures that `mlflow.webhooks.delivery` of MLflow 3.17 computes.
    #[test]
    fn the_signature_is_that_of_mlflow() {
        let signature = sign("secret", "d-1", "1700000000", "{}");
        assert_eq!(signature, "v1,lrnHmr9kIxD6FeYfGxtSLiY7T1fqHECrTsOUOF3Eg4k=");
        let secret = format!("s\u{e9}cret \u{1f600} {}", "x".repeat(70));
        let body = "{\"entity\": \"registered_model\", \"data\": {\"name\": \"\u{4e2d}\"}}";
        let signature = sign(&secret, "7f0c", "1764433200", body);
        assert_eq!(signature, "v1,8+lSGQkcQm7uOeXMIzgefwzulO3/lnK9zOgQfBWlX1Y=");
    }

    /// The test cases 1, 2, 3, 6 and 7 of RFC 4231.
    #[test]
    fn the_hmac_is_that_of_rfc_4231() {
        let long = [0xaa; 131];
        let cases: [(&[u8], &[u8], &str); 5] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                &long,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &long,
                b"This is a test using a larger than block-size key and a larger than block-size \
                  data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, text, wanted) in cases {
            assert_eq!(hex(&hmac_sha256(key, &[text])), wanted);
            let (start, end) = text.split_at(text.len() / 2);
            assert_eq!(hex(&hmac_sha256(key, &[start, end])), wanted);
        }
    }
}
