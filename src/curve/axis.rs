//! Places on the horizontal axis.

use crate::entity::MetricPoint;
use crate::entity::bucket::Bucket;

/// An axis on which the place of a point follows from its step or its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    Step,
    /// Milliseconds since the Unix epoch.
    Time,
    /// Seconds since this time in nanoseconds.
    Since(i64),
}

impl Scale {
    /// Returns the place of a point.
    pub(super) fn place(self, point: &MetricPoint) -> f64 {
        match self {
            Scale::Step => self.of(point.step),
            Scale::Time | Scale::Since(_) => self.of(point.time.as_nanos()),
        }
    }

    /// Returns the places of the outermost points of a bucket.
    pub(super) fn span(self, bucket: &Bucket) -> (f64, f64) {
        let (from, to) = match self {
            Scale::Step => bucket.steps,
            Scale::Time | Scale::Since(_) => bucket.times,
        };
        (self.of(from), self.of(to))
    }

    #[expect(clippy::cast_precision_loss, reason = "a place on a chart needs no 64 bits")]
    fn of(self, position: i64) -> f64 {
        match self {
            Scale::Step => position as f64,
            // Whole milliseconds are exact, which 64 bits of nanoseconds are not as a number.
            Scale::Time => {
                let millis = position.div_euclid(1_000_000) as f64;
                millis + position.rem_euclid(1_000_000) as f64 / 1e6
            }
            Scale::Since(start) => position.saturating_sub(start) as f64 / 1e9,
        }
    }
}

/// A part of the axis, divided into pixel columns of equal width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) columns: usize,
}

impl Window {
    pub(super) fn contains(&self, place: f64) -> bool {
        self.from <= place && place <= self.to
    }

    /// Makes columns of this width, but no more of them than there are.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number that is too large becomes the largest one"
    )]
    pub(super) fn with_row_width(self, width: Option<f64>) -> Window {
        let Some(width) = width else { return self };
        let columns =
            ((self.to / width - self.from / width).ceil() as usize).clamp(1, self.columns);
        Window { columns, ..self }
    }

    /// Returns the width of a column.
    #[expect(clippy::cast_precision_loss, reason = "columns are few")]
    pub(super) fn column_width(&self) -> f64 {
        // Divided first, because the difference of two numbers may be infinite.
        self.to / self.columns as f64 - self.from / self.columns as f64
    }

    /// Returns the column of a place in the window.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a negative number becomes 0, and a large one the last column"
    )]
    pub(super) fn column(&self, place: f64) -> usize {
        let width = self.column_width();
        if width <= 0.0 {
            return 0;
        }
        (((place - self.from) / width) as usize).min(self.columns - 1)
    }

    /// Returns the middle of a column.
    #[expect(clippy::cast_precision_loss, reason = "columns are few")]
    pub(super) fn middle(&self, column: usize) -> f64 {
        self.from + (column as f64 + 0.5) * self.column_width()
    }
}
