//! `tracklite compare`: what differs between runs, as a table with a column for each run.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use super::args::CompareArgs;
use super::columns::{Listed, short_id, short_ids};
use super::json::Number;
use super::runs::listed;
use super::search::run_search;
use super::table::{Cell, Table};
use super::terminal::{Style, Terminal};
use super::{Exit, Failure, Outcome, json, text};
use tracklite::{Database, Error, ErrorKind, Result, RunId, RunRecord, Timestamp};

/// How many of the runs that a filter finds are compared unless another number is asked for.
const RUNS_BY_DEFAULT: usize = 8;
/// The width to which the values of a run may be cut, and the names of fields.
const NARROWEST: (usize, usize) = (12, 16);
/// The one of MLflow's own tags that a person writes.
const NOTE_TAG: &str = "mlflow.note.content";
/// It is the name that stands above each column.
const NAME_TAG: &str = "mlflow.runName";

/// What a run has in a field.
#[derive(Clone, Debug)]
enum Told<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Run(RunId),
    /// To the millisecond.
    Time(Timestamp),
    /// In milliseconds.
    Span(i64),
}

impl PartialEq for Told<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Told::Text(left), Told::Text(right)) => left == right,
            (Told::Number(left), Told::Number(right)) => {
                left == right || (left.is_nan() && right.is_nan())
            }
            (Told::Run(left), Told::Run(right)) => left == right,
            (Told::Time(left), Told::Time(right)) => left.as_millis() == right.as_millis(),
            (Told::Span(left), Told::Span(right)) => left == right,
            _ => false,
        }
    }
}

impl Told<'_> {
    fn short(&self) -> String {
        match self {
            Told::Text(text) => text.to_string(),
            Told::Number(number) => text::number(*number),
            Told::Run(id) => short_id(*id, 8),
            Told::Time(time) => text::date(*time),
            Told::Span(millis) => text::span(millis.saturating_mul(1_000_000)),
        }
    }

    /// With the digits that `short` leaves out.
    fn exact(&self) -> String {
        match self {
            Told::Text(text) => text.to_string(),
            Told::Number(number) => text::exact(*number),
            Told::Run(id) => id.to_string(),
            // Those that look alike are of the same second.
            Told::Time(time) => time.to_string().get(11..23).unwrap_or_default().to_owned(),
            Told::Span(millis) => format!("{millis} ms"),
        }
    }
}

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Told::Text(text) => serializer.serialize_str(text),
            Told::Number(number) => Number(*number).serialize(serializer),
            Told::Run(id) => serializer.collect_str(id),
            Told::Time(time) => serializer.serialize_i64(time.as_millis()),
            Told::Span(millis) => serializer.serialize_i64(*millis),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Attribute,
    Metric,
    Param,
    Tag,
}

/// A field and what each run has in it, in the order of the runs.
struct Field<'a> {
    kind: Kind,
    key: &'a str,
    values: Vec<Option<Told<'a>>>,
}

impl Field<'_> {
    fn differs(&self) -> bool {
        self.values.iter().any(|value| *value != self.values[0])
    }

    /// As filters name it.
    fn name(&self) -> String {
        match self.kind {
            Kind::Attribute => self.key.to_owned(),
            Kind::Metric => format!("metrics.{}", self.key),
            Kind::Param => format!("params.{}", self.key),
            Kind::Tag => format!("tags.{}", self.key),
        }
    }

    /// In few digits, or in all where those would hide the difference.
    fn texts(&self) -> Vec<Option<String>> {
        let values = || self.values.iter().map(Option::as_ref);
        let short: Vec<Option<String>> = values().map(|it| Some(it?.short())).collect();
        let is_hidden = self.differs() && short.iter().all(|text| *text == short[0]);
        if is_hidden { values().map(|it| Some(it?.exact())).collect() } else { short }
    }
}

