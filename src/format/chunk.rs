//! Chunks: the places where a file is cut, and the names and encoding of its pieces.
//!
//! Cuts depend on the bytes around them (FastCDC), so versions of a large file share the chunks
//! that did not change. A chunk's name is the BLAKE3 hash of its bytes.

use fastcdc::v2020::FastCDC;
use zstd::bulk::{Compressor, Decompressor};

use crate::entity::ContentHash;
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::WrittenFile;

/// The minimum size of a chunk, except for the last one of a file.
pub const CHUNK_BYTES_MIN: usize = 64 * 1024;
/// The approximate average size of chunks.
pub const CHUNK_BYTES_AVERAGE: usize = 256 * 1024;
/// The maximum size of a chunk.
pub const CHUNK_BYTES_MAX: usize = 1024 * 1024;

/// The codec for uncompressed bytes.
pub const CODEC_RAW: u8 = 0;
/// The codec for one zstd frame.
pub const CODEC_ZSTD: u8 = 1;

/// The compression level: the fastest, because callers wait for it.
const LEVEL: i32 = 1;
/// The size from which a chunk is probed by compressing samples first.
///
/// This detects most incompressible chunks at a fraction of the cost.
const PROBED_BYTES: usize = 16 * 1024;
/// The number of samples, and the size of each.
const SAMPLES: usize = 4;
const SAMPLE_BYTES: usize = 1024;
/// A compressed chunk is stored if it saves at least one part in this many.
const SAVING: usize = 16;

/// Returns the hash that names these bytes.
#[must_use]
pub fn hash(bytes: &[u8]) -> ContentHash {
    ContentHash::from_bytes(*blake3::hash(bytes).as_bytes())
}

/// A hasher for a file that arrives in pieces.
#[derive(Debug, Default)]
pub struct FileHasher(blake3::Hasher);

impl FileHasher {
    /// Adds the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the hash of all pieces so far.
    #[must_use]
    pub fn finish(&self) -> ContentHash {
        ContentHash::from_bytes(*self.0.finalize().as_bytes())
    }
}

/// Returns the lengths of the chunks in `bytes`, which start at a chunk boundary.
///
/// Unless the file ends with them (`is_end`), fewer than [`CHUNK_BYTES_MAX`] bytes are left over.
/// They start a chunk whose end is not yet known.
#[must_use]
pub fn cut(bytes: &[u8], is_end: bool) -> Vec<usize> {
    if is_end && bytes.len() <= CHUNK_BYTES_MIN {
        return if bytes.is_empty() { Vec::new() } else { vec![bytes.len()] };
    }
    // All three are within the bounds that the crate asserts, and below 2^32.
    let [min, average, max] =
        [CHUNK_BYTES_MIN, CHUNK_BYTES_AVERAGE, CHUNK_BYTES_MAX].map(|size| size as u32);
    let cutter = FastCDC::new(bytes, min, average, max);
    let (mut at, mut lengths) = (0, Vec::new());
    while at < bytes.len() && (is_end || bytes.len() - at >= CHUNK_BYTES_MAX) {
        let (_, end) = cutter.cut(at, bytes.len() - at);
        lengths.push(end - at);
        at = end;
    }
    lengths
}

/// An encoder that compresses chunks if they shrink. It reuses its memory.
pub struct ChunkEncoder {
    compressor: Compressor<'static>,
    scratch: Vec<u8>,
}

impl std::fmt::Debug for ChunkEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkEncoder").finish_non_exhaustive()
    }
}

impl ChunkEncoder {
    /// Creates an encoder. Fails only if there is no memory.
    pub fn new() -> Result<Self> {
        let compressor = Compressor::new(LEVEL)
            .map_err(|source| Error::io("initialising the compression of chunks", source))?;
        Ok(ChunkEncoder { compressor, scratch: Vec::new() })
    }

