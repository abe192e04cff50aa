//! Tables and series as files to save.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use tracklite::MetricHistory;

use super::text_table::{Cell, Form};
use crate::access::Scope;
use crate::call::Call;
use crate::failure::Outcome;
use crate::fields::{Read as _, text};
use crate::mlflow::queries;
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[Route {
    method: Verb::Get,
    path: "/series.csv",
    needs: Scope::Read,
    takes: &[text("run").required(), text("key").required()],
    returns: shape::<Nothing>().sent_as("text/csv"),
    handler: series,
}];

/// Returns a table as a file to save.
pub(super) fn saved(name: &str, form: Form, text: String) -> Reply {
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
