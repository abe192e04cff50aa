//! What holds artifacts, and what is told of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::entity::id::{LoggedModelId, RegisteredModelId, RunId, Timestamp};
use crate::error::{Error, ErrorKind, Result};

/// What a tree of artifacts belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ArtifactOwner {
    /// A run.
    Run(RunId),
    /// A logged model.
    LoggedModel(LoggedModelId),
    /// A version of a registered model; its files never change.
    ModelVersion {
        /// The registered model.
        model: RegisteredModelId,
        /// The number of the version, from 1.
        version: u64,
    },
}

/// The BLAKE3 hash of some bytes: 256 bits, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// How many bytes a hash has.
    pub const BYTES: usize = 32;

    /// The hash whose bytes are exactly these.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        ContentHash(bytes)
    }

    /// The hash that is written as these 64 hexadecimal digits.
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

    /// The bytes.
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

    /// Reads 64 hex digits; any other text is [`ErrorKind::InvalidInput`].
    fn from_str(text: &str) -> Result<Self> {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let bytes = text.as_bytes().as_chunks::<2>().0.iter().map(|[high, low]| {
            // Two hexadecimal digits are a byte.
            digit(*high).zip(digit(*low)).map(|(high, low)| (high * 16 + low) as u8)
        });
        let bytes: Option<Vec<u8>> = bytes.collect();
        match bytes.map(<[u8; 32]>::try_from) {
            Some(Ok(bytes)) if text.len() == 64 => Ok(ContentHash(bytes)),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("{text:?} is not a hash: 64 hexadecimal digits are due"),
            )),
        }
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

/// A file or a folder among artifacts, as a listing tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArtifactInfo {
    /// The path below the owner, with `/` between its parts.
    pub path: String,
    /// Whether it is a folder; a folder is there as long as there is a file in it.
    pub is_folder: bool,
    /// The size in bytes; `None` for folders, and for references that do not say.
    pub size: Option<u64>,
    /// What kind of file it is, by its ending, as a MIME type.
    pub media_type: Option<String>,
    /// The BLAKE3 hash of a file's bytes in hex digits, or what a reference says.
    pub digest: Option<String>,
    /// Where the file is, when it is a reference to one outside of the database.
    pub uri: Option<String>,
    /// When it was written; of a folder, when the newest file in it was.
    pub written: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = ContentHash(std::array::from_fn(|at| (at * 9) as u8));
        assert_eq!(hash.to_string().parse::<ContentHash>().unwrap(), hash);
        let text = hash.to_string();
        for bad in ["", &text[1..], &format!("{text}0"), &text.replace('0', "g")] {
            let error = bad.parse::<ContentHash>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
}
