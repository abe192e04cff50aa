//! Advice on memory that is about to be filled.

use std::mem::MaybeUninit;

use rustix::mm::{Advice, madvise};

/// From this size on huge pages are asked for: two of them fit whatever the alignment.
const LARGE_BYTES: usize = 4 << 20;
const PAGE_BYTES: usize = 4096;

/// Makes room for `additional` more items; room of megabytes on huge pages, where the system has
/// them.
///
/// Filling fresh memory costs a fault a page: with huge pages less than half the time in all.
pub(crate) fn reserve_to_fill<T: Copy>(items: &mut Vec<T>, additional: usize) {
    items.reserve(additional);
    let spare: &mut [MaybeUninit<T>] = items.spare_capacity_mut();
    let bytes = size_of_val(spare);
    if bytes < LARGE_BYTES {
        return;
    }
    let start = spare.as_mut_ptr().cast::<u8>();
    let skipped = start.align_offset(PAGE_BYTES);
    let length = bytes.saturating_sub(skipped) / PAGE_BYTES * PAGE_BYTES;
    // SAFETY: the range lies within the spare room of the vector, which is borrowed mutably; the
    // advice changes how it is backed and not what it holds. That it fails where there are no
    // huge pages is no matter.
    let _ = unsafe { madvise(start.wrapping_add(skipped).cast(), length, Advice::LinuxHugepage) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_and_what_is_there_stays() {
        for additional in [0, 10, 3_000_000] {
            let mut items: Vec<u64> = (0..5).collect();
            reserve_to_fill(&mut items, additional);
            assert!(items.capacity() >= 5 + additional);
            items.extend(0..additional as u64);
            assert_eq!(items[..5], [0, 1, 2, 3, 4]);
            assert_eq!(items.len(), 5 + additional);
            assert!(items[5..].iter().zip(0..).all(|(item, wanted)| *item == wanted));
        }
    }
}
