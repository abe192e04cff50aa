//! CRC-32C, with the processor's own instruction for slots.

/// The size of a slot.
const SLOT: usize = 32;

/// Continues the CRC-32C `seed` (0 to begin) over the little-endian bytes of `words`.
///
/// The result equals that of [`crc32c_bytes`]. This function has no start-up cost, which would
/// dominate for the four words of a slot.
#[inline]
pub(crate) fn crc32c_words(seed: u32, words: &[u64]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("sse4.2") {
        // SAFETY: the processor was just found to have the instructions.
        return unsafe { crc32c_words_in_hardware(seed, words) };
    }
    crc32c_words_portable(seed, words)
}

/// Continues the CRC-32C `seed` (0 to begin) over `bytes`. Fast for frames and blocks.
pub(crate) fn crc32c_bytes(seed: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(seed, bytes)
}

/// Continues the CRC-32C `seed` over `bytes`, a multiple of eight. Fast for a few slots.
#[inline]
pub(crate) fn crc32c_slots(seed: u32, bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("sse4.2") {
        // SAFETY: the processor was just found to have the instructions.
        return unsafe { crc32c_slots_in_hardware(seed, bytes) };
    }
    crc32c_bytes(seed, bytes)
}

/// Counts the sealed 32-byte slots at the start of `bytes`, up to the first unsealed one.
///
/// The upper half of a slot's first word is its tag, the lower half its checksum. A slot is sealed
/// if the tag, as a signed number, is positive and the checksum matches. The checksum is a CRC-32C
/// over the tag as a word of its own and the other three words. It continues from `seed` xor the
/// slot's number. The first slot has the number `index`.
#[inline]
pub(crate) fn leading_sealed_slots(seed: u32, index: u32, bytes: &[u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("sse4.2") {
        // SAFETY: the processor was just found to have the instructions.
        return unsafe { leading_sealed_slots_in_hardware(seed, index, bytes) };
    }
    leading_slots_portable(seed, index, bytes)
}

/// Computes [`leading_sealed_slots`] without special instructions.
fn leading_slots_portable(seed: u32, index: u32, bytes: &[u8]) -> usize {
    let (slots, _) = bytes.as_chunks::<SLOT>();
    let is_sealed = |(number, slot): (u32, &[u8; SLOT])| {
        let [word, rest @ ..] = words_of(slot);
        let tag = word >> 32;
        let found = crc32c_words_portable(seed ^ number, &[tag, rest[0], rest[1], rest[2]]);
        word as u32 == found && (tag as u32).cast_signed() > 0
    };
    (index..).zip(slots).map(is_sealed).take_while(|&is_sealed| is_sealed).count()
}

#[inline(always)]
fn words_of(slot: &[u8; SLOT]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(slot.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

// No closures below. A function without the target feature cannot be inlined into one that has it.
// A call per slot or word would cost as much as the checksum.

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn leading_sealed_slots_in_hardware(seed: u32, index: u32, bytes: &[u8]) -> usize {
    let (slots, _) = bytes.as_chunks::<SLOT>();
    let (fours, _) = slots.as_chunks::<4>();
    let mut count = 0;
    for [first, second, third, fourth] in fours {
        // One checksum has a long latency, so four of them run interleaved.
        let number = index.wrapping_add(count as u32);
        let all = is_sealed_in_hardware(seed ^ number, first)
            & is_sealed_in_hardware(seed ^ number.wrapping_add(1), second)
            & is_sealed_in_hardware(seed ^ number.wrapping_add(2), third)
            & is_sealed_in_hardware(seed ^ number.wrapping_add(3), fourth);
        if !all {
            break;
        }
        count += 4;
    }
    while let Some(slot) = slots.get(count) {
        if !is_sealed_in_hardware(seed ^ index.wrapping_add(count as u32), slot) {
            break;
        }
        count += 1;
    }
    count
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
#[inline]
fn is_sealed_in_hardware(seed: u32, slot: &[u8; SLOT]) -> bool {
    use std::arch::x86_64::_mm_crc32_u64;
    let [word, second, third, fourth] = words_of(slot);
    let tag = word >> 32;
    let state = _mm_crc32_u64(u64::from(!seed), tag);
    let state = _mm_crc32_u64(_mm_crc32_u64(_mm_crc32_u64(state, second), third), fourth);
    (word as u32 == !(state as u32)) & ((tag as u32).cast_signed() > 0)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn crc32c_slots_in_hardware(seed: u32, bytes: &[u8]) -> u32 {
    let mut state = u64::from(!seed);
    for eight in bytes.as_chunks::<8>().0 {
        state = std::arch::x86_64::_mm_crc32_u64(state, u64::from_le_bytes(*eight));
    }
    !(state as u32)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn crc32c_words_in_hardware(seed: u32, words: &[u64]) -> u32 {
    let mut state = u64::from(!seed);
    for &word in words {
        state = std::arch::x86_64::_mm_crc32_u64(state, word);
    }
    !(state as u32)
}

fn crc32c_words_portable(seed: u32, words: &[u64]) -> u32 {
    let mut bytes = [0; 64];
    let mut checksum = seed;
    for group in words.chunks(8) {
        for (eight, word) in bytes.chunks_exact_mut(8).zip(group) {
            eight.copy_from_slice(&word.to_le_bytes());
        }
        checksum = crc32c_bytes(checksum, &bytes[..group.len() * 8]);
    }
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: u64) -> Vec<u64> {
        (0..count).map(|i| i.wrapping_add(7).wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect()
    }

    #[test]
    fn words_and_bytes_agree_for_every_length_and_seed() {
        for count in 0..70 {
            let words = words(count);
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            for seed in [0, 1, 0xDEAD_BEEF, u32::MAX] {
                let wanted = crc32c_bytes(seed, &bytes);
                assert_eq!(crc32c_words(seed, &words), wanted, "{count} words, seed {seed}");
                assert_eq!(crc32c_words_portable(seed, &words), wanted);
            }
        }
    }

    #[test]
    fn counting_stops_at_the_first_unsealed_slot() {
        let mut slots: Vec<[u64; 4]> = (0..9).map(|i| [7 + i, i, i * i, !i]).collect();
        for (number, slot) in (30..).zip(&mut slots) {
            slot[0] = slot[0] << 32 | u64::from(crc32c_words(5 ^ number, slot));
        }
        let count = |slots: &[[u64; 4]]| {
            let bytes: Vec<u8> = slots.iter().flatten().flat_map(|w| w.to_le_bytes()).collect();
            let portable = leading_slots_portable(5, 30, &bytes);
            assert_eq!(leading_sealed_slots(5, 30, &bytes), portable);
            assert_eq!(crc32c_slots(3, &bytes), crc32c_bytes(3, &bytes));
            portable
        };
        assert_eq!((count(&slots), count(&slots[..0]), count(&slots[1..])), (9, 0, 0));
        slots[6][3] ^= 1 << 40;
        assert_eq!(count(&slots), 6);
        for upper in [0, 1 << 31] {
            slots[2] = [upper, 1, 2, 3];
            slots[2][0] = upper << 32 | u64::from(crc32c_words(5 ^ 32, &slots[2]));
            assert_eq!(count(&slots), 2, "upper half {upper}");
        }
    }

    #[test]
    fn the_standard_check_value_is_computed() {
        assert_eq!(crc32c_bytes(0, b"123456789"), 0xE306_9283);
        assert_eq!(
            crc32c_words(0, &[u64::from_le_bytes(*b"12345678")]),
            crc32c_bytes(0, b"12345678")
        );
    }

    #[test]
    fn a_checksum_can_be_continued() {
        let words = words(9);
        let (head, tail) = words.split_at(4);
        assert_eq!(crc32c_words(crc32c_words(5, head), tail), crc32c_words(5, &words));
    }
}
