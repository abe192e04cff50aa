//! The text of a token: `tlk_`, 16 digits of the id, `_` and 64 digits of the secret.

use std::fmt;

use crate::entity::TokenId;
use crate::format::secret::SECRET_BYTES;

/// The beginning of each token, by which scanners find leaked ones.
const PREFIX: &str = "tlk_";

/// The text of a new token, which is shown once and is not in the file.
///
/// Its debug text does not contain the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText(String);

impl TokenText {
    pub(crate) fn new(id: TokenId, secret: &[u8; SECRET_BYTES]) -> Self {
        let digits: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        TokenText(format!("{PREFIX}{id}_{digits}"))
    }

    /// Returns the whole text with the secret.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(..)")
    }
}

/// Splits the text of a token into its id and secret. Returns `None` for any other text.
pub(crate) fn parse(text: &str) -> Option<(TokenId, [u8; SECRET_BYTES])> {
    let (id, digits) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let digits: &[u8; 2 * SECRET_BYTES] = digits.as_bytes().try_into().ok()?;
    let mut secret = [0; SECRET_BYTES];
    for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some((id.parse().ok()?, secret))
}

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: TokenId = TokenId::from_bits(0x0123_4567_89ab_cdef);

    #[test]
    fn a_text_parses_to_its_id_and_secret() {
        let secret: [u8; 32] = std::array::from_fn(|place| (place * 8) as u8);
        let text = TokenText::new(ID, &secret);
        assert!(text.as_str().starts_with("tlk_0123456789abcdef_0008101820"));
        assert_eq!(text.as_str().len(), 4 + 16 + 1 + 64);
        assert_eq!(parse(text.as_str()), Some((ID, secret)));
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let text = TokenText::new(ID, &[0xab; 32]);
        let text = text.as_str();
        for other in [
            "",
            "tlk_",
            "tlk__",
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}0"),
            &format!(" {text}"),
            &text.replacen("tlk_", "tlk-", 1),
            &text.replacen("_ab", "_Ab", 1),
            &text.replacen("_ab", "_g0", 1),
            &text.replacen("_ab", "_+1", 1),
            &text.replacen("0123", "123", 1),
            &text.replacen("0123", "\u{e9}12", 1),
            &text.replacen("abab", "\u{e9}ab", 1),
        ] {
            assert_eq!(parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_debug_text_has_no_secret() {
        assert_eq!(format!("{:?}", TokenText::new(ID, &[0xab; 32])), "TokenText(..)");
    }
}
