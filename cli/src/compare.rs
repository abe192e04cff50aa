//! `tracklite compare`: the differences between runs, in a table with a column for each run.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Serialize, Serializer};
use tracklite::{Database, Error, ErrorKind, Result, RunId, RunRecord, Timestamp};

use crate::args::CompareArgs;
use crate::code::{self, Code};
use crate::columns::{Listed, short_id, short_ids};
use crate::json::Number;
use crate::runs::listed;
use crate::search::run_search;
use crate::table::{Cell, Table};
use crate::terminal::{Style, Terminal};
use crate::{Exit, Failure, Outcome, json, text};

/// The default number of runs to compare that match a filter.
const DEFAULT_RUNS: usize = 8;
/// The minimum width of the values of a run.
const VALUE_WIDTH_MIN: usize = 12;
/// The minimum width of the names of fields.
const NAME_WIDTH_MIN: usize = 16;
/// The only tag with MLflow's prefix that a person writes.
const NOTE_TAG: &str = "mlflow.note.content";
/// The tag of the run name, which is the heading of each column.
const NAME_TAG: &str = "mlflow.runName";

/// The value of a run in a field.
#[derive(Clone, Debug)]
enum Value<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Run(RunId),
    /// To the millisecond.
    Time(Timestamp),
    /// In milliseconds.
    Span(i64),
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Text(left), Value::Text(right)) => left == right,
            (Value::Number(left), Value::Number(right)) => {
                left == right || (left.is_nan() && right.is_nan())
            }
            (Value::Run(left), Value::Run(right)) => left == right,
            (Value::Time(left), Value::Time(right)) => left.as_millis() == right.as_millis(),
            (Value::Span(left), Value::Span(right)) => left == right,
            _ => false,
        }
    }
}

impl Value<'_> {
    fn short(&self) -> String {
        match self {
            Value::Text(text) => text.to_string(),
            Value::Number(number) => text::number(*number),
            Value::Run(id) => short_id(*id, 8),
            Value::Time(time) => text::date(*time),
            Value::Span(millis) => text::span(millis.saturating_mul(1_000_000)),
        }
    }

    /// Returns the text with the digits that `short` leaves out.
    fn exact(&self) -> String {
        match self {
            Value::Text(text) => text.to_string(),
            Value::Number(number) => text::exact(*number),
            Value::Run(id) => id.to_string(),
            // Times with the same short text are in the same second.
            Value::Time(time) => time.to_string().get(11..23).unwrap_or_default().to_owned(),
            Value::Span(millis) => format!("{millis} ms"),
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Text(text) => serializer.serialize_str(text),
            Value::Number(number) => Number(*number).serialize(serializer),
            Value::Run(id) => serializer.collect_str(id),
            Value::Time(time) => serializer.serialize_i64(time.as_millis()),
            Value::Span(millis) => serializer.serialize_i64(*millis),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Attribute,
    Metric,
    Param,
    Tag,
    Package,
    Code,
}

/// A field with the value of each run, in the order of the runs.
struct Field<'a> {
    kind: Kind,
    key: &'a str,
    values: Vec<Option<Value<'a>>>,
}

impl Field<'_> {
    fn differs(&self) -> bool {
        self.values.iter().any(|value| *value != self.values[0])
    }

    /// Returns the name in filters.
    fn name(&self) -> String {
        match self.kind {
            Kind::Attribute => self.key.to_owned(),
            Kind::Metric => format!("metrics.{}", self.key),
            Kind::Param => format!("params.{}", self.key),
            Kind::Tag => format!("tags.{}", self.key),
            Kind::Package => format!("packages.{}", self.key),
            Kind::Code => format!("code.{}", self.key),
        }
    }

    /// Returns short texts, or exact ones if short texts would hide a difference.
    fn texts(&self) -> Vec<Option<String>> {
        let values = || self.values.iter().map(Option::as_ref);
        let short: Vec<Option<String>> = values().map(|value| Some(value?.short())).collect();
        let is_hidden = self.differs() && short.iter().all(|text| *text == short[0]);
        if is_hidden { values().map(|value| Some(value?.exact())).collect() } else { short }
    }
}

/// Prints the differences between runs.
pub(crate) fn compare(args: &CompareArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open_read_only(&args.file.path)?;
    let runs = listed(&database, select(&database, args)?)?;
    if runs.len() < 2 {
        let message = match runs.len() {
            0 => "no runs match: a comparison needs at least two",
            _ => "only one run matches: a comparison needs at least two",
        };
        return Err(Error::new(ErrorKind::InvalidInput, message).with_path(&args.file.path).into());
    }
    let codes = runs.iter().map(|run| Code::of(&database, &run.record));
    let codes = codes.collect::<Result<Vec<Code>>>()?;
    let all = fields(&runs, &codes);
    let is_selected = |field: &&Field<'_>| args.all || field.differs();
    let is_visible = |field: &&Field<'_>| args.tags || !is_own_tag(field);
    let shown: Vec<&Field<'_>> = all.iter().filter(is_selected).filter(is_visible).collect();
    if args.output.json {
        json::print(terminal, &Comparison { runs: &runs, fields: &shown })?;
        return Ok(Exit::Success);
    }
    if shown.is_empty() {
        terminal.line("the runs do not differ")?;
    } else {
        print_tables(&runs, &shown, terminal)?;
    }
    let same = all.iter().filter(is_visible).filter(|field| !is_selected(field)).count();
    let own = all.iter().filter(is_selected).filter(|field| !is_visible(field)).count();
    print_notes(same, own, terminal)?;
    if args.code {
        code::print_diffs(&database, &runs, terminal)?;
    }
    Ok(Exit::Success)
}

