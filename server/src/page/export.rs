//! Tables and series as files to save.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use tracklite::MetricHistory;
use tracklite::table::Value;

use super::text_table::{Cell, Form};
use super::{names, window};
use crate::access::Scope;
use crate::call::Call;
use crate::failure::Outcome;
use crate::fields::{Read as _, text};
use crate::mlflow::queries;
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/export",
        needs: Scope::Read,
        takes: &[text("handle").required(), text("format")],
        returns: shape::<Nothing>().sent_as("text/csv"),
        handler: runs,
    },
    Route {
        method: Verb::Get,
        path: "/series.csv",
        needs: Scope::Read,
        takes: &[text("run").required(), text("key").required()],
        returns: shape::<Nothing>().sent_as("text/csv"),
        handler: series,
    },
];

/// The columns of each table of runs, beside those that were asked for.
const ALWAYS: &[&str] =
    &["run_id", "run_name", "experiment_id", "status", "start_time", "end_time", "user_id"];

/// Answers with all runs of a selection, in its order.
fn runs(call: &Call) -> Outcome<Reply> {
    let form = Form::named(call.args.text("format").unwrap_or("csv"))?;
    let selection = call.shared.selections.get(call.args.need("handle")?)?;
    let table = window::table(call.database(), &selection.runs, &selection.columns)?;
    let asked = selection.columns.iter().map(|name| (name.clone(), names::column(name)));
    let always = ALWAYS.iter().map(|name| ((*name).to_owned(), (*name).to_owned()));
    let columns: Vec<(String, String)> = always.chain(asked).collect();
    let head: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let rows = table.rows().map(|row| {
        columns.iter().map(|(_, name)| cell(row.get(name).unwrap_or(Value::Null))).collect()
    });
    Ok(saved("runs", form, form.write(&head, rows)))
}

fn cell(value: Value<'_>) -> Cell {
    match value {
        Value::Text(text) => Cell::Text(text.to_owned()),
        Value::Float(number) => Cell::Number(number),
        Value::Integer(number) => Cell::Text(number.to_string()),
        Value::Bool(truth) => Cell::Text(truth.to_string()),
        Value::Time(time) => Cell::Text(time.as_millis().to_string()),
        _ => Cell::Missing,
    }
}

/// Returns a table as a file to save.
fn saved(name: &str, form: Form, text: String) -> Reply {
    let (content_type, ending) = form.content_type();
    let mut reply = Reply::empty(StatusCode::OK)
        .header(CONTENT_TYPE, content_type)
        .header(CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}.{ending}\""));
    reply.body = text.into_bytes();
    reply
}

/// Answers with all points of a metric of a run, in the order of the history.
fn series(call: &Call) -> Outcome<Reply> {
    let id = queries::run_id(call.args.need("run")?)?;
    let run = call.shared.handles.run(call.database(), id)?;
    let MetricHistory { steps, times, values, .. } = run.history(call.args.need("key")?)?;
    let points = steps.into_iter().zip(times).zip(values);
    let rows = points.map(|((step, time), value)| {
        let millis = time.div_euclid(1_000_000);
        vec![Cell::Text(step.to_string()), Cell::Text(millis.to_string()), Cell::Number(value)]
    });
    let head = ["step", "time", "value"].map(str::to_owned);
    Ok(saved("series", Form::Csv, Form::Csv.write(&head, rows)))
}
