//! The parser: turns tokens into the syntax tree of MLflow's grammar.

use super::message::{Checked, Problem, quoted, visible};
use super::syntax::{Comparison, Expression, Identifier, Operator, Span, Value};
use super::token::{Lexer, Token, TokenKind, is_hexadecimal, is_number, unquoted};

/// The longest text accepted, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// The largest number of comparisons in a filter.
pub const COMPARISONS_MAX: usize = 10_000;
/// The longest word repeated in a suggestion, in bytes.
pub(super) const REPEATED_BYTES_MAX: usize = 64;

/// Parses a filter. An empty text is a filter without comparisons.
pub(super) fn parse_filter(text: &str) -> Checked<Expression<'_>> {
    let mut parser = Parser::new(text)?;
    if !text.is_empty() && parser.next.kind == TokenKind::End {
        let place = Span { start: 0, end: 0 };
        return Err(Problem::new(place, "only whitespace", "a comparison or an empty text"));
    }
    let mut all = Vec::with_capacity(4);
    loop {
        while parser.next.is_word("AND") {
            parser.advance();
        }
        if parser.next.kind == TokenKind::End {
            return Ok(Expression::And(all));
        }
        if all.len() == COMPARISONS_MAX {
            let expected = format!("at most {COMPARISONS_MAX}");
            return Err(Problem::new(span(&parser.next), "too many comparisons", expected));
        }
        all.push(Expression::Comparison(parser.comparison()?));
    }
}

/// Parses an item of an order into its identifier and whether `DESC` follows.
pub(super) fn parse_order_item(text: &str) -> Checked<(Identifier<'_>, bool)> {
    let mut parser = Parser::new(text)?;
    let identifier = parser.identifier("a field, like `metrics.accuracy DESC`");
    let identifier = identifier.map_err(Problem::unsaid)?;
    let apart = parser.next.start > identifier.span.end;
    let descending = parser.next.is_word("DESC");
    if apart && (descending || parser.next.is_word("ASC")) {
        parser.advance();
    }
    if parser.next.kind != TokenKind::End {
        return Err(parser.after_order_item());
    }
    Ok((identifier, apart && descending))
}

/// Returns the place of a token.
fn span(token: &Token<'_>) -> Span {
    Span { start: token.start, end: token.end() }
}

struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    next: Token<'a>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Checked<Self> {
        if text.len() > TEXT_BYTES_MAX {
            let summary = format!("text is {} bytes long", text.len());
            let expected = format!("at most {TEXT_BYTES_MAX} bytes");
            return Err(Problem::new(Span { start: 0, end: 0 }, summary, expected));
        }
        let mut lexer = Lexer::new(text);
        let next = lexer.next_token();
        Ok(Parser { text, lexer, next })
    }

    /// Returns the current token and moves to the next.
    fn advance(&mut self) -> Token<'a> {
        std::mem::replace(&mut self.next, self.lexer.next_token())
    }

    fn comparison(&mut self) -> Checked<Comparison<'a>> {
        let identifier = self.identifier("a comparison, like `metrics.accuracy > 0.9`")?;
        let (operator, operator_span) = self.operator()?;
        let (value, value_span) = match operator {
            Operator::IsNull | Operator::IsNotNull => (Value::Absent, operator_span),
            Operator::In | Operator::NotIn => self.list()?,
            _ => self.value()?,
        };
        Ok(Comparison { identifier, operator, operator_span, value, value_span })
    }

    fn identifier(&mut self, expected: &str) -> Checked<Identifier<'a>> {
        let first = self.next;
        let quoted = first.is_quoted_by('`') || first.is_quoted_by('"');
        let reserved = first.is_word("OR") || first.is_word("NOT");
        if !quoted && (reserved || first.kind != TokenKind::Word) {
            let problem = self.unexpected(expected);
            let is_value = matches!(first.kind, TokenKind::Number | TokenKind::Quoted);
            return Err(if is_value { problem.sentence(not_a_field(first.text)) } else { problem });
        }
        self.advance();
        let dotted = quoted && self.is_adjacent(&first) && self.next.text.starts_with('.');
        let identifier = match first.text.split_once('.') {
            _ if dotted => self.after_quoted_prefix(&first)?,
            Some((prefix, "")) if !quoted && self.is_quoted_next(&first) => {
                self.quoted_key(prefix, &first)
            }
            Some((prefix, key)) if !quoted => self.bare(Some(prefix), key, &first),
            _ => self.bare(None, first.text, &first),
        };
        self.check_key(&identifier)?;
        Ok(identifier)
    }

    /// Parses the rest of an identifier whose prefix is quoted: `.key`, or `.` and a quoted key.
    fn after_quoted_prefix(&mut self, first: &Token<'a>) -> Checked<Identifier<'a>> {
        if first.is_quoted_by('"') {
            let summary = "prefix is in double quotes";
            return Err(Problem::new(span(first), summary, "a prefix in backticks or unquoted"));
        }
        let word = self.advance();
        if word.text == "." && self.is_quoted_next(&word) {
            let key = self.quoted_key(first.unquoted(), &word);
            return Ok(Identifier { span: span(first).to(key.span), ..key });
        }
        let key = self.bare(Some(first.unquoted()), &word.text[1..], &word);
        Ok(Identifier { span: span(first).to(key.span), ..key })
    }

    fn quoted_key(&mut self, prefix: &'a str, first: &Token<'a>) -> Identifier<'a> {
        let key = self.advance();
        let span = Span { start: first.start, end: key.end() };
        Identifier { prefix: Some(prefix), key: stripped(key.text), raw_key: key.text, span }
    }

    fn bare(&self, prefix: Option<&'a str>, key: &'a str, token: &Token<'a>) -> Identifier<'a> {
        Identifier { prefix, key: stripped(key), raw_key: key, span: span(token) }
    }

    fn is_adjacent(&self, token: &Token<'_>) -> bool {
        self.next.start == token.end()
    }

    fn is_quoted_next(&self, token: &Token<'_>) -> bool {
        self.is_adjacent(token) && self.next.kind == TokenKind::Quoted
    }

    /// Rejects unquoted keys that MLflow would misread or reject.
    fn check_key(&self, identifier: &Identifier<'a>) -> Checked<()> {
        if identifier.raw_key.starts_with(['`', '"', '\'']) {
            return Ok(());
        }
        let numeric = identifier.key.split('.').any(|part| is_number(part) || is_hexadecimal(part));
        let continues = self.next.start == identifier.span.end
            && matches!(self.next.kind, TokenKind::Other | TokenKind::Number)
            && !matches!(self.next.text, ";" | "&&" | "||" | "--" | "/*" | "*/");
        if numeric || continues || identifier.key.is_empty() {
            return Err(self.needs_backticks(identifier, numeric));
        }
        Ok(())
    }

    #[cold]
    fn needs_backticks(&self, identifier: &Identifier<'a>, numeric: bool) -> Problem {
        let start = identifier.span.start;
        let rest = &self.text[start..];
        let ends = |character: char| character.is_whitespace() || "<>=!~,()".contains(character);
        let whole = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let (prefix, key) = whole.split_once('.').unwrap_or(("", whole));
        let key = key.replace(['`', '"', '\''], "");
        let place = Span { start, end: start + whole.len() };
        let summary = if key.is_empty() {
            format!("missing key in {}", quoted(whole))
        } else {
            format!("{} must be in backticks", quoted(&key))
        };
        let expected = "a name of letters, digits, `_` and `.`, or any key in backticks";
        let mut problem = Problem::new(place, summary, expected);
        if !numeric && !key.is_empty() {
            problem = problem.sentence(not_a_field(whole));
        }
        if key.is_empty() || key.len() > REPEATED_BYTES_MAX {
            return problem;
        }
        let dot = if prefix.is_empty() { "" } else { "." };
        problem.suggest(Some(format!("{prefix}{dot}`{key}`")))
    }

    fn operator(&mut self) -> Checked<(Operator, Span)> {
        let first = self.next;
        let simple = match first.kind {
            TokenKind::Operator => operator_of(first.text),
            TokenKind::Word if first.is_word("LIKE") => Some(Operator::Like),
            TokenKind::Word if first.is_word("ILIKE") => Some(Operator::ILike),
            TokenKind::Word if first.is_word("IN") => Some(Operator::In),
            TokenKind::Word if first.is_word("NOT") => return self.not_in(),
            TokenKind::Word if first.is_word("IS") => return self.is_null(),
            _ => None,
        };
        match simple {
            Some(operator) => {
                self.advance();
                Ok((operator, span(&first)))
            }
            None => Err(self.no_operator()),
        }
    }

    fn not_in(&mut self) -> Checked<(Operator, Span)> {
        let not = self.advance();
        if self.next.is_word("IN") {
            let last = self.advance();
            return Ok((Operator::NotIn, span(&not).to(span(&last))));
        }
        let summary = format!("unexpected {} after NOT", described(&self.next));
        Err(Problem::new(span(&not).to(span(&self.next)), summary, "`NOT IN`"))
    }

    fn is_null(&mut self) -> Checked<(Operator, Span)> {
        let is = self.advance();
        let negated = self.next.is_word("NOT");
        if negated {
            self.advance();
        }
        if self.next.is_word("NULL") {
            let operator = if negated { Operator::IsNotNull } else { Operator::IsNull };
            let last = self.advance();
            return Ok((operator, span(&is).to(span(&last))));
        }
        let summary = format!("unexpected {} after IS", described(&self.next));
        Err(Problem::new(span(&is).to(span(&self.next)), summary, "`IS NULL` or `IS NOT NULL`"))
    }

    fn value(&mut self) -> Checked<(Value<'a>, Span)> {
        let value = match self.next.kind {
            TokenKind::Number => match self.next.text.parse() {
                Ok(number) => Value::Number(number),
                Err(_) => Value::Word,
            },
            TokenKind::Quoted if !self.next.is_quoted_by('`') => Value::Text(self.next.unquoted()),
            TokenKind::Quoted | TokenKind::Word => Value::Word,
            TokenKind::Open => {
                let expected = "a number or a quoted string (lists follow `IN` and `NOT IN`)";
                return Err(Problem::new(span(&self.next), "unexpected list", expected));
            }
            _ => return Err(self.unexpected("a number or a quoted string")),
        };
        let token = self.advance();
        Ok((value, span(&token)))
    }

    fn list(&mut self) -> Checked<(Value<'a>, Span)> {
        let expected = "a list of quoted strings, like `('a', 'b')`";
        let open = self.next;
        if open.kind != TokenKind::Open {
            return Err(self.unexpected(expected));
        }
        self.advance();
        let mut items = Vec::new();
        loop {
            if self.next.kind == TokenKind::Close && !items.is_empty() {
                break;
            }
            items.push(self.list_item(expected)?);
            match self.next.kind {
                TokenKind::Comma => self.advance(),
                TokenKind::Close => break,
                _ => return Err(self.unexpected("`,` or `)`")),
            };
        }
        let close = self.advance();
        Ok((Value::List(items), span(&open).to(span(&close))))
    }

    fn list_item(&mut self, expected: &str) -> Checked<&'a str> {
        let item = self.next;
        if !item.is_quoted_by('\'') && !item.is_quoted_by('"') {
            let hint = match item.kind {
                TokenKind::Word | TokenKind::Number if item.text.len() <= REPEATED_BYTES_MAX => {
                    Some(format!("'{}'", item.text))
                }
                _ => None,
            };
            let sentence = match item.kind {
                TokenKind::Close => {
                    "expected a non-empty list of string values, but got empty list"
                }
                _ => {
                    "expected string value, punctuation, or whitespace, but got different type in \
                      list:"
                }
            };
            let sentence = format!("While parsing a list in the query, {sentence}");
            return Err(self.unexpected(expected).sentence(sentence).suggest(hint));
        }
        let text = item.unquoted();
        if text.contains('\\') || text.as_bytes().contains(&item.text.as_bytes()[0]) {
            let summary = "list item contains a backslash or its own quote";
            let expected = "an item without either (MLflow reads lists by Python's rules)";
            return Err(Problem::new(span(&item), summary, expected));
        }
        self.advance();
        Ok(text)
    }
}

