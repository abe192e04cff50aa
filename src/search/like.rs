//! Pattern matching: `%` matches any text, `_` any one character. There is no escape character.

/// Whether matching is case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Case-sensitive.
    Sensitive,
    /// ASCII letters match in either case. All other letters are case-sensitive, like in SQLite.
    AsciiInsensitive,
}

/// Returns whether the whole text matches the pattern.
///
/// Runs without recursion, and at worst in time proportional to the product of both lengths.
/// Backtracking to the last `%` is enough: it can match whatever an earlier one could.
#[must_use]
pub fn matches(pattern: &str, text: &str, case: Case) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    let mut last_any: Option<(&str, &str)> = None;
    loop {
        if let Some(after) = pattern.strip_prefix('%') {
            if after.is_empty() {
                return true;
            }
            last_any = Some((after, text));
            pattern = after;
        } else if let Some(rests) = after_one(pattern, text, case) {
            (pattern, text) = rests;
        } else if pattern.is_empty() && text.is_empty() {
            return true;
        } else {
            let Some((after, longer)) = last_any.and_then(skip_one) else { return false };
            last_any = Some((after, longer));
            (pattern, text) = (after, longer);
        }
    }
}

/// Strips the first character of both and returns the rests, if the characters match.
fn after_one<'a>(pattern: &'a str, text: &'a str, case: Case) -> Option<(&'a str, &'a str)> {
    let (mut wanted, mut found) = (pattern.chars(), text.chars());
    let (want, have) = (wanted.next()?, found.next()?);
    let same = want == '_'
        || want == have
        || (case == Case::AsciiInsensitive && want.eq_ignore_ascii_case(&have));
    same.then_some((wanted.as_str(), found.as_str()))
}

/// Lets the `%` before `after` match one more character.
fn skip_one<'a>((after, text): (&'a str, &'a str)) -> Option<(&'a str, &'a str)> {
    let mut longer = text.chars();
    longer.next()?;
    Some((after, longer.as_str()))
}
