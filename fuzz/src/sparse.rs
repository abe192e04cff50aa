//! Short inputs for mostly empty files: a repetition of `[words to skip | words to copy]`.
//!
//! Both counts are two little-endian bytes. A word is eight bytes.

/// The maximum length of a file.
const LENGTH_MAX: usize = 4 << 20;

/// Expands an input to a file.
#[must_use]
pub fn unpack(input: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut rest = input;
    while let [a, b, c, d, tail @ ..] = rest {
        let skipped = 8 * usize::from(u16::from_le_bytes([*a, *b]));
        let (words, after) = tail.split_at(tail.len().min(8 * count(*c, *d)));
        if file.len() + skipped + words.len() > LENGTH_MAX {
            break;
        }
        file.resize(file.len() + skipped, 0);
        file.extend_from_slice(words);
        rest = after;
    }
    file
}

fn count(low: u8, high: u8) -> usize {
    usize::from(u16::from_le_bytes([low, high]))
}

/// Returns the shortest input for a file, whose length must be a multiple of 8.
#[must_use]
pub fn pack(file: &[u8]) -> Vec<u8> {
    let words: Vec<&[u8]> = file.chunks(8).collect();
    let mut input = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let max = words.len().min(at + usize::from(u16::MAX));
        let zeros = words[at..max].iter().take_while(|word| is_zero(word)).count();
        let begin = at + zeros;
        let max = words.len().min(begin + usize::from(u16::MAX));
        let filled = words[begin..max].iter().take_while(|word| !is_zero(word)).count();
        for count in [zeros, filled] {
            input.extend(u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes());
        }
        input.extend(words[begin..begin + filled].concat());
        at = begin + filled;
    }
    input
}

fn is_zero(word: &[u8]) -> bool {
    word.iter().all(|&byte| byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_survives_the_round_trip() {
        let mut file = vec![0; 1 << 20];
        file[4096..4104].fill(1);
        file[700_000..700_016].fill(2);
        let input = pack(&file);
        assert!(input.len() < 100, "{}", input.len());
        assert_eq!(unpack(&input), file);
    }

    #[test]
    fn any_input_expands_to_a_file_of_bounded_length() {
        assert!(unpack(&[255; 4096]).len() <= LENGTH_MAX);
        assert_eq!(unpack(&[1, 0]), [0; 0]);
        assert_eq!(unpack(&[1, 0, 2, 0, 9]), [0, 0, 0, 0, 0, 0, 0, 0, 9]);
    }
}