    /// Appends the encoded chunk to `out` and returns its codec.
    pub fn encode(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> u8 {
        if self.seems_to_shrink(chunk) && self.shrinks(chunk) {
            out.extend_from_slice(&self.scratch);
            return CODEC_ZSTD;
        }
        out.extend_from_slice(chunk);
        CODEC_RAW
    }

    fn seems_to_shrink(&mut self, chunk: &[u8]) -> bool {
        if chunk.len() < PROBED_BYTES {
            return true;
        }
        let mut samples = Vec::with_capacity(SAMPLES * SAMPLE_BYTES);
        for part in chunk.chunks_exact(chunk.len() / SAMPLES).take(SAMPLES) {
            samples.extend_from_slice(part.get(..SAMPLE_BYTES).unwrap_or(part));
        }
        self.shrinks(&samples)
    }

    /// Compresses into `scratch`. Returns whether the result saves enough.
    fn shrinks(&mut self, bytes: &[u8]) -> bool {
        let limit = bytes.len() - bytes.len().div_ceil(SAVING).min(bytes.len());
        self.scratch.clear();
        // The buffer is limited, so the compressor stops early if the result would be too large.
        self.scratch.reserve(limit);
        let compressed = self.compressor.compress_to_buffer(bytes, &mut self.scratch);
        compressed.is_ok_and(|length| length <= limit)
    }
}

/// Decodes a stored chunk, which must have `length` bytes.
///
/// # Errors
///
/// - [`ErrorKind::Damaged`] if the codec, the encoding or the length is wrong.
pub fn decode(codec: u8, coded: Vec<u8>, length: usize) -> Result<Vec<u8>> {
    let damaged = |what: String| Error::new(ErrorKind::Damaged, what);
    if length > CHUNK_BYTES_MAX {
        return Err(damaged(format!("chunk has {length} bytes, the maximum is {CHUNK_BYTES_MAX}")));
    }
    let bytes = match codec {
        CODEC_RAW => coded,
        CODEC_ZSTD => Decompressor::new()
            .and_then(|mut decompressor| decompressor.decompress(&coded, length))
            .map_err(|source| {
                damaged("chunk is not a zstd frame".to_owned()).with_source(source)
            })?,
        other => return Err(damaged(format!("chunk has unknown codec {other}"))),
    };
    match bytes.len() == length {
        true => Ok(bytes),
        false => Err(damaged(format!("chunk has {} bytes, expected {length}", bytes.len()))),
    }
}

/// Returns the BLAKE3 digest of the files in the order of their paths.
///
/// For each file it covers the length of the path, the path, the size, and the file's own digest.
/// Numbers are 8 bytes, little-endian.
pub(crate) fn digest_of_files<'a>(files: impl IntoIterator<Item = &'a WrittenFile>) -> [u8; 32] {
    let mut files: Vec<&WrittenFile> = files.into_iter().collect();
    files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    let mut hasher = blake3::Hasher::new();
    for file in files {
        hasher.update(&(file.path.len() as u64).to_le_bytes());
        hasher.update(file.path.as_bytes());
        hasher.update(&file.size.to_le_bytes());
        hasher.update(file.digest.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns incompressible bytes.
    fn noise(length: usize, mut seed: u64) -> Vec<u8> {
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn chunks_survive_the_round_trip() {
        let mut encoder = ChunkEncoder::new().unwrap();
        let text = b"the same words repeated often, ".repeat(20_000);
        let noise = noise(300_000, 1);
        for (bytes, codec) in [(&text[..], CODEC_ZSTD), (&noise, CODEC_RAW), (b"", CODEC_RAW)] {
            let mut coded = Vec::new();
            assert_eq!(encoder.encode(bytes, &mut coded), codec);
            assert_eq!(coded.len() < bytes.len(), codec == CODEC_ZSTD);
            assert_eq!(decode(codec, coded.clone(), bytes.len()).unwrap(), bytes);
            let error = decode(codec, coded, bytes.len() + 1).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged);
        }
        assert_eq!(decode(9, vec![1], 1).unwrap_err().kind(), ErrorKind::Damaged);
        assert_eq!(decode(CODEC_ZSTD, vec![1; 9], 1).unwrap_err().kind(), ErrorKind::Damaged);
        assert!(decode(CODEC_RAW, Vec::new(), usize::MAX).is_err());
    }

    #[test]
    fn cuts_depend_on_the_bytes_not_on_their_offset() {
        let bytes = noise(6 * 1024 * 1024, 2);
        let all = cut(&bytes, true);
        assert_eq!(all.iter().sum::<usize>(), bytes.len());
        let (last, others) = all.split_last().unwrap();
        assert!(others.iter().all(|length| (CHUNK_BYTES_MIN..=CHUNK_BYTES_MAX).contains(length)));
        assert!(*last <= CHUNK_BYTES_MAX && all.len() > 6, "{all:?}");
        // The cuts are the same if the bytes come in pieces.
        let (mut at, mut pieces) = (0, Vec::new());
        while at < bytes.len() {
            let end = (at + 2 * CHUNK_BYTES_MAX).min(bytes.len());
            let lengths = cut(&bytes[at..end], end == bytes.len());
            at += lengths.iter().sum::<usize>();
            pieces.extend(lengths);
        }
        assert_eq!(pieces, all);
        // With bytes inserted at the front, all but the first few cuts stay the same.
        let mut moved = noise(1000, 3);
        moved.extend(&bytes);
        let moved = cut(&moved, true);
        assert_eq!(moved[moved.len() - 4..], all[all.len() - 4..]);
        assert_eq!(cut(b"", true), [0; 0]);
    }

    #[test]
    fn a_file_in_pieces_has_the_hash_of_its_bytes() {
        let bytes = noise(10_000, 4);
        let mut hasher = FileHasher::default();
        bytes.chunks(999).for_each(|piece| hasher.update(piece));
        assert_eq!(hasher.finish(), hash(&bytes));
        let empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(hash(b"").to_string(), empty);
    }
}
