//! Random damage to the bytes of a file.

use std::ops::Range;

use tracklite::internals::storage::simulated::Random;

use super::corpus::Corpus;

const SECTOR: usize = 512;
const PAGE: usize = 4096;

/// A kind of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Flip,
    Truncate,
    Zero,
    Splice,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Flip, Kind::Truncate, Kind::Zero, Kind::Splice];
}

/// One instance of damage.
#[derive(Clone, Debug)]
pub enum Damage {
    Flip {
        byte: usize,
        bit: usize,
    },
    Truncate(usize),
    Zero(Range<usize>),
    /// Bytes copied from elsewhere in the file.
    Splice {
        from: usize,
        to: Range<usize>,
    },
}

/// Returns the sector or page around a place, or sometimes a few words from there.
fn range_at(place: usize, length: usize, random: &mut Random) -> Range<usize> {
    let size = *random.pick(&[SECTOR, SECTOR, PAGE, 8, 32]);
    let start = if size < SECTOR { place & !7 } else { place / size * size };
    start.min(length - size)..(start + size).min(length)
}

impl Damage {
    /// Draws damage, half of it at or near a boundary of the file's structure.
    pub fn draw(kind: Kind, corpus: &Corpus, random: &mut Random) -> Damage {
        let length = corpus.bytes.len();
        let place = |random: &mut Random| {
            if random.one_in(2) {
                let boundary = *random.pick(&corpus.boundaries);
                return (boundary + random.below(17)).saturating_sub(8).min(length - 1);
            }
            // Most of a file is empty, and damage there has no effect.
            let mut places = (0..8).map(|_| random.below(length));
            places.find(|place| corpus.bytes[*place] != 0).unwrap_or(0)
        };
        let at = place(random);
        match kind {
            Kind::Flip => Damage::Flip { byte: at, bit: random.below(8) },
            Kind::Truncate => Damage::Truncate(at),
            Kind::Zero => Damage::Zero(range_at(at, length, random)),
            Kind::Splice => {
                let to = range_at(at, length, random);
                let from = range_at(place(random), length, random).start;
                let from = if to.len() < SECTOR { from & !7 } else { from / SECTOR * SECTOR };
                Damage::Splice { from: from.min(length - to.len()), to }
            }
        }
    }

    pub fn apply(&self, bytes: &[u8]) -> Vec<u8> {
        let mut damaged = bytes.to_vec();
        match self {
            Damage::Flip { byte, bit } => damaged[*byte] ^= 1 << bit,
            Damage::Truncate(length) => damaged.truncate(*length),
            Damage::Zero(range) => damaged[range.clone()].fill(0),
            Damage::Splice { from, to } => {
                damaged[to.clone()].copy_from_slice(&bytes[*from..from + to.len()]);
            }
        }
        damaged
    }
}
