//! Places of a filter that is being written, and the parts that fit there.

use super::token::{Lexer, Token, TokenKind};

/// The part of a comparison that may stand at a place of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilterPart {
    /// A field, such as `metrics.loss`.
    Field,
    /// An operator after this field.
    Operator {
        /// The field as it is written.
        field: String,
    },
    /// A value after this field and an operator.
    Value {
        /// The field as it is written.
        field: String,
    },
    /// `AND`, before the next comparison.
    And,
}

/// A place in a filter that is being written, to suggest how it may continue.
///
/// ```
/// use tracklite::{FilterPart, FilterPlace};
///
/// let text = "metrics.loss < 0.1 AND params.ra";
/// let place = FilterPlace::of(text, text.len());
/// assert_eq!(place.part, FilterPart::Field);
/// assert_eq!((place.from, place.typed.as_str()), (23, "params.ra"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilterPlace {
    /// The part.
    pub part: FilterPart,
    /// The byte at which the part begins.
    pub from: usize,
    /// The text of the part before the place.
    pub typed: String,
}

impl FilterPlace {
    /// Returns the part that fits at byte `at` of a filter. The text need not be valid.
    #[must_use]
    pub fn of(text: &str, at: usize) -> FilterPlace {
        let mut end = at.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = text.get(..end).unwrap_or_default();
        let mut pieces = pieces(before);
        // A piece that ends here is still being written.
        let last = pieces.pop_if(|piece| piece.end == before.len());
        let from = last.map_or(before.len(), |piece| piece.start);
        let mut state = State::default();
        for piece in &pieces {
            state.pass(before.get(piece.start..piece.end).unwrap_or_default(), piece.kind);
        }
        let typed = before.get(from..).unwrap_or_default().to_owned();
        FilterPlace { part: state.part(), from, typed }
    }
}

/// Tokens without space between them that belong together, such as a prefix and a quoted key.
struct Piece {
    start: usize,
    end: usize,
    kind: TokenKind,
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut lexer = Lexer::new(text);
    loop {
        let token = lexer.next_token();
        match pieces.last_mut() {
            _ if token.kind == TokenKind::End => return pieces,
            Some(last) if last.end == token.start && joins(last.kind) && joins(token.kind) => {
                last.end = token.end();
            }
            _ => pieces.push(piece(&token)),
        }
    }
}

fn piece(token: &Token<'_>) -> Piece {
    Piece { start: token.start, end: token.end(), kind: token.kind }
}

fn joins(kind: TokenKind) -> bool {
    let alone = [TokenKind::Operator, TokenKind::Open, TokenKind::Close, TokenKind::Comma];
    !alone.contains(&kind)
}

/// The state after some pieces.
#[derive(Default)]
struct State {
    field: String,
    next: Next,
    in_list: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Next {
    #[default]
    Field,
    Operator,
    Value,
    And,
}

impl State {
    fn pass(&mut self, text: &str, kind: TokenKind) {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        self.next = match self.next {
            Next::Field if is("AND") => Next::Field,
            Next::Field => {
                text.clone_into(&mut self.field);
                Next::Operator
            }
            Next::Operator if kind == TokenKind::Operator => Next::Value,
            Next::Operator if is("NOT") => Next::Operator,
            Next::Operator => Next::Value,
            Next::Value if kind == TokenKind::Open => {
                self.in_list = true;
                Next::Value
            }
            Next::Value if self.in_list && kind != TokenKind::Close => Next::Value,
            Next::Value if is("NOT") => Next::Value,
            Next::Value => {
                self.in_list = false;
                Next::And
            }
            Next::And if is("AND") => Next::Field,
            Next::And => Next::And,
        };
    }

    fn part(self) -> FilterPart {
        let field = self.field;
        match self.next {
            Next::Field => FilterPart::Field,
            Next::Operator => FilterPart::Operator { field },
            Next::Value => FilterPart::Value { field },
            Next::And => FilterPart::And,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place at `|` in a text, as a letter, where it begins, and the text there.
    fn at(text: &str) -> (char, usize, String) {
        let place = FilterPlace::of(&text.replace('|', ""), text.find('|').unwrap());
        let letter = match &place.part {
            FilterPart::Field => 'f',
            FilterPart::Operator { field } => {
                assert_eq!(field, "params.a");
                'o'
            }
            FilterPart::Value { field } => {
                assert_eq!(field, "params.a");
                'v'
            }
            FilterPart::And => 'a',
        };
        (letter, place.from, place.typed)
    }

    #[test]
    fn each_place_has_its_part() {
        for (text, letter, from, typed) in [
            ("|", 'f', 0, ""),
            ("met|rics.loss", 'f', 0, "met"),
            ("metrics.val/lo|", 'f', 0, "metrics.val/lo"),
            ("metrics.`val lo|", 'f', 0, "metrics.`val lo"),
            ("params.a |", 'o', 9, ""),
            ("params.a LI|", 'o', 9, "LI"),
            ("params.a NOT I|", 'o', 13, "I"),
            ("params.a =|", 'o', 9, "="),
            ("params.a = |", 'v', 11, ""),
            ("params.a = 'x|", 'v', 11, "'x"),
            ("params.a IS NOT N|", 'v', 16, "N"),
            ("params.a IN ('x', |'y')", 'v', 18, ""),
            ("params.a IN ('x') |", 'a', 18, ""),
            ("params.a='x' A|", 'a', 13, "A"),
            ("params.a='x' AND |", 'f', 17, ""),
            ("params.a = 'x' and  tags.b = '1' AND t|", 'f', 37, "t"),
        ] {
            assert_eq!(at(text), (letter, from, typed.to_owned()), "{text}");
        }
    }

    #[test]
    fn any_text_and_place_has_an_answer() {
        let text = "a\u{e9}\u{1f600} ((,= 'x` <>";
        for place in 0..text.len() + 3 {
            let found = FilterPlace::of(text, place);
            assert!(found.from <= text.len() && text.is_char_boundary(found.from));
        }
    }
}