/// Returns the named runs in their order, each once, or those that match the filter.
fn select(database: &Database, args: &CompareArgs) -> Result<Vec<RunRecord>> {
    if args.runs.is_empty() {
        let filter = args.filter.as_deref().unwrap_or_default();
        let search = run_search(database, filter, &args.selection)?;
        let limit = args.selection.limit.unwrap_or(DEFAULT_RUNS);
        return Ok(database.search_runs(&search.max_results(limit))?.items);
    }
    let mut known = BTreeSet::new();
    let mut records = Vec::new();
    for prefix in &args.runs {
        let id = database.run_by_prefix(prefix)?.id();
        if known.insert(id) {
            records.push(database.run(id)?.record()?);
        }
    }
    Ok(records)
}

/// Returns whether the field is a tag that MLflow's clients set.
fn is_own_tag(field: &Field<'_>) -> bool {
    field.kind == Kind::Tag && field.key.starts_with("mlflow.") && field.key != NOTE_TAG
}

fn fields<'a>(runs: &'a [Listed], codes: &'a [Code]) -> Vec<Field<'a>> {
    let mut fields = attributes(runs);
    let keyed = |kind, key, values| Field { kind, key, values };
    for key in keys(runs, |run| run.record.metrics.keys()) {
        let value = |run: &Listed| Some(Value::Number(run.record.metrics.get(key)?.value));
        fields.push(keyed(Kind::Metric, key, each(runs, value)));
    }
    for key in keys(runs, |run| run.record.params.keys()) {
        let values = each(runs, |run| run.record.params.get(key).map(|text| borrowed(text)));
        fields.push(keyed(Kind::Param, key, values));
    }
    for key in keys(runs, |run| run.record.tags.keys()).into_iter().filter(|key| *key != NAME_TAG) {
        let values = each(runs, |run| run.record.tags.get(key).map(|text| borrowed(text)));
        fields.push(keyed(Kind::Tag, key, values));
    }
    fields.extend(code_fields(codes));
    fields
}

fn code_fields(codes: &[Code]) -> Vec<Field<'_>> {
    let packages: BTreeSet<&str> =
        codes.iter().flat_map(|code| code.packages.keys()).map(String::as_str).collect();
    let package = |key| {
        let version = codes.iter().map(|code| code.packages.get(key).map(String::as_str));
        let values = version.map(|version| version.map(borrowed)).collect();
        Field { kind: Kind::Package, key, values }
    };
    let mut fields: Vec<Field<'_>> = packages.into_iter().map(package).collect();
    let mut add = |key, of: fn(&Code) -> &Option<String>| {
        let values: Vec<_> = codes.iter().map(|code| of(code).as_deref().map(borrowed)).collect();
        if values.iter().any(Option::is_some) {
            fields.push(Field { kind: Kind::Code, key, values });
        }
    };
    add("commit", |code| &code.commit);
    add("patch", |code| &code.patch);
    fields
}

fn borrowed(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

/// Returns the keys of all runs, sorted.
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
    add("experiment_name", each(runs, |run| Some(borrowed(&run.experiment))));
    add("status", each(runs, |run| Some(borrowed(run.record.info.status.as_str()))));
    add("start_time", each(runs, |run| Some(Value::Time(run.record.info.started))));
    add("end_time", each(runs, |run| run.record.info.ended.map(Value::Time)));
    let duration = |run: &Listed| run.duration(now).map(|nanos| Value::Span(nanos / 1_000_000));
    add("duration", each(runs, duration));
    add("user_id", each(runs, |run| Some(borrowed(&run.record.info.user))));
    add("parent_run_id", each(runs, |run| run.record.info.parent.map(Value::Run)));
    let lifecycle = |run: &Listed| Some(borrowed(run.record.info.lifecycle.as_str()));
    add("lifecycle_stage", each(runs, lifecycle));
    fields
}

fn each<'a>(
    runs: &'a [Listed],
    of: impl Fn(&'a Listed) -> Option<Value<'a>>,
) -> Vec<Option<Value<'a>>> {
    runs.iter().map(of).collect()
}

/// Prints as many tables, one below the other, as the width needs for all runs.
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
            NAME_WIDTH_MIN,
            with_gaps(fields, "run_id", |at| fields[at].name().into()),
        );
        for (run, (listed, id)) in runs.iter().zip(&ids).enumerate().skip(from) {
            let cells = with_gaps(fields, id, |at| match &texts[at][run] {
                Some(text) => text.into(),
                None => Cell::styled(Style::Faint, "-"),
            });
            table.long_text(&listed.record.info.name, VALUE_WIDTH_MIN, cells);
        }
        let left_out = table.print(terminal)?.len();
        if left_out == runs.len() - from {
            let note = text::plural(left_out as u64, "run");
            terminal.line(&format!("the terminal is too narrow for {note}"))?;
            break;
        }
        from = runs.len() - left_out;
        if from < runs.len() {
            terminal.line("")?;
        }
    }
    Ok(())
}

/// Makes a column: the head, then a cell for each field, with an empty cell before each kind.
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
        notes.push(format!("{tags} of MLflow left out (--tags)"));
    }
    if !notes.is_empty() {
        let notes = terminal.paint(Style::Faint, &notes.join("; ")).into_owned();
        terminal.line(&format!("\n{notes}"))?;
    }
    Ok(())
}

/// The runs, and for each kind of field an object with the values in the order of the runs.
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
    packages: Lists<'a>,
    code: Lists<'a>,
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
            packages: lists(Kind::Package),
            code: lists(Kind::Code),
        }
        .serialize(serializer)
    }
}
