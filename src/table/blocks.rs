//! The blocks of segments that a read takes, and the places of their images.

use std::ops::Range;

use crate::entity::table::NO_ROW;
use crate::table::segment::Segment;

/// Some blocks of segments, in order. Their rows are images, numbered from 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    /// Segment and number of each block.
    blocks: Vec<(usize, usize)>,
    /// The first image of each block.
    starts: Vec<u32>,
    rows: u64,
}

impl Blocks {
    /// Returns all blocks.
    pub(crate) fn all(segments: &[Segment]) -> Blocks {
        Blocks::of_rows(segments, |_, _| true)
    }

    /// Returns the blocks that `keep` accepts.
    pub(crate) fn of_rows(segments: &[Segment], keep: impl Fn(&Segment, usize) -> bool) -> Blocks {
        let mut kept = Blocks::default();
        for (at, segment) in segments.iter().enumerate() {
            let blocks = segment.footer.blocks.iter().enumerate();
            for (number, block) in blocks.filter(|(number, _)| keep(segment, *number)) {
                kept.add((at, number), block.rows);
            }
        }
        kept
    }

    fn add(&mut self, block: (usize, usize), rows: u64) {
        self.blocks.push(block);
        // `Images` refuses more rows than this has room for.
        self.starts.push(u32::try_from(self.rows).unwrap_or(NO_ROW));
        self.rows += rows;
    }

    /// Returns the number of images.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns whether a block is among these.
    pub(crate) fn has(&self, segment: usize, block: usize) -> bool {
        self.blocks.binary_search(&(segment, block)).is_ok()
    }

    /// Iterates over the blocks: the segment and the images of each.
    pub(crate) fn of<'s>(
        &'s self,
        segments: &'s [Segment],
    ) -> impl Iterator<Item = (&'s Segment, Range<usize>)> {
        (0..self.blocks.len()).filter_map(|at| {
            let (segment, _) = self.blocks.get(at)?;
            Some((segments.get(*segment)?, self.images(at)))
        })
    }

    /// Returns the images of a block.
    fn images(&self, at: usize) -> Range<usize> {
        let start = |at: usize| self.starts.get(at).map(|start| *start as usize);
        start(at).unwrap_or(0)..start(at + 1).unwrap_or(self.rows as usize)
    }

    /// Returns the number of the block with an image.
    fn block_of(&self, image: u32) -> usize {
        self.starts.partition_point(|start| *start <= image).saturating_sub(1)
    }

    /// Returns the blocks that have one of the images.
    pub(crate) fn used(&self, images: impl Iterator<Item = u32>) -> Blocks {
        let mut used = vec![false; self.blocks.len()];
        let mut last = 0..0;
        for image in images {
            // Images mostly follow one another.
            if !last.contains(&(image as usize)) {
                let at = self.block_of(image);
                last = self.images(at);
                if let Some(used) = used.get_mut(at) {
                    *used = true;
                }
            }
        }
        let mut kept = Blocks::default();
        for (at, block) in self.blocks.iter().enumerate().filter(|(at, _)| used[*at]) {
            kept.add(*block, self.images(at).len() as u64);
        }
        kept
    }

    /// Returns the places of images of `all` in these blocks, which are some of them.
    pub(crate) fn places(&self, mut images: Vec<u32>, all: &Blocks) -> Vec<u32> {
        if self.blocks.len() == all.blocks.len() {
            return images;
        }
        let starts = all.blocks.iter().map(|block| {
            let at = self.blocks.binary_search(block).ok();
            at.and_then(|at| self.starts.get(at)).copied().unwrap_or(NO_ROW)
        });
        let starts: Vec<u32> = starts.collect();
        for image in images.iter_mut().filter(|image| **image != NO_ROW) {
            let at = all.block_of(*image);
            let before = all.starts.get(at).copied().unwrap_or_default();
            let start = starts.get(at).copied().unwrap_or(NO_ROW);
            *image = start.saturating_add(*image - before);
        }
        images
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(rows: &[u64]) -> Blocks {
        let mut blocks = Blocks::default();
        rows.iter().enumerate().for_each(|(at, rows)| blocks.add((0, at), *rows));
        blocks
    }

    #[test]
    fn images_keep_their_rows_when_blocks_are_left_out() {
        let all = blocks(&[3, 0, 2, 4]);
        let used = all.used([0, 8, 2].into_iter());
        assert_eq!(
            (used.rows(), used.has(0, 0), used.has(0, 2), used.has(0, 3)),
            (7, true, false, true)
        );
        assert_eq!(used.places(vec![0, 2, 5, 8, NO_ROW], &all), [0, 2, 3, 6, NO_ROW]);
        assert_eq!(all.places(vec![4, NO_ROW], &all), [4, NO_ROW]);
        assert_eq!(all.used(std::iter::empty()).rows(), 0);
    }
}
