//! Help for programs that let people write a filter: the names of fields, and a check.

use crate::error::Result;
use crate::run::search::RunSearch;
use crate::search::{RunFilter, RunNumber, RunOrder, RunText};

impl RunSearch {
    /// Checks the filter and the order without a search.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if one of them is not valid.
    ///   [`Error::place`](crate::Error::place) is the place in its text.
    ///
    /// ```
    /// use tracklite::RunSearch;
    ///
    /// let error = RunSearch::new().filter("metrcs.loss < 1").check().unwrap_err();
    /// assert_eq!(error.place(), Some(0..6));
    /// assert!(error.message().ends_with("did you mean `metrics.loss`?"));
    /// ```
    pub fn check(&self) -> Result<()> {
        RunFilter::parse(self.filter_text())?;
        RunOrder::parse(self.order_texts())?;
        Ok(())
    }

    /// Returns the names of the fields of a filter that have a fixed name, such as `start_time`.
    #[must_use]
    pub fn fixed_fields() -> Vec<String> {
        let texts = [
            RunText::RunName,
            RunText::Status,
            RunText::RunId,
            RunText::UserId,
            RunText::ArtifactUri,
            RunText::DatasetName,
            RunText::DatasetDigest,
            RunText::DatasetContext,
        ];
        let numbers = [RunNumber::StartTime, RunNumber::EndTime];
        let texts = texts.iter().map(ToString::to_string);
        texts.chain(numbers.iter().map(ToString::to_string)).collect()
    }

    /// Returns a metric as a field of a filter, with quotes if its key needs them.
    ///
    /// ```
    /// use tracklite::RunSearch;
    ///
    /// assert_eq!(RunSearch::metric_field("loss"), "metrics.loss");
    /// assert_eq!(RunSearch::metric_field("val/loss"), "metrics.`val/loss`");
    /// ```
    #[must_use]
    pub fn metric_field(key: &str) -> String {
        RunNumber::Metric(key.to_owned()).to_string()
    }

    /// Returns a param as a field of a filter, with quotes if its key needs them.
    #[must_use]
    pub fn param_field(key: &str) -> String {
        RunText::Param(key.to_owned()).to_string()
    }

    /// Returns a tag as a field of a filter, with quotes if its key needs them.
    #[must_use]
    pub fn tag_field(key: &str) -> String {
        RunText::Tag(key.to_owned()).to_string()
    }
}
