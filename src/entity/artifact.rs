//! Artifacts: their owners, content hashes and listings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::entity::TableId;
use crate::entity::id::{LoggedModelId, RegisteredModelId, RunId, Timestamp};
use crate::error::{Error, ErrorKind, Result};

/// The owner of a tree of artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ArtifactOwner {
    /// A run.
    Run(RunId),
    /// A logged model.
    LoggedModel(LoggedModelId),
    /// A version of a registered model. Its files are immutable.
    ModelVersion {
        /// The registered model.
        model: RegisteredModelId,
        /// The version number, from 1.
        version: u64,
    },
    /// A stored table. Its files are written with its rows.
    Table(TableId),
}

/// A BLAKE3 hash: 256 bits, displayed as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// The length of a hash in bytes.
    pub const BYTES: usize = 32;

    /// Creates a hash from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        ContentHash(bytes)
    }

    /// Parses 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() || !text.is_ascii() {
            return None;
        }
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(ContentHash(bytes))
    }

    /// Returns the bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for ContentHash {
    type Err = Error;

    /// Parses 64 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the text is not 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self> {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let bytes = text.as_bytes().as_chunks::<2>().0.iter().map(|[high, low]| {
            // Two digits per byte.
            digit(*high).zip(digit(*low)).map(|(high, low)| (high * 16 + low) as u8)
        });
        let bytes: Option<Vec<u8>> = bytes.collect();
        match bytes.map(<[u8; 32]>::try_from) {
            Some(Ok(bytes)) if text.len() == 64 => Ok(ContentHash(bytes)),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("invalid hash {text:?}: expected 64 hexadecimal digits"),
            )),
        }
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

/// A file or folder in a listing of artifacts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArtifactInfo {
    /// The path relative to the owner, with `/` between its parts.
    pub path: String,
    /// Whether this is a folder. A folder exists as long as it contains a file.
    pub is_folder: bool,
    /// The size in bytes. `None` for folders and for references without a size.
    pub size: Option<u64>,
    /// The MIME type, derived from the file extension.
    pub media_type: Option<String>,
    /// The BLAKE3 hash of a file in hexadecimal digits, or the digest given with a reference.
    pub digest: Option<String>,
    /// For a reference, the location of the file outside the database.
    pub uri: Option<String>,
    /// The time of writing. For a folder, that of its newest file.
    pub written: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_printing_and_parsing() {
        let hash = ContentHash(std::array::from_fn(|at| (at * 9) as u8));
        assert_eq!(hash.to_string().parse::<ContentHash>().unwrap(), hash);
        let text = hash.to_string();
        for bad in ["", &text[1..], &format!("{text}0"), &text.replace('0', "g")] {
            let error = bad.parse::<ContentHash>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
}