/// Prints what differs between the runs that are named or found.
pub(super) fn compare(args: &CompareArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open_read_only(&args.file)?;
    let runs = listed(&database, chosen(&database, args)?)?;
    if runs.len() < 2 {
        let message = match runs.len() {
            0 => "there is no such run, and a comparison takes at least two",
            _ => "there is only one such run, and a comparison takes at least two",
        };
        return Err(Error::new(ErrorKind::InvalidInput, message).with_path(&args.file).into());
    }
    let all = fields(&runs);
    let is_meant = |field: &&Field<'_>| args.all || field.differs();
    let is_told = |field: &&Field<'_>| args.tags || !is_own_tag(field);
    let shown: Vec<&Field<'_>> = all.iter().filter(is_meant).filter(is_told).collect();
    if args.json {
        json::print(terminal, &Comparison { runs: &runs, fields: &shown })?;
        return Ok(Exit::Good);
    }
    if shown.is_empty() {
        terminal.line("the runs do not differ")?;
    } else {
        print_tables(&runs, &shown, terminal)?;
    }
    let same = all.iter().filter(is_told).filter(|field| !is_meant(field)).count();
    let own = all.iter().filter(is_meant).filter(|field| !is_told(field)).count();
    print_notes(same, own, terminal)?;
    Ok(Exit::Good)
}

/// The runs that are named, in this order and each once, or those that the filter finds.
fn chosen(database: &Database, args: &CompareArgs) -> Result<Vec<RunRecord>> {
    if args.runs.is_empty() {
        let filter = args.filter.as_deref().unwrap_or_default();
        let search = run_search(database, filter, &args.choice)?;
        let limit = args.choice.limit.unwrap_or(RUNS_BY_DEFAULT);
        return Ok(database.search_runs(&search.max_results(limit))?.items);
    }
    let mut known = BTreeSet::new();
    let mut records = Vec::new();
    for prefix in &args.runs {
        let id = database.find_run(prefix)?;
        if known.insert(id) {
            records.push(database.run(id)?.record()?);
        }
    }
    Ok(records)
}

/// Tags that MLflow's clients set by themselves.
fn is_own_tag(field: &Field<'_>) -> bool {
    field.kind == Kind::Tag && field.key.starts_with("mlflow.") && field.key != NOTE_TAG
}

fn fields(runs: &[Listed]) -> Vec<Field<'_>> {
    let mut fields = attributes(runs);
    let keyed = |kind, key, values| Field { kind, key, values };
    for key in keys(runs, |run| run.record.metrics.keys()) {
        let value = |run: &Listed| Some(Told::Number(run.record.metrics.get(key)?.value));
        fields.push(keyed(Kind::Metric, key, each(runs, value)));
    }
    for key in keys(runs, |run| run.record.params.keys()) {
        let values = each(runs, |run| run.record.params.get(key).map(|text| told(text)));
        fields.push(keyed(Kind::Param, key, values));
    }
    for key in keys(runs, |run| run.record.tags.keys()).into_iter().filter(|key| *key != NAME_TAG) {
        let values = each(runs, |run| run.record.tags.get(key).map(|text| told(text)));
        fields.push(keyed(Kind::Tag, key, values));
    }
    fields
}

fn told(text: &str) -> Told<'_> {
    Told::Text(Cow::Borrowed(text))
}

/// The keys of all runs, sorted.
fn keys<'a, I: Iterator<Item = &'a String>>(
    runs: &'a [Listed],
    keys: impl Fn(&'a Listed) -> I,
) -> BTreeSet<&'a str> {
    runs.iter().flat_map(keys).map(String::as_str).collect()
}

fn attributes(runs: &[Listed]) -> Vec<Field<'_>> {
    let now = Timestamp::now();
    let kind = Kind::Attribute;
    let mut fields = Vec::new();
    let mut add = |key, values| fields.push(Field { kind, key, values });
    add("experiment_name", each(runs, |run| Some(told(&run.experiment))));
    add("status", each(runs, |run| Some(told(run.record.info.status.as_str()))));
    add("start_time", each(runs, |run| Some(Told::Time(run.record.info.started))));
    add("end_time", each(runs, |run| run.record.info.ended.map(Told::Time)));
    let duration = |run: &Listed| run.duration(now).map(|nanos| Told::Span(nanos / 1_000_000));
    add("duration", each(runs, duration));
    add("user_id", each(runs, |run| Some(told(&run.record.info.user))));
    add("parent_run_id", each(runs, |run| run.record.info.parent.map(Told::Run)));
    let lifecycle = |run: &Listed| Some(told(run.record.info.lifecycle.as_str()));
    add("lifecycle_stage", each(runs, lifecycle));
    fields
}

