//! Secrets that a file contains only as keyed hashes: the key is the pepper, outside the file.

use std::fmt;

/// The size of a pepper, a secret and a hash in bytes.
pub const SECRET_BYTES: usize = 32;

/// The purpose of the key that hashes tokens. Changing it invalidates all tokens.
const TOKENS: &str = "tracklite access tokens: hash of id and secret, version 1";

/// Random bytes that a user keeps outside all files. Without them, a hash in a file is useless.
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
    fn the_debug_text_of_a_pepper_has_none_of_its_bytes() {
        assert_eq!(format!("{:?}", Pepper([7; 32])), "Pepper(..)");
    }
}
