//! Metrics, params and tags of runs.

use serde_json::{Map, Value};
use tracklite::logged_model::LoggedModelMetric;
use tracklite::{Batch, MetricPoint, RunId};

use super::queries::{self, time};
use super::runs::{PARAM_CHARACTERS_MAX, TAG_CHARACTERS_MAX, shortened};
use crate::access::Scope::Write;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, PAIR, Read as _, missing, objects, real, text, whole};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

const METRIC: &[Field] = &[
    text("key"),
    real("value"),
    whole("timestamp"),
    whole("step"),
    text("model_id"),
    text("dataset_name"),
    text("dataset_digest"),
];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/runs/log-metric",
        needs: Write,
        takes: &[
            text("run_id"),
            text("run_uuid"),
            text("key").required(),
            real("value").required(),
            whole("timestamp").required(),
            whole("step"),
            text("model_id"),
            text("dataset_name"),
            text("dataset_digest"),
        ],
        returns: shape::<Nothing>(),
        handler: log_metric,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/runs/log-parameter",
        needs: Write,
        takes: &[text("run_id"), text("run_uuid"), text("key").required(), text("value")],
        returns: shape::<Nothing>(),
        handler: log_param,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/runs/set-tag",
        needs: Write,
        takes: &[text("run_id"), text("run_uuid"), text("key").required(), text("value")],
        returns: shape::<Nothing>(),
        handler: set_tag,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/runs/delete-tag",
        needs: Write,
        takes: &[text("run_id").required(), text("key").required()],
        returns: shape::<Nothing>(),
        handler: delete_tag,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/runs/log-batch",
        needs: Write,
        takes: &[
            text("run_id").required(),
            objects("metrics", METRIC),
            objects("params", PAIR),
            objects("tags", PAIR),
        ],
        returns: shape::<Nothing>(),
        handler: log_batch,
    },
];

fn log_metric(call: &Call) -> Outcome<Reply> {
    let run = queries::run(call)?;
    let (key, point) = point(&call.args)?;
    match call.args.text("model_id") {
        None => run.metric(key)?.log_at(point.value, point.step, point.time)?,
        Some(_) => {
            let mut batch = Batch::new();
            add_metric(&mut batch, run.id(), &call.args)?;
            run.log_batch(&batch)?;
        }
    }
    Ok(Reply::done())
}

fn point(metric: &Map<String, Value>) -> Outcome<(&str, MetricPoint)> {
    let value = metric.real("value").ok_or_else(|| missing("value"))?;
    let at = metric.whole("timestamp").ok_or_else(|| missing("timestamp"))?;
    if at < 0 {
        return Err(Failure::invalid(format!(
            "Invalid value {at} for parameter 'timestamp' supplied: Timestamp must be a \
             nonnegative long (64-bit integer) "
        )));
    }
    let step = metric.whole("step").unwrap_or_default();
    Ok((metric.need("key")?, MetricPoint { step, time: time(at)?, value }))
}

/// Adds a metric to a batch, and to its logged model if it has one.
fn add_metric(batch: &mut Batch, run: RunId, metric: &Map<String, Value>) -> Outcome<()> {
    let (key, point) = point(metric)?;
    if let Some(model) = metric.text("model_id") {
        let measured = LoggedModelMetric::new(key, point.value, point.step).time(point.time);
        let measured = measured.run(run);
        let dataset = metric.text("dataset_name").zip(metric.text("dataset_digest"));
        let measured = match dataset {
            Some((name, digest)) => measured.dataset(name, digest),
            None => measured,
        };
        batch.logged_model_metric(queries::logged_model_id(model)?, measured);
    }
    batch.point(key, point);
    Ok(())
}

fn log_param(call: &Call) -> Outcome<Reply> {
    let run = queries::run(call)?;
    let param = vec![(call.args.need("key")?.to_owned(), call.args.text_or_empty("value").into())];
    for (key, value) in shortened(param, PARAM_CHARACTERS_MAX) {
        run.log_param(&key, value)?;
    }
    Ok(Reply::done())
}

fn set_tag(call: &Call) -> Outcome<Reply> {
    let run = queries::run(call)?;
    let tag = vec![(call.args.need("key")?.to_owned(), call.args.text_or_empty("value").into())];
    run.set_tags(shortened(tag, TAG_CHARACTERS_MAX))?;
    Ok(Reply::done())
}

fn delete_tag(call: &Call) -> Outcome<Reply> {
    queries::run(call)?.delete_tag(call.args.need("key")?)?;
    Ok(Reply::done())
}

fn log_batch(call: &Call) -> Outcome<Reply> {
    let run = queries::run(call)?;
    let mut batch = Batch::new();
    let metrics = call.args.objects("metrics");
    check_count("metrics", metrics.len(), BATCH_METRICS_MAX)?;
    for (index, metric) in metrics.into_iter().enumerate() {
        for name in ["key", "value", "timestamp"] {
            require(metric, name, &format!("metrics[{index}].{name}"))?;
        }
        add_metric(&mut batch, run.id(), metric)?;
    }
    let params = call.args.objects("params");
    check_count("params", params.len(), BATCH_TEXTS_MAX)?;
    for (index, param) in params.iter().enumerate() {
        require(param, "key", &format!("params[{index}].key"))?;
    }
    let params: Vec<(String, String)> = params.into_iter().map(pair).collect();
    for (key, value) in shortened(params, PARAM_CHARACTERS_MAX) {
        batch.param(&key, value);
    }
    let tags = call.args.objects("tags");
    check_count("tags", tags.len(), BATCH_TEXTS_MAX)?;
    for (index, tag) in tags.iter().enumerate() {
        require(tag, "key", &format!("tags[{index}].key"))?;
    }
    for (key, value) in shortened(call.args.pairs("tags"), TAG_CHARACTERS_MAX) {
        batch.tag(&key, value);
    }
    if batch.is_empty() {
        run.check_active()?;
    } else {
        run.log_batch(&batch)?;
    }
    Ok(Reply::done())
}

const BATCH_METRICS_MAX: usize = 1000;
const BATCH_TEXTS_MAX: usize = 100;

fn check_count(what: &str, count: usize, most: usize) -> Outcome<()> {
    if count <= most {
        return Ok(());
    }
    Err(Failure::invalid(format!(
        "A batch logging request can contain at most {most} {what}. Got {count} {what}. Please \
         split up {what} across multiple requests and try again."
    )))
}

fn require(item: &Map<String, Value>, name: &str, path: &str) -> Outcome<()> {
    let found = item.get(name).filter(|value| !value.is_null() && value.as_str() != Some(""));
    found.map(drop).ok_or_else(|| missing(path))
}

fn pair(item: &Map<String, Value>) -> (String, String) {
    (item.text_or_empty("key").to_owned(), item.text_or_empty("value").to_owned())
}
