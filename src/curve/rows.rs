//! The rows of a curve: one for each pixel column, or one for each point if there are few.

use crate::engine::block_cache::{SealedPart, Sketch};
use crate::entity::bucket::{BUCKET_POINTS, Bucket};
use crate::entity::{MetricHistory, MetricPoint};
use crate::error::Result;

use super::axis::{Scale, Window};

/// With up to this number of points for each column, a curve has the points themselves.
const POINTS_PER_COLUMN: usize = 4;

/// A point with its place on the axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) place: f64,
    pub(super) point: MetricPoint,
    /// The smoothed value. NaN without smoothing.
    pub(super) smooth: f64,
}

/// The points of one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) bucket: Bucket,
    /// The place of the first point by time.
    pub(super) first_place: f64,
    /// The place of the last point by time.
    pub(super) last_place: f64,
    /// The smallest and the largest place.
    pub(super) span: (f64, f64),
    /// The smoothed value at the last place.
    pub(super) smooth: f64,
}

impl Row {
    fn of(placed: &Placed) -> Self {
        Row {
            bucket: Bucket::of_point(placed.point),
            first_place: placed.place,
            last_place: placed.place,
            span: (placed.place, placed.place),
            smooth: placed.smooth,
        }
    }

    pub(super) fn add(&mut self, other: &Row) {
        if other.bucket.first.time < self.bucket.first.time {
            self.first_place = other.first_place;
        }
        if other.bucket.last.time >= self.bucket.last.time {
            self.last_place = other.last_place;
        }
        self.span = (self.span.0.min(other.span.0), self.span.1.max(other.span.1));
        if !other.smooth.is_nan() {
            self.smooth = other.smooth;
        }
        self.bucket.add(&other.bucket);
    }
}

/// The rows of a curve in the order of the axis.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    /// Whether each row is one point.
    pub(super) is_exact: bool,
}

/// Makes the rows of these points, which are sorted by place.
pub(super) fn of_points(points: &[Placed], window: &Window) -> Rows {
    let from = points.partition_point(|point| point.place < window.from);
    let until = points.partition_point(|point| point.place <= window.to);
    let inside = points.get(from..until).unwrap_or_default();
    if inside.len() as u64 <= most_points(window) {
        return Rows { rows: inside.iter().map(Row::of).collect(), is_exact: true };
    }
    let mut columns = Columns::new(window);
    inside.iter().for_each(|point| columns.add(point.place, Row::of(point)));
    columns.finish()
}

/// Makes the rows of these points in any order. `points` is called twice.
///
/// They are sorted only if each point is a row, because a column is the same in any order.
pub(super) fn of_unsorted<P: Iterator<Item = Placed>>(
    points: impl Fn() -> P,
    window: &Window,
) -> Rows {
    let inside = || points().filter(|point| window.contains(point.place));
    if inside().count() as u64 <= most_points(window) {
        let mut few: Vec<Placed> = inside().collect();
        sort(&mut few);
        return of_points(&few, window);
    }
    let mut columns = Columns::new(window);
    inside().for_each(|point| columns.add(point.place, Row::of(&point)));
    columns.finish()
}

/// Makes the rows of a sketch. `read` returns the points of a sealed part.
///
/// A bucket that is at most as wide as a column counts in the column of its first place. So a point
/// is at most one column away from its own. Other buckets are divided into their points.
pub(super) fn of_sketch(
    sketch: &Sketch,
    scale: Scale,
    window: &Window,
    mut read: impl FnMut(&SealedPart) -> Result<MetricHistory>,
) -> Result<Rows> {
    let all: u64 = overlapping(sketch, scale, window).map(|part| part.whole.count).sum();
    if all + sketch.points.len() as u64 <= most_points(window) {
        return points_of_sketch(sketch, scale, window, read);
    }
    let mut columns = Columns::new(window);
    for part in overlapping(sketch, scale, window) {
        if !columns.add_bucket(scale, &part.whole) {
            add_part(part, scale, &mut columns, &mut read)?;
        }
    }
    for point in place_all(scale, &sketch.points) {
        columns.add_point(&point);
    }
    let rows = columns.finish();
    let points: u64 = rows.rows.iter().map(|row| row.bucket.count).sum();
    match points > most_points(window) {
        true => Ok(rows),
        false => points_of_sketch(sketch, scale, window, read),
    }
}

