//! The state of a file in a few numbers, to see whether it has changed.

use crate::engine::Engine;
use crate::entity::ChangeCursor;
use crate::error::Result;

impl Engine {
    /// Returns the current state. Reads only what was appended since the last call.
    pub(crate) fn change_cursor(&self) -> Result<ChangeCursor> {
        let points = self.with_live(|live| Ok(live.amounts().fold(0, digest)))?;
        let writers = self.state(|state, _| state.writers.clone())?;
        let mut dead = 0;
        for writer in writers.into_values() {
            let is_dead = self.located(self.log.is_dead(&writer))?;
            dead = digest(dead, (writer.opened.incarnation.0, u64::from(is_dead)));
        }
        self.with_indexed(|indexed| {
            Ok(ChangeCursor {
                // The lower half is as random as the whole.
                file: self.log.header().file.0 as u64,
                chain: indexed.reader.cursor().next.0,
                runs: indexed.marks.runs.0,
                registry: indexed.marks.registry.0,
                points: digest(points, (indexed.marks.batches.0, 0)),
                writers: dead,
            })
        })
    }
}

/// Adds a pair of numbers to a digest, regardless of the order of the pairs.
fn digest(sum: u64, (left, right): (u64, u64)) -> u64 {
    sum.wrapping_add(mixed(mixed(left.wrapping_add(1)) ^ right))
}

/// Mixes the bits of a number (the finalizer of `SplitMix64`).
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_each_number_but_not_on_the_order() {
        let of = |pairs: &[(u64, u64)]| pairs.iter().copied().fold(0, digest);
        assert_eq!(of(&[(1, 2), (3, 4)]), of(&[(3, 4), (1, 2)]));
        let all = [of(&[]), of(&[(0, 0)]), of(&[(0, 1)]), of(&[(1, 0)]), of(&[(0, 0), (1, 0)])];
        for (at, left) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|right| left != right), "{all:?}");
        }
    }
}
