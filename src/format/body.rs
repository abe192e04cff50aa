//! The bodies of records: bincode in one fixed configuration.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::error::{DecodeError, EncodeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::FRAME_PAYLOAD_MAX;

/// The bincode configuration for writing: variable-length integers, little-endian, bounded.
const CONFIGURATION: Configuration<LittleEndian, Varint, Limit<FRAME_PAYLOAD_MAX>> =
    bincode::config::standard().with_limit::<FRAME_PAYLOAD_MAX>();

/// The bincode configuration for reading.
///
/// The limit is larger than for writing, because bincode counts decoded bytes, up to 16 per encoded
/// byte. Every frame that was written must be readable. The frame bounds the encoded bytes.
pub(super) const READING: Configuration<LittleEndian, Varint, Limit<{ 16 * FRAME_PAYLOAD_MAX }>> =
    bincode::config::standard().with_limit::<{ 16 * FRAME_PAYLOAD_MAX }>();

pub(super) fn encode_body<T: Serialize>(body: &T, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
    bincode::serde::encode_into_std_write(body, bytes, CONFIGURATION).map(|_| ())
}

pub(super) fn decode_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    let (record, used) = bincode::serde::decode_from_slice(body, READING)?;
    if used == body.len() {
        return Ok(record);
    }
    Err(DecodeError::Other("the record has bytes after its last field"))
}