/// Makes rows of all points of a sketch in the window.
fn points_of_sketch(
    sketch: &Sketch,
    scale: Scale,
    window: &Window,
    mut read: impl FnMut(&SealedPart) -> Result<MetricHistory>,
) -> Result<Rows> {
    let mut points = place_all(scale, &sketch.points);
    for part in overlapping(sketch, scale, window) {
        points.extend(place_all(scale, &read(part)?));
    }
    sort(&mut points);
    Ok(of_points(&points, window))
}

/// Returns the largest number of points that are rows of their own.
fn most_points(window: &Window) -> u64 {
    (window.columns * POINTS_PER_COLUMN) as u64
}

fn add_part(
    part: &SealedPart,
    scale: Scale,
    columns: &mut Columns<'_>,
    read: &mut impl FnMut(&SealedPart) -> Result<MetricHistory>,
) -> Result<()> {
    let mut points = None;
    for (number, bucket) in part.buckets.iter().enumerate() {
        if !overlaps(scale.span(bucket), columns.window) || columns.add_bucket(scale, bucket) {
            continue;
        }
        let points = match &points {
            Some(points) => points,
            None => points.insert(place_all(scale, &read(part)?)),
        };
        let own = points.iter().skip(number * BUCKET_POINTS).take(BUCKET_POINTS);
        own.for_each(|point| columns.add_point(point));
    }
    Ok(())
}

fn overlapping<'s>(
    sketch: &'s Sketch,
    scale: Scale,
    window: &Window,
) -> impl Iterator<Item = &'s SealedPart> {
    let parts = sketch.sealed.iter().map(AsRef::as_ref);
    parts.filter(move |part: &&SealedPart| overlaps(scale.span(&part.whole), window))
}

fn overlaps((from, to): (f64, f64), window: &Window) -> bool {
    from <= window.to && to >= window.from
}

/// Returns the points with their places.
pub(super) fn place_all(scale: Scale, history: &MetricHistory) -> Vec<Placed> {
    let points = history.iter();
    points.map(|point| Placed { place: scale.place(&point), point, smooth: f64::NAN }).collect()
}

/// Sorts points by place. Points at one place are in the order of a history.
pub(super) fn sort(points: &mut [Placed]) {
    let order = |left: &Placed, right: &Placed| {
        let by_place = left.place.total_cmp(&right.place);
        by_place.then_with(|| left.point.history_order(&right.point))
    };
    if !points.is_sorted_by(|left, right| order(left, right).is_le()) {
        points.sort_by(order);
    }
}

/// Rows by column, while parts are added.
struct Columns<'w> {
    window: &'w Window,
    rows: Vec<Option<Row>>,
}

impl<'w> Columns<'w> {
    fn new(window: &'w Window) -> Self {
        Columns { window, rows: vec![None; window.columns] }
    }

    fn add(&mut self, place: f64, row: Row) {
        match &mut self.rows[self.window.column(place)] {
            Some(known) => known.add(&row),
            none => *none = Some(row),
        }
    }

    fn add_point(&mut self, point: &Placed) {
        if self.window.contains(point.place) {
            self.add(point.place, Row::of(point));
        }
    }

    /// Adds a bucket, if it is inside of the window and no wider than a column.
    fn add_bucket(&mut self, scale: Scale, bucket: &Bucket) -> bool {
        let (from, to) = scale.span(bucket);
        let fits = self.window.from <= from
            && to <= self.window.to
            && to - from <= self.window.column_width();
        if fits {
            let (first_place, last_place) = (scale.place(&bucket.first), scale.place(&bucket.last));
            let (span, smooth) = ((from, to), f64::NAN);
            let row = Row { bucket: *bucket, first_place, last_place, span, smooth };
            self.add(from, row);
        }
        fits
    }

    fn finish(self) -> Rows {
        Rows { rows: self.rows.into_iter().flatten().collect(), is_exact: false }
    }
}