/// Strips the quotes of a key by MLflow's rule: quotes of either kind first, then backticks.
fn stripped(key: &str) -> &str {
    let quoted_by =
        |text: &str, quote| text.len() >= 2 && text.starts_with(quote) && text.ends_with(quote);
    let key = if quoted_by(key, '\'') || quoted_by(key, '"') { unquoted(key) } else { key };
    if quoted_by(key, '`') { unquoted(key) } else { key }
}

/// Returns MLflow's sentence for a comparison that does not begin with a field.
fn not_a_field(text: &str) -> String {
    let text: String = text.chars().take(REPEATED_BYTES_MAX).map(visible).collect();
    format!("Invalid comparison clause. Expected 'Identifier' found '{text}'")
}

fn operator_of(text: &str) -> Option<Operator> {
    Operator::ALL.into_iter().take(6).find(|operator| operator.as_str() == text)
}

/// Returns a token as it appears in a message.
fn described(token: &Token<'_>) -> String {
    match token.kind {
        TokenKind::End => "end of text".to_owned(),
        TokenKind::Unclosed => format!("unterminated quote {}", quoted(token.text)),
        _ => quoted(token.text),
    }
}

/// Problems with tokens.
impl Parser<'_> {
    #[cold]
    fn unexpected(&self, expected: &str) -> Problem {
        let token = &self.next;
        let place = span(token);
        let word = |word: &str| token.is_word(word);
        let problem = |summary: &str| Problem::new(place, summary, expected);
        match token.kind {
            TokenKind::Unclosed => {
                let closing = format!("a closing {}", &token.text[..1]);
                Problem::new(Span { end: place.start + 1, ..place }, "unterminated quote", closing)
            }
            TokenKind::Open => problem("parentheses are not supported here"),
            TokenKind::Number => problem(&format!("{} is not a field", described(token)))
                .hint("write the field on the left and the value on the right"),
            _ if token.text == ";" => problem("`;` is not supported"),
            _ if matches!(token.text, "--" | "/*" | "*/" | "#") => {
                problem("comments are not supported")
            }
            _ if matches!(token.text, "&&" | "&") => {
                problem(&format!("unknown operator {}", described(token)))
                    .suggest(Some("`AND`".into()))
            }
            _ if matches!(token.text, "||" | "|") || word("OR") => {
                problem(&format!("{} is not supported", described(token)))
                    .hint("comparisons can only be joined with `AND`")
            }
            _ if word("NOT") => problem("`NOT` is not supported here"),
            TokenKind::End => problem("unexpected end of text"),
            _ => problem(&format!("unexpected {}", described(token))),
        }
    }

    #[cold]
    fn no_operator(&self) -> Problem {
        let token = &self.next;
        let expected = "an operator: `=`, `!=`, `<`, `<=`, `>`, `>=`, `LIKE`, `ILIKE`, `IN`, \
                        `NOT IN`, `IS NULL` or `IS NOT NULL`";
        if matches!(token.kind, TokenKind::End | TokenKind::Unclosed) {
            return self.unexpected(expected);
        }
        let named = matches!(token.kind, TokenKind::Operator | TokenKind::Word);
        let label = if named { "unknown operator" } else { "unexpected" };
        let summary = format!("{label} {}", described(token));
        let problem = Problem::new(span(token), summary, expected);
        let meant = match token.text {
            "==" | "=~" | "===" => Some("`=`"),
            "<>" | "!==" | "~=" => Some("`!=`"),
            "=>" | "!<" => Some("`>=`"),
            "=<" | "!>" => Some("`<=`"),
            "!" => Some("`!=`"),
            _ if token.is_word("BETWEEN") => Some("two comparisons, `>=` and `<=`"),
            _ => None,
        };
        problem.suggest(meant.map(str::to_owned))
    }

    #[cold]
    fn after_order_item(&self) -> Problem {
        let expected = "`ASC`, `DESC` or the end";
        if self.next.kind == TokenKind::Comma {
            let summary = "more than one field in an item";
            return Problem::new(span(&self.next), summary, "one field per item");
        }
        let mut problem = self.unexpected(expected);
        if self.next.kind == TokenKind::Word && self.text.split_whitespace().count() == 2 {
            let text: String = self.text.chars().take(REPEATED_BYTES_MAX).map(visible).collect();
            problem =
                problem.sentence(format!("Invalid ordering key in order_by clause '{text}'."));
        }
        let meant = crate::entity::nearest::nearest(self.next.text, ["DESC", "ASC"]);
        let long = [("descending", "DESC"), ("ascending", "ASC")];
        let long = long.iter().find(|(word, _)| self.next.is_word(word)).map(|(_, meant)| *meant);
        problem.suggest(meant.or(long).map(|meant| format!("`{meant}`")))
    }
}
