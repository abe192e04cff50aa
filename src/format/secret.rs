//! Secrets that a file contains only hashed or sealed. The key is the pepper, outside the file.

use std::fmt;

/// The size of a pepper, a secret and a hash in bytes.
pub const SECRET_BYTES: usize = 32;

/// The purpose of the key that hashes tokens. Changing it invalidates all tokens.
const TOKENS: &str = "tracklite access tokens: hash of id and secret, version 1";

/// The purpose of the key that encrypts the secrets of webhooks.
const WEBHOOK_STREAM: &str = "tracklite webhook secrets: stream, version 1";
/// The purpose of the key that authenticates them.
const WEBHOOK_TAG: &str = "tracklite webhook secrets: tag, version 1";

/// Random bytes that a user keeps outside all files. Without them, a hash or a sealed text in a
/// file is useless.
#[derive(Clone)]
pub struct Pepper([u8; SECRET_BYTES]);

impl Pepper {
    /// Creates a pepper from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Pepper(bytes)
    }

    /// Hashes the secret of the token with this id.
    #[must_use]
    pub fn hash_token(&self, id: u64, secret: &[u8; SECRET_BYTES]) -> [u8; SECRET_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&blake3::derive_key(TOKENS, &self.0));
        hasher.update(&id.to_le_bytes()).update(secret);
        *hasher.finalize().as_bytes()
    }

    /// Seals the secret of the webhook with this id. `nonce` must be random.
    #[must_use]
    pub fn seal(&self, id: u128, nonce: &[u8; SECRET_BYTES], secret: &[u8]) -> Vec<u8> {
        let mut sealed = nonce.to_vec();
        sealed.extend(self.streamed(nonce, secret));
        let tag = self.tag(id, &sealed);
        sealed.extend(tag);
        sealed
    }

    /// Opens what [`Pepper::seal`] returned for the same webhook. `None` for anything else.
    #[must_use]
    pub fn open(&self, id: u128, sealed: &[u8]) -> Option<Vec<u8>> {
        let (covered, tag) = sealed.split_last_chunk::<SECRET_BYTES>()?;
        let (nonce, streamed) = covered.split_first_chunk::<SECRET_BYTES>()?;
        equal_hashes(&self.tag(id, covered), tag).then(|| self.streamed(nonce, streamed))
    }

    /// Combines the bytes with the stream of this nonce, which encrypts and decrypts them.
    fn streamed(&self, nonce: &[u8; SECRET_BYTES], bytes: &[u8]) -> Vec<u8> {
        let key = blake3::derive_key(WEBHOOK_STREAM, &self.0);
        let mut stream = vec![0; bytes.len()];
        blake3::Hasher::new_keyed(&key).update(nonce).finalize_xof().fill(&mut stream);
        stream.iter().zip(bytes).map(|(one, other)| one ^ other).collect()
    }

    fn tag(&self, id: u128, covered: &[u8]) -> [u8; SECRET_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&blake3::derive_key(WEBHOOK_TAG, &self.0));
        hasher.update(&id.to_le_bytes()).update(covered);
        *hasher.finalize().as_bytes()
    }
}

/// Shows that there is a pepper, but not its bytes.
impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(..)")
    }
}

/// Compares two hashes in a time that does not depend on their bytes.
#[must_use]
pub fn equal_hashes(one: &[u8; SECRET_BYTES], other: &[u8; SECRET_BYTES]) -> bool {
    // The equality of BLAKE3's own type takes constant time.
    blake3::Hash::from_bytes(*one) == blake3::Hash::from_bytes(*other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_the_pepper_the_id_and_the_secret() {
        let hash = |pepper, id, secret| Pepper([pepper; 32]).hash_token(id, &[secret; 32]);
        let base = hash(1, 2, 3);
        assert_eq!(base, hash(1, 2, 3));
        for other in [hash(0, 2, 3), hash(1, 0, 3), hash(1, 2, 0)] {
            assert!(!equal_hashes(&base, &other));
        }
        assert!(equal_hashes(&base, &hash(1, 2, 3)));
    }

    #[test]
    fn the_hash_of_a_token_is_that_of_the_documented_steps() {
        let key = blake3::derive_key(TOKENS, &[1; 32]);
        let text = [&2_u64.to_le_bytes()[..], &[3; 32]].concat();
        let wanted = blake3::keyed_hash(&key, &text);
        assert_eq!(Pepper([1; 32]).hash_token(2, &[3; 32]), *wanted.as_bytes());
    }

    #[test]
    fn a_sealed_secret_opens_only_with_its_pepper_for_its_webhook() {
        let (pepper, secret) = (Pepper([1; 32]), "s\u{e9}cret of any length ".repeat(9));
        for secret in ["", "x", &secret] {
            let sealed = pepper.seal(7, &[3; 32], secret.as_bytes());
            assert_eq!(sealed.len(), 64 + secret.len());
            assert_eq!(pepper.open(7, &sealed).as_deref(), Some(secret.as_bytes()));
            assert_eq!(pepper.open(8, &sealed), None);
            assert_eq!(Pepper([2; 32]).open(7, &sealed), None);
            assert_eq!(pepper.open(7, &sealed[1..]), None);
            for place in 0..sealed.len() {
                let mut changed = sealed.clone();
                changed[place] ^= 1;
                assert_eq!(pepper.open(7, &changed), None, "{place}");
            }
        }
        assert_eq!(pepper.open(7, &[0; 63]), None);
        assert_eq!(pepper.open(7, &[]), None);
    }

    #[test]
    fn a_sealed_secret_is_made_by_the_documented_steps() {
        let (nonce, secret) = ([3; 32], b"a secret");
        let key = blake3::derive_key(WEBHOOK_STREAM, &[1; 32]);
        let stream = *blake3::keyed_hash(&key, &nonce).as_bytes();
        let mut wanted = nonce.to_vec();
        wanted.extend(secret.iter().zip(stream).map(|(one, other)| one ^ other));
        let key = blake3::derive_key(WEBHOOK_TAG, &[1; 32]);
        let tagged = [&7_u128.to_le_bytes()[..], &wanted].concat();
        wanted.extend(blake3::keyed_hash(&key, &tagged).as_bytes());
        assert_eq!(Pepper([1; 32]).seal(7, &nonce, secret), wanted);
    }

    #[test]
    fn equal_secrets_are_sealed_differently() {
        let seal = |nonce| Pepper([1; 32]).seal(7, &[nonce; 32], b"a secret");
        assert_ne!(seal(1)[32..40], seal(2)[32..40]);
    }

    #[test]
    fn the_debug_text_of_a_pepper_has_none_of_its_bytes() {
        assert_eq!(format!("{:?}", Pepper([7; 32])), "Pepper(..)");
    }
}
