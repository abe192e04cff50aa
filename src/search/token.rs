//! The lexer: splits text into tokens with their places.

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Letters of any script, digits, `_` and `.`, unless they form a number.
    Word,
    /// `1`, `-1`, `.5`, `5.`, `1e-3`.
    Number,
    /// Text between `'`, `"` or backticks, including the quotes.
    Quoted,
    /// A sequence of the characters `< > = ~ !`.
    Operator,
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `,`.
    Comma,
    /// An unterminated quote. The token is the rest of the text.
    Unclosed,
    /// Any other character. `&&`, `||`, `--`, `/*` and `*/` are one token each.
    Other,
    /// The end of the text. Empty.
    End,
}

/// A token and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// The kind.
    pub(super) kind: TokenKind,
    /// The text, including quotes.
    pub(super) text: &'a str,
    /// The index of the first byte.
    pub(super) start: usize,
}

impl<'a> Token<'a> {
    /// Returns the index after the last byte.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Returns whether the token is this word, ignoring ASCII case.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Returns whether the token is quoted with this character.
    pub(super) fn is_quoted_by(&self, quote: char) -> bool {
        self.kind == TokenKind::Quoted && self.text.starts_with(quote)
    }

    /// Returns the text without quotes.
    pub(super) fn unquoted(&self) -> &'a str {
        match self.kind {
            TokenKind::Quoted => unquoted(self.text),
            _ => self.text,
        }
    }
}

/// Strips the first and last byte, which are quotes.
pub(super) fn unquoted(text: &str) -> &str {
    text.get(1..text.len().saturating_sub(1)).unwrap_or(text)
}

/// Returns whether this character is allowed in an unquoted word.
pub(super) fn is_word_character(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// An iterator over the tokens of a text. Linear in the length of the text.
pub(super) struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    /// Creates a lexer for this text.
    pub(super) fn new(text: &'a str) -> Self {
        Lexer { text, position: 0 }
    }

    /// Returns the next token, or [`TokenKind::End`] once the text is used up.
    pub(super) fn next_token(&mut self) -> Token<'a> {
        let rest = self.text.get(self.position..).unwrap_or("");
        let trimmed = rest.trim_start();
        let start = self.text.len() - trimmed.len();
        let (kind, length) = token_at(trimmed);
        self.position = start + length;
        Token { kind, text: trimmed.get(..length).unwrap_or(""), start }
    }
}

fn token_at(rest: &str) -> (TokenKind, usize) {
    let Some(first) = rest.chars().next() else { return (TokenKind::End, 0) };
    match first {
        '\'' | '"' | '`' => match quoted_length(rest) {
            Some(length) => (TokenKind::Quoted, length),
            None => (TokenKind::Unclosed, rest.len()),
        },
        '(' => (TokenKind::Open, 1),
        ')' => (TokenKind::Close, 1),
        ',' => (TokenKind::Comma, 1),
        '<' | '>' | '=' | '~' | '!' => (TokenKind::Operator, run_length(rest, is_operator)),
        '-' if rest[1..].starts_with(|next: char| next == '.' || next.is_ascii_digit()) => {
            word_or_number(rest)
        }
        '.' => word_or_number(rest),
        _ if is_word_character(first) => word_or_number(rest),
        _ => (TokenKind::Other, other_length(rest, first)),
    }
}

fn is_operator(character: char) -> bool {
    matches!(character, '<' | '>' | '=' | '~' | '!')
}

fn other_length(rest: &str, first: char) -> usize {
    let pairs = ["&&", "||", "--", "/*", "*/"];
    if pairs.iter().any(|pair| rest.starts_with(pair)) { 2 } else { first.len_utf8() }
}

fn run_length(rest: &str, belongs: impl Fn(char) -> bool) -> usize {
    rest.find(|character| !belongs(character)).unwrap_or(rest.len())
}

fn word_or_number(rest: &str) -> (TokenKind, usize) {
    let belongs = |character| character == '.' || is_word_character(character);
    let sign = usize::from(rest.starts_with('-'));
    let mut length = sign + run_length(&rest[sign..], belongs);
    let exponent = rest[..length].strip_suffix(['e', 'E']).is_some_and(is_decimal);
    if exponent && rest[length..].starts_with('-') {
        length += 1 + run_length(&rest[length + 1..], belongs);
    }
    let kind = if is_number(&rest[..length]) { TokenKind::Number } else { TokenKind::Word };
    (kind, length)
}

/// Returns whether the language reads this as a number: `1 -1 .5 5. 1e-3`, but not `+1 .5e3 0x10
/// NaN`.
pub(super) fn is_number(text: &str) -> bool {
    match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            is_decimal(mantissa) && is_digits(exponent.strip_prefix('-').unwrap_or(exponent))
        }
        None => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            match digits.split_once('.') {
                Some((whole, "")) => is_digits(whole),
                Some(("", fraction)) => is_digits(fraction),
                Some((whole, fraction)) => is_digits(whole) && is_digits(fraction),
                None => is_digits(digits),
            }
        }
    }
}

/// Returns whether this is a hexadecimal number, which MLflow does not accept as a name.
pub(super) fn is_hexadecimal(text: &str) -> bool {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    digits.is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Returns whether this is a decimal number like `12` or `-1.5`, as allowed before an exponent.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    match digits.split_once('.') {
        Some((whole, fraction)) => is_digits(whole) && is_digits(fraction),
        None => is_digits(digits),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the length of the quoted text at the start of `rest`, including both quotes.
///
/// A doubled quote does not end the text. Except in backticks, a quote after a backslash does not
/// either. If no other quote ends it, the last of those does, like in MLflow.
pub(super) fn quoted_length(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let quote = *bytes.first()?;
    let escapes = quote != b'`';
    let mut last_resort = None;
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        let next_is_quote = bytes.get(at + 1) == Some(&quote);
        if byte == quote && !next_is_quote {
            return Some(at + 1);
        }
        if byte == quote {
            last_resort = Some(at + 1);
            at += 2;
        } else if escapes && byte == b'\\' && next_is_quote {
            last_resort = Some(at + 2);
            at += 2;
        } else {
            at += 1;
        }
    }
    last_resort
}
