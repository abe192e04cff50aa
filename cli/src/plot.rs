//! Curves drawn with braille or ASCII characters, as text without I/O.
//!
//! Each column of dots shows the whole range of its values, so that no spike is lost among many
//! points. Values that are not on the axis (NaN, infinities, and values up to 0 on a logarithmic
//! axis) are marked on a line below the curve.

use tracklite::MetricHistory;

use crate::ticks::{self, Scale, Tick};

/// The minimum width of the curve in characters.
const WIDTH_MIN: usize = 10;
/// The minimum height of the curve in lines.
const HEIGHT_MIN: usize = 3;

/// The size and style of a plot.
#[derive(Clone, Copy, Debug)]
pub struct PlotOptions {
    /// The width in characters, including labels. At least 10 are drawn beside the labels.
    pub width: usize,
    /// The height of the curve in lines, at least 3.
    pub height: usize,
    /// Whether the axis of values is logarithmic.
    pub log_y: bool,
    /// Whether to use only ASCII.
    pub ascii: bool,
}

/// A line of a plot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlotLine {
    /// The label and the axis on the left.
    pub(crate) label: String,
    /// The curve, marks or labels of the axis of steps.
    pub(crate) body: String,
}

/// Draws these points over their steps, as the command `tracklite metrics` does. Returns lines
/// without a last line break. Empty if there are no points.
#[must_use]
pub fn plot_text(history: &MetricHistory, options: PlotOptions) -> String {
    let lines = plot(history, options).into_iter();
    let lines = lines.map(|line| format!("{}{}", line.label, line.body).trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// Draws these points over their steps. Returns no lines if there are no points.
pub(crate) fn plot(history: &MetricHistory, options: PlotOptions) -> Vec<PlotLine> {
    let scale = if options.log_y { Scale::Logarithmic } else { Scale::Linear };
    let points = sorted_points(history);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    let steps = (first.0, last.0);
    let height = options.height.max(HEIGHT_MIN);
    let (range, labels) = match value_range(&points, scale) {
        None => (None, Vec::new()),
        Some((low, high)) if low < high => {
            (Some((low, high)), ticks::values((low, high), scale, height))
        }
        Some((only, _)) => (Some(scale.around(only)), vec![Tick::centered(only, height)]),
    };
    let label_width = labels.iter().map(|tick| tick.label.len()).max().unwrap_or(0).max(6);
    let width = options.width.saturating_sub(label_width + 2).max(WIDTH_MIN);

    let mut canvas = Canvas::new(width, height, options.ascii);
    let mut marks = vec![None; width];
    draw(&points, range, scale, &mut canvas, &mut marks);

    let axis = if options.ascii { ('|', '+') } else { ('\u{2502}', '\u{2524}') };
    let mut lines = Vec::with_capacity(height + 3);
    for row in 0..height {
        let tick = labels.iter().find(|tick| tick.place == row);
        let (label, mark) = tick.map_or(("", axis.0), |tick| (&tick.label, axis.1));
        let body = canvas.line(height - 1 - row);
        lines.insert(0, PlotLine { label: format!("{label:>label_width$} {mark}"), body });
    }
    lines.extend(step_axis(steps, width, label_width, options.ascii));
    lines.extend(mark_line(&marks, label_width));
    lines
}

/// Returns steps and values in the order of steps, and of logging within a step.
fn sorted_points(history: &MetricHistory) -> Vec<(i64, f64)> {
    let steps = history.steps.iter().copied();
    let mut points: Vec<(i64, f64)> = steps.zip(history.values.iter().copied()).collect();
    if !points.is_sorted_by_key(|point| point.0) {
        points.sort_by_key(|point| point.0);
    }
    points
}

/// Returns the minimum and the maximum of the values that are on the axis.
fn value_range(points: &[(i64, f64)], scale: Scale) -> Option<(f64, f64)> {
    let mut shown = points.iter().map(|point| point.1).filter(|&value| scale.has(value));
    let first = shown.next()?;
    Some(shown.fold((first, first), |(low, high), value| (low.min(value), high.max(value))))
}

/// The values in a column of dots.
#[derive(Clone, Copy)]
struct Envelope {
    first: f64,
    last: f64,
    min: f64,
    max: f64,
    /// Whether the curve is interrupted before this column.
    after_gap: bool,
}

fn draw(
    points: &[(i64, f64)],
    range: Option<(f64, f64)>,
    scale: Scale,
    canvas: &mut Canvas,
    marks: &mut [Option<char>],
) {
    let mut columns: Vec<Option<Envelope>> = vec![None; canvas.columns()];
    let mut after_gap = true;
    for &(step, value) in points {
        let column = column_of_step(step, points, columns.len());
        if scale.has(value) {
            add_to(&mut columns[column], value, after_gap);
        } else {
            let mark = &mut marks[column / canvas.cell.0];
            *mark = Some(merged_mark(*mark, mark_of(value)));
        }
        after_gap = !scale.has(value);
    }
    let Some(range) = range else { return };
    let row = |value: f64| ticks::place(scale.share(value, range), canvas.rows());
    let mut before: Option<(usize, usize)> = None;
    let mut drawn = Vec::new();
    for (column, envelope) in columns.iter().enumerate() {
        let Some(envelope) = envelope else { continue };
        if let Some(from) = before.filter(|_| !envelope.after_gap) {
            drawn.push((from, (column, row(envelope.first))));
        }
        drawn.push(((column, row(envelope.min)), (column, row(envelope.max))));
        before = Some((column, row(envelope.last)));
    }
    for (from, to) in drawn {
        canvas.segment(from, to);
    }
}

fn add_to(column: &mut Option<Envelope>, value: f64, after_gap: bool) {
    match column {
        Some(envelope) => {
            envelope.last = value;
            envelope.min = envelope.min.min(value);
            envelope.max = envelope.max.max(value);
        }
        None => {
            *column =
                Some(Envelope { first: value, last: value, min: value, max: value, after_gap });
        }
    }
}

/// Returns the column of dots of a step. `points` are sorted by step and not empty.
fn column_of_step(step: i64, points: &[(i64, f64)], columns: usize) -> usize {
    let (first, last) = (i128::from(points[0].0), i128::from(points[points.len() - 1].0));
    let last_column = i128::try_from(columns - 1).unwrap_or(0);
    let span = (last - first).max(1);
    let column = ((i128::from(step) - first) * last_column + span / 2) / span;
    usize::try_from(column).unwrap_or(0)
}

fn mark_of(value: f64) -> char {
    match value {
        _ if value.is_nan() => 'x',
        f64::INFINITY => '^',
        f64::NEG_INFINITY => 'v',
        _ => 'o',
    }
}

/// Returns the mark of a character, which is a star for several kinds of values.
fn merged_mark(old: Option<char>, new: char) -> char {
    if old.is_none_or(|old| old == new) { new } else { '*' }
}

/// Draws the axis of steps and its labels.
fn step_axis(
    steps: (i64, i64),
    width: usize,
    label_width: usize,
    ascii: bool,
) -> impl Iterator<Item = PlotLine> {
    let (corner, line, tick) =
        if ascii { ('+', '-', '+') } else { ('\u{2514}', '\u{2500}', '\u{252c}') };
    let mut axis = vec![line; width];
    let mut labels = vec![' '; width];
    let mut free = 0;
    for (place, label) in ticks::steps(steps, width) {
        let start = place.saturating_sub(label.len() / 2).min(width.saturating_sub(label.len()));
        if start < free || label.len() > width {
            continue;
        }
        axis[place] = tick;
        for (at, letter) in label.chars().enumerate() {
            labels[start + at] = letter;
        }
        free = start + label.len() + 1;
    }
    let axis = PlotLine {
        label: format!("{:label_width$} {corner}", ""),
        body: axis.into_iter().collect(),
    };
    let labels = PlotLine {
        label: format!("{:>label_width$}  ", "step"),
        body: labels.into_iter().collect::<String>().trim_end().to_owned(),
    };
    [axis, labels].into_iter()
}

/// Draws the line of marks and a legend, unless all values are on the axis.
fn mark_line(marks: &[Option<char>], label_width: usize) -> Vec<PlotLine> {
    const MEANINGS: [(char, &str); 5] = [
        ('x', "NaN"),
        ('^', "Infinity"),
        ('v', "-Infinity"),
        ('o', "0 or below"),
        ('*', "several kinds"),
    ];
    let used = |mark: char| marks.contains(&Some(mark));
    let legend: Vec<String> = MEANINGS
        .iter()
        .filter(|(mark, _)| used(*mark))
        .map(|(mark, meaning)| format!("{mark} = {meaning}"))
        .collect();
    if legend.is_empty() {
        return Vec::new();
    }
    let body: String = marks.iter().map(|mark| mark.unwrap_or(' ')).collect();
    vec![
        PlotLine {
            label: format!("{:>label_width$}  ", "marks"),
            body: body.trim_end().to_owned(),
        },
        PlotLine { label: format!("{:label_width$}  ", ""), body: legend.join(", ") },
    ]
}

/// A grid of dots, with several dots in a character. Row 0 is the lowest.
struct Canvas {
    width: usize,
    /// The columns and rows of dots in a character.
    cell: (usize, usize),
    dots: Vec<bool>,
}

impl Canvas {
    fn new(width: usize, height: usize, ascii: bool) -> Self {
        let cell = if ascii { (1, 1) } else { (2, 4) };
        Canvas { width, cell, dots: vec![false; width * cell.0 * height * cell.1] }
    }

    fn columns(&self) -> usize {
        self.width * self.cell.0
    }

    fn rows(&self) -> usize {
        self.dots.len() / self.columns()
    }

    fn set(&mut self, column: usize, row: usize) {
        let columns = self.columns();
        self.dots[row * columns + column] = true;
    }

    /// Draws a straight line that includes both ends.
    fn segment(&mut self, from: (usize, usize), to: (usize, usize)) {
        let across = from.0.abs_diff(to.0);
        let up = from.1.abs_diff(to.1);
        let pieces = across.max(up);
        for piece in 0..=pieces {
            let part = |from: usize, to: usize, length: usize| {
                let moved = (length * piece * 2 + pieces) / (2 * pieces.max(1));
                if from <= to { from + moved } else { from - moved }
            };
            self.set(part(from.0, to.0, across), part(from.1, to.1, up));
        }
    }

    /// Returns the characters of a line. Line 0 is at the top.
    fn line(&self, line: usize) -> String {
        let top = self.rows() - 1 - line * self.cell.1;
        let cells = (0..self.width).map(|cell| self.character(cell * self.cell.0, top));
        let line: String = cells.collect();
        line.trim_end().to_owned()
    }

    fn character(&self, left: usize, top: usize) -> char {
        let is_set =
            |across: usize, down: usize| self.dots[(top - down) * self.columns() + left + across];
        if self.cell == (1, 1) {
            return if is_set(0, 0) { '*' } else { ' ' };
        }
        // Unicode numbers the dots of the left column 1, 2, 3 and 7 from the top, and those of the
        // right column 4, 5, 6 and 8. Dot n is bit n - 1.
        const BITS: [(usize, usize, u32); 8] = [
            (0, 0, 0x01),
            (0, 1, 0x02),
            (0, 2, 0x04),
            (1, 0, 0x08),
            (1, 1, 0x10),
            (1, 2, 0x20),
            (0, 3, 0x40),
            (1, 3, 0x80),
        ];
        let set = BITS.iter().filter(|&&(across, down, _)| is_set(across, down));
        let bits: u32 = set.map(|&(_, _, bit)| bit).sum();
        if bits == 0 {
            return ' ';
        }
        char::from_u32(0x2800 + bits).unwrap_or(' ')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracklite::{MetricPoint, Timestamp};

    fn history(values: &[f64]) -> MetricHistory {
        let mut history = MetricHistory::default();
        for (step, &value) in values.iter().enumerate() {
            let step = i64::try_from(step).unwrap();
            history.push(MetricPoint { step, time: Timestamp::from_nanos(0), value });
        }
        history
    }

    fn drawn(values: &[f64], options: PlotOptions) -> Vec<String> {
        plot_text(&history(values), options).lines().map(str::to_owned).collect()
    }

    fn ascii(width: usize, height: usize) -> PlotOptions {
        PlotOptions { width, height, log_y: false, ascii: true }
    }

    #[test]
    fn a_straight_line_is_drawn_from_corner_to_corner() {
        let got = drawn(&[0.0, 1.0, 2.0, 3.0, 4.0], ascii(21, 5));
        let labels: Vec<&str> = got.iter().take(5).map(|line| &line[..8]).collect();
        assert_eq!(labels, ["     4 +", "       |", "     2 +", "       |", "     0 +"]);
        let curve: Vec<&str> = got.iter().take(5).map(|line| line[8..].trim()).collect();
        assert_eq!(curve, ["**", "***", "***", "***", "**"]);
        assert_eq!(got[0].len(), 21, "the last point is in the last column");
        assert!(got[4].starts_with("     0 +*"), "the first one in the first");
        assert_eq!(got[5], "       ++--+--+--+--+");
        assert_eq!(got[6], "  step  0  1  2  3  4");
    }

    #[test]
    fn a_single_spike_among_a_million_points_is_seen() {
        let mut values = vec![0.0; 1_000_000];
        values[123_456] = 7.0;
        values[777_777] = -7.0;
        let lines = drawn(&values, PlotOptions { ascii: false, ..ascii(60, 8) });
        let has_dots = |line: &str| line.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c));
        assert!(has_dots(&lines[0]) && has_dots(&lines[7]), "{lines:#?}");
    }

    #[test]
    fn values_without_a_place_are_marked_and_break_the_curve() {
        let values = [1.0, 1.0, f64::NAN, 2.0, f64::INFINITY, f64::NEG_INFINITY];
        let lines = drawn(&values, ascii(18, 3));
        let marks = &lines[5];
        assert!(marks.starts_with(" marks  "), "{lines:#?}");
        assert_eq!(marks[8..].replace(' ', ""), "x^v");
        assert_eq!(lines[6].trim(), "x = NaN, ^ = Infinity, v = -Infinity");
        assert_eq!(lines[1].matches('*').count(), 0, "no line across the NaN: {lines:#?}");
    }

    #[test]
    fn a_history_of_nan_has_axes_and_marks() {
        let lines = drawn(&[f64::NAN, f64::NAN], ascii(30, 4));
        assert!(lines.iter().any(|line| line.contains("x = NaN")), "{lines:#?}");
    }

    #[test]
    fn a_logarithmic_axis_marks_what_is_not_above_zero() {
        let options = PlotOptions { log_y: true, ..ascii(40, 5) };
        let lines = drawn(&[1e-4, 1e-2, 0.0, 1.0], options);
        assert!(lines[0].starts_with("   1e0 +"), "{lines:#?}");
        assert!(lines[4].starts_with("  1e-4 +"), "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains("o = 0 or below")));
    }

    #[test]
    fn extreme_values_and_steps_do_not_overflow() {
        let mut history = history(&[]);
        for (step, value) in [(i64::MIN, f64::MIN), (0, 0.0), (i64::MAX, f64::MAX)] {
            history.push(MetricPoint { step, time: Timestamp::from_nanos(0), value });
        }
        let options = PlotOptions { width: 60, height: 9, log_y: false, ascii: true };
        let lines = plot(&history, options);
        assert!(lines[0].body.ends_with('*') && lines[8].body.starts_with('*'), "{lines:#?}");
        assert!(lines[4].body.contains('*'), "{lines:#?}");
    }

    #[test]
    fn no_point_is_no_plot_and_one_point_is_a_plot() {
        assert!(plot(&history(&[]), ascii(40, 5)).is_empty());
        let lines = drawn(&[3.5], ascii(40, 5));
        assert_eq!(lines.concat().matches('*').count(), 1, "{lines:#?}");
        assert!(lines.concat().contains("3.5 +"), "{lines:#?}");
    }
}
