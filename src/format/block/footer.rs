//! The stored form of the footer, and the trailer that ends the block.

use serde::{Deserialize, Serialize};

use crate::entity::MetricStatistics;
use crate::error::{Error, ErrorKind, Result};

use super::{
    BLOCK_VERSION, FOOTER_BYTES_MAX, SeriesLabel, TRAILER_BYTES, TRAILER_MAGIC, checksum, damaged,
};

/// The properties of a block that need no decoding of columns.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct StoredFooter {
    pub(super) runs: Vec<u128>,
    pub(super) groups: Vec<StoredGroup>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredGroup {
    pub(super) points: u32,
    pub(super) steps: StoredColumn,
    pub(super) times: StoredColumn,
    pub(super) series: Vec<StoredSeries>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredSeries {
    pub(super) series: u32,
    pub(super) run: u32,
    pub(super) key: String,
    pub(super) nan_count: u32,
    pub(super) first_step: i64,
    pub(super) last_step: i64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) sum: f64,
    pub(super) latest_step: i64,
    pub(super) latest_time: i64,
    pub(super) latest_value: f64,
    pub(super) values: StoredColumn,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredColumn {
    pub(super) codec: u8,
    pub(super) length: u32,
    pub(super) checksum: u32,
}

impl StoredSeries {
    /// Creates the stored form of a series. `run` is the index of its run in the footer.
    pub(super) fn new(
        label: &SeriesLabel,
        run: u32,
        statistics: &MetricStatistics,
        values: StoredColumn,
    ) -> Self {
        StoredSeries {
            series: label.series.0,
            run,
            key: label.key.clone(),
            nan_count: u32::try_from(statistics.nan_count).unwrap_or(u32::MAX),
            first_step: statistics.first_step,
            last_step: statistics.last_step,
            min: statistics.min,
            max: statistics.max,
            sum: statistics.sum,
            latest_step: statistics.latest.step,
            latest_time: statistics.latest.time.as_nanos(),
            latest_value: statistics.latest.value,
            values,
        }
    }
}

fn configuration() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<FOOTER_BYTES_MAX>()
}

/// Returns the bincode configuration for reading.
///
/// The limit is larger than for writing, because bincode counts decoded bytes, up to 16 per encoded
/// byte. Every footer that was written must be readable. The trailer bounds the encoded bytes.
fn reading() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<{ 16 * FOOTER_BYTES_MAX }>()
}

/// Appends the footer and the trailer to the columns.
pub(super) fn append_footer(footer: &StoredFooter, block: &mut Vec<u8>) -> Result<()> {
    let start = block.len();
    bincode::serde::encode_into_std_write(footer, block, configuration()).map_err(|source| {
        Error::new(ErrorKind::InvalidInput, "the footer of a column block cannot be encoded")
            .with_source(source)
    })?;
    let length = block.len() - start;
    let length = match u32::try_from(length) {
        Ok(stored) if length <= FOOTER_BYTES_MAX => stored,
        _ => {
            let message = format!(
                "the footer of a column block has {length} bytes, the maximum is {FOOTER_BYTES_MAX}"
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
    };
    block.extend_from_slice(&TRAILER_MAGIC);
    block.push(BLOCK_VERSION);
    block.extend_from_slice(&length.to_le_bytes());
    let checksum = checksum(0, &block[start..]);
    block.extend_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// The trailer of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trailer {
    pub(super) footer_length: usize,
    checksum: u32,
}

impl Trailer {
    /// Reads the trailer from the last bytes of a block of this length.
    pub(super) fn read(bytes: [u8; TRAILER_BYTES], block_length: u64) -> Result<Trailer> {
        let [m0, m1, m2, version, l0, l1, l2, l3, c0, c1, c2, c3] = bytes;
        if [m0, m1, m2] != TRAILER_MAGIC {
            let got = format!("{:02x?}", [m0, m1, m2]);
            return Err(damaged("magic of the trailer", got, "the letters TLB"));
        }
        if version != BLOCK_VERSION {
            let message = format!(
                "column block has layout version {version}, this build reads version \
                 {BLOCK_VERSION}; use a newer build of tracklite"
            );
            return Err(Error::new(ErrorKind::UnsupportedFormat, message));
        }
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let footer_length = usize::try_from(length).unwrap_or(usize::MAX);
        let room = block_length.saturating_sub(TRAILER_BYTES as u64);
        if u64::from(length) > room || footer_length > FOOTER_BYTES_MAX {
            let want = format!("at most {room} and {FOOTER_BYTES_MAX}");
            return Err(damaged("length of the footer", length, &want));
        }
        let checksum = u32::from_le_bytes([c0, c1, c2, c3]);
        Ok(Trailer { footer_length, checksum })
    }

    /// Decodes the footer. `bytes` must be the footer and the trailer.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<StoredFooter> {
        let (footer, trailer) = bytes.split_at(self.footer_length);
        let got = checksum(checksum(0, footer), &trailer[..TRAILER_BYTES - 4]);
        if got != self.checksum {
            let want = format!("{:08x}", self.checksum);
            return Err(damaged("checksum of the footer", format!("{got:08x}"), &want));
        }
        match bincode::serde::decode_from_slice(footer, reading()) {
            Ok((decoded, length)) if length == footer.len() => Ok(decoded),
            Ok((_, length)) => {
                let want = format!("{}", footer.len());
                Err(damaged("end of the footer's fields", length, &want))
            }
            Err(source) => Err(damaged("the footer", "undecodable bytes", "bincode of its fields")
                .with_source(source)),
        }
    }
}
