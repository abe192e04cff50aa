//! Queries of curves: axis, range, width and smoothing.

use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};

/// The horizontal axis of a curve.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum CurveAxis {
    /// The training step.
    #[default]
    Step,
    /// The time of logging, in milliseconds since the Unix epoch.
    Time,
    /// The time since the start of the run, in seconds.
    Relative,
    /// The value of another metric of the run at the same step, or at the last step before it.
    Metric(String),
}

impl FromStr for CurveAxis {
    type Err = Error;

    /// Parses `step`, `time`, `relative` or `metrics.KEY`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if it is another text.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "step" => Ok(CurveAxis::Step),
            "time" => Ok(CurveAxis::Time),
            "relative" => Ok(CurveAxis::Relative),
            _ => match text.strip_prefix("metrics.") {
                Some(key) => Ok(CurveAxis::Metric(key.to_owned())),
                None => Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!("unknown axis {text:?}: expected step, time, relative or metrics.KEY"),
                )),
            },
        }
    }
}

/// A method of smoothing. Each one skips NaN and infinities, and is computed over all points.
///
/// Smoothing before thinning makes the result independent of zoom and width.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Smoothing {
    /// An exponential moving average over points, without bias at the start.
    ///
    /// Each point counts `weight` times as much as the next one, from 0 to below 1. This is the
    /// smoothing of TensorBoard.
    Average {
        /// The weight of the past.
        weight: f64,
    },
    /// An exponential moving average over the axis, without bias at the start.
    ///
    /// The weight of a point halves every `half_life`, in the unit of the axis. Runs that log at
    /// different rates look equally smooth.
    HalfLife {
        /// The distance after which a point counts half.
        half_life: f64,
    },
    /// A mean weighted by a Gaussian over the axis.
    Gaussian {
        /// The standard deviation in the unit of the axis.
        sigma: f64,
    },
    /// A mean over a window of points, centred on each point. It is shorter at the ends.
    Window {
        /// The number of points, at least 1. An even number counts one more.
        points: usize,
    },
}

impl Smoothing {
    fn check(self) -> Result<()> {
        let is_valid = match self {
            Smoothing::Average { weight } => (0.0..1.0).contains(&weight),
            Smoothing::HalfLife { half_life: width } | Smoothing::Gaussian { sigma: width } => {
                width > 0.0 && width.is_finite()
            }
            Smoothing::Window { points } => points > 0,
        };
        if is_valid {
            return Ok(());
        }
        let message = format!(
            "{self:?} is not a valid smoothing: use a weight from 0 to below 1, a half-life or a \
             sigma above 0, or at least 1 point"
        );
        Err(Error::new(ErrorKind::InvalidInput, message))
    }
}

/// A query of curves: the axis, the part of it, the width and the smoothing.
///
/// ```
/// use tracklite::curve::{CurveAxis, CurveQuery};
///
/// let query = CurveQuery::new(300).axis(CurveAxis::Relative).range(0.0, 60.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CurveQuery {
    pub(super) columns: usize,
    pub(super) axis: CurveAxis,
    pub(super) range: Option<(f64, f64)>,
    pub(super) row_width: Option<f64>,
    pub(super) smoothing: Option<Smoothing>,
}

impl CurveQuery {
    /// The largest number of pixel columns.
    pub const COLUMNS_MAX: usize = 20_000;

    /// Creates a query for curves that are this number of pixels wide.
    #[must_use]
    pub fn new(columns: usize) -> Self {
        CurveQuery {
            columns,
            axis: CurveAxis::default(),
            range: None,
            row_width: None,
            smoothing: None,
        }
    }

    /// Sets the horizontal axis. Default: the step.
    #[must_use]
    pub fn axis(mut self, axis: CurveAxis) -> Self {
        self.axis = axis;
        self
    }

    /// Restricts the curves to a part of the axis, in its unit. Both ends are included.
    ///
    /// Default: from the first to the last point of the metric in these runs.
    #[must_use]
    pub fn range(mut self, from: f64, to: f64) -> Self {
        self.range = Some((from, to));
        self
    }

    /// Sets the width of a column in the unit of the axis, so that its number follows from the
    /// points. It is at most the number of this query: wider columns are then made.
    ///
    /// With it, new points are read in rows that are as wide as those that are known.
    #[must_use]
    pub fn row_width(mut self, width: f64) -> Self {
        self.row_width = Some(width);
        self
    }

    /// Adds a smoothed value to each row.
    #[must_use]
    pub fn smoothing(mut self, smoothing: Smoothing) -> Self {
        self.smoothing = Some(smoothing);
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let refuse = |message| Err(Error::new(ErrorKind::InvalidInput, message));
        if self.columns == 0 || self.columns > Self::COLUMNS_MAX {
            let max = Self::COLUMNS_MAX;
            return refuse(format!("a curve has {} columns: use 1 to {max}", self.columns));
        }
        if let Some((from, to)) = self.range
            && !(from <= to && from.is_finite() && to.is_finite())
        {
            return refuse(format!(
                "the range from {from} to {to} is not valid: use two numbers, \
                                   the smaller one first"
            ));
        }
        if let Some(width) = self.row_width
            && !(width > 0.0 && width.is_finite())
        {
            return refuse(format!("the width of a row is {width}: use a number above 0"));
        }
        self.smoothing.map_or(Ok(()), Smoothing::check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_parsed_from_their_names() {
        for (text, axis) in [
            ("step", CurveAxis::Step),
            ("time", CurveAxis::Time),
            ("relative", CurveAxis::Relative),
            ("metrics.a b", CurveAxis::Metric("a b".to_owned())),
        ] {
            assert_eq!(text.parse::<CurveAxis>().unwrap(), axis, "{text}");
        }
        let error = "epoch".parse::<CurveAxis>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("metrics.KEY"), "{error}");
    }
}