fn each<'a>(
    runs: &'a [Listed],
    of: impl Fn(&'a Listed) -> Option<Told<'a>>,
) -> Vec<Option<Told<'a>>> {
    runs.iter().map(of).collect()
}

/// As many tables below each other as the width takes to show all runs.
fn print_tables(
    runs: &[Listed],
    fields: &[&Field<'_>],
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let ids = short_ids(runs);
    let texts: Vec<Vec<Option<String>>> = fields.iter().map(|field| field.texts()).collect();
    let mut from = 0;
    while from < runs.len() {
        let mut table = Table::default();
        table.long_text(
            "",
            NARROWEST.1,
            with_gaps(fields, "run_id", |at| fields[at].name().into()),
        );
        for (run, (listed, id)) in runs.iter().zip(&ids).enumerate().skip(from) {
            let cells = with_gaps(fields, id, |at| match &texts[at][run] {
                Some(text) => text.into(),
                None => Cell::styled(Style::Faint, "-"),
            });
            table.long_text(&listed.record.info.name, NARROWEST.0, cells);
        }
        let left_out = table.print(terminal)?.len();
        if left_out == runs.len() - from {
            let note = text::plural(left_out as u64, "run");
            terminal.line(&format!("no room for {note}: the terminal is too narrow"))?;
            break;
        }
        from = runs.len() - left_out;
        if from < runs.len() {
            terminal.line("")?;
        }
    }
    Ok(())
}

/// A column of the table: the head, then a cell for each field; an empty one before each kind.
fn with_gaps(fields: &[&Field<'_>], head: &str, cell: impl Fn(usize) -> Cell) -> Vec<Cell> {
    let mut cells = vec![Cell::styled(Style::Faint, head)];
    for (at, field) in fields.iter().enumerate() {
        if at == 0 || fields[at - 1].kind != field.kind {
            cells.push("".into());
        }
        cells.push(cell(at));
    }
    cells
}

fn print_notes(same: usize, own: usize, terminal: &mut Terminal) -> Result<(), Failure> {
    let mut notes = Vec::new();
    if same > 0 {
        notes.push(format!("{} the same (--all)", text::plural(same as u64, "field")));
    }
    if own > 0 {
        let tags = text::plural(own as u64, "tag");
        notes.push(format!("{tags} of MLflow's left out (--tags)"));
    }
    if !notes.is_empty() {
        let notes = terminal.paint(Style::Faint, &notes.join("; ")).into_owned();
        terminal.line(&format!("\n{notes}"))?;
    }
    Ok(())
}

/// The runs, and for each kind of fields an object of lists in the order of the runs.
struct Comparison<'a> {
    runs: &'a [Listed],
    fields: &'a [&'a Field<'a>],
}

#[derive(Serialize)]
struct NamedRun<'a> {
    run_id: String,
    run_name: &'a str,
}

#[derive(Serialize)]
struct ComparisonObject<'a> {
    runs: Vec<NamedRun<'a>>,
    attributes: Lists<'a>,
    metrics: Lists<'a>,
    params: Lists<'a>,
    tags: Lists<'a>,
}

struct Lists<'a>(&'a [&'a Field<'a>], Kind);

impl Serialize for Lists<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.0.iter().filter(|field| field.kind == self.1);
        serializer.collect_map(fields.map(|field| (field.key, &field.values)))
    }
}

impl Serialize for Comparison<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = self.runs.iter().map(|run| NamedRun {
            run_id: run.record.info.id.to_string(),
            run_name: &run.record.info.name,
        });
        let lists = |kind| Lists(self.fields, kind);
        ComparisonObject {
            runs: named.collect(),
            attributes: lists(Kind::Attribute),
            metrics: lists(Kind::Metric),
            params: lists(Kind::Param),
            tags: lists(Kind::Tag),
        }
        .serialize(serializer)
    }
}
