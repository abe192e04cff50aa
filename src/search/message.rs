//! Error messages that point at a place in a text with a line of carets.

use super::syntax::Span;
use crate::entity::excerpt::push_excerpt;
pub(super) use crate::entity::excerpt::{listed, quoted, visible};
use crate::error::{Error, ErrorKind};

/// The result of a step that may find a problem.
pub(super) type Checked<T> = std::result::Result<T, Problem>;

/// A problem at a place in the text. Boxed, so that `Checked` stays small.
#[derive(Debug)]
pub(super) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    span: Span,
    summary: String,
    expected: String,
    hint: Option<String>,
    /// MLflow's sentence for it. `None` means the sentence for a text that cannot be parsed.
    sentence: Option<String>,
    /// MLflow's error code, if it is not that of an invalid argument.
    mlflow_code: Option<&'static str>,
}

impl Problem {
    /// Returns a problem: what is wrong, where, and what was expected.
    #[cold]
    pub(super) fn new(span: Span, summary: impl Into<String>, expected: impl Into<String>) -> Self {
        let (summary, expected) = (summary.into(), expected.into());
        let (hint, sentence, mlflow_code) = (None, None, None);
        Problem(Box::new(Parts { span, summary, expected, hint, sentence, mlflow_code }))
    }

    /// Sets MLflow's sentence for the problem.
    pub(super) fn sentence(mut self, sentence: String) -> Self {
        self.0.sentence = Some(sentence);
        self
    }

    /// Returns MLflow's sentence for the problem, if it has one of its own.
    pub(super) fn into_sentence(self) -> Option<String> {
        self.0.sentence
    }

    /// Removes MLflow's sentence, which is only that of a filter.
    pub(super) fn unsaid(mut self) -> Self {
        self.0.sentence = None;
        self
    }

    /// Sets MLflow's error code, where it is not that of an invalid argument.
    pub(super) fn mlflow_code(mut self, code: &'static str) -> Self {
        self.0.mlflow_code = Some(code);
        self
    }

    /// Adds a hint as the last line.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds "did you mean ...?" if there is a suggestion.
    pub(super) fn suggest(mut self, suggestion: Option<String>) -> Self {
        if let Some(suggestion) = suggestion {
            self.0.hint = Some(format!("did you mean {suggestion}?"));
        }
        self
    }

    /// Returns the error that shows the place in `text`. `broken` returns MLflow's sentence for a
    /// text that cannot be parsed there.
    #[cold]
    pub(super) fn into_error(self, broken: impl FnOnce(Span) -> String, text: &str) -> Error {
        let Parts { span, summary, expected, hint, sentence, mlflow_code } = *self.0;
        let mut message = sentence.unwrap_or_else(|| broken(span));
        message.push('\n');
        push_excerpt(&mut message, text, span.start..span.end);
        message.push_str(&summary);
        message.push_str(": expected ");
        message.push_str(&expected);
        if let Some(hint) = hint {
            message.push('\n');
            message.push_str(&hint);
        }
        let error = Error::new(ErrorKind::InvalidInput, message).with_place(span.start..span.end);
        match mlflow_code {
            Some(code) => error.with_mlflow_code(code),
            None => error,
        }
    }
}
