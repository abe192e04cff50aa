//! Refusals of expressions, which point at the place with a line of carets.

use std::ops::Range;

use crate::entity::excerpt::push_excerpt;
use crate::error::{Error, ErrorKind};

/// The result of a step that may find a problem.
pub(super) type Checked<T> = std::result::Result<T, Box<Problem>>;

/// A problem at a place in the text: what is wrong, and what was expected.
#[derive(Debug)]
pub(super) struct Problem {
    place: Range<usize>,
    summary: String,
    expected: String,
    hint: Option<String>,
}

impl Problem {
    #[cold]
    pub(super) fn new(
        place: Range<usize>,
        summary: impl Into<String>,
        expected: impl Into<String>,
    ) -> Box<Self> {
        let (summary, expected) = (summary.into(), expected.into());
        Box::new(Problem { place, summary, expected, hint: None })
    }

    /// Adds a hint as the last line.
    pub(super) fn hint(mut self: Box<Self>, hint: impl Into<String>) -> Box<Self> {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the error that shows the place in `text`.
    #[cold]
    pub(super) fn into_error(self, text: &str) -> Error {
        let mut message = "invalid Quartz expression\n".to_owned();
        push_excerpt(&mut message, text, self.place.clone());
        message.push_str(&format!("{}: expected {}", self.summary, self.expected));
        if let Some(hint) = self.hint {
            message.push('\n');
            message.push_str(&hint);
        }
        Error::new(ErrorKind::InvalidInput, message).with_place(self.place)
    }
}
