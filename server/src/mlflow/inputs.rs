//! Inputs and outputs of runs, and the models of old clients.

use serde::Serialize;
use serde_json::{Map, Value};
use tracklite::inputs::{Dataset, DatasetInput, DatasetSummary};
use utoipa::ToSchema;

use super::queries;
use crate::access::Scope::{Read, Write};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, PAIR, Read as _, object, objects, text, texts, whole};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

const DATASET: &[Field] = &[
    text("name").required(),
    text("digest").required(),
    text("source_type").required(),
    text("source").required(),
    text("schema"),
    text("profile"),
];
const INPUT: &[Field] = &[object("dataset", DATASET).required(), objects("tags", PAIR)];
const MODEL: &[Field] = &[text("model_id").required()];
const OUTPUT: &[Field] = &[text("model_id").required(), whole("step")];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/runs/log-inputs",
        needs: Write,
        takes: &[text("run_id").required(), objects("datasets", INPUT), objects("models", MODEL)],
        returns: shape::<Nothing>(),
        handler: log_inputs,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/runs/outputs",
        needs: Write,
        takes: &[text("run_id").required(), objects("models", OUTPUT)],
        returns: shape::<Nothing>(),
        handler: log_outputs,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/runs/log-model",
        needs: Write,
        takes: &[text("run_id").required(), text("model_json").required()],
        returns: shape::<Nothing>(),
        handler: log_model,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/experiments/search-datasets",
        needs: Read,
        takes: &[texts("experiment_ids")],
        returns: shape::<Summaries<'static>>(),
        handler: search_datasets,
    },
];

fn log_inputs(call: &Call) -> Outcome<Reply> {
    let run = active(call)?;
    let datasets: Vec<DatasetInput> =
        call.args.objects("datasets").into_iter().map(dataset_input).collect();
    let models = call.args.objects("models");
    let models: Vec<&str> = models.iter().map(|model| model.text_or_empty("model_id")).collect();
    run.log_inputs(&datasets, &models)?;
    Ok(Reply::done())
}

fn active(call: &Call) -> Outcome<tracklite::Run> {
    let run = queries::run(call)?;
    run.check_active()?;
    Ok(run)
}

fn dataset_input(input: &Map<String, Value>) -> DatasetInput {
    let empty = Map::new();
    let given = input.object("dataset").unwrap_or(&empty);
    let [name, digest, kind, source] =
        ["name", "digest", "source_type", "source"].map(|field| given.text_or_empty(field));
    let mut dataset = Dataset::new(name, digest, kind, source);
    dataset.schema = given.text("schema").map(str::to_owned);
    dataset.profile = given.text("profile").map(str::to_owned);
    let tags = input.pairs("tags").into_iter();
    tags.fold(DatasetInput::new(dataset), |input, (key, value)| input.tag(key, value))
}

fn log_outputs(call: &Call) -> Outcome<Reply> {
    let run = active(call)?;
    let models = call.args.objects("models").into_iter().map(|model| {
        (model.text_or_empty("model_id").to_owned(), model.whole("step").unwrap_or_default())
    });
    run.log_outputs(models)?;
    Ok(Reply::done())
}

/// The tag with the models of a run, for clients older than logged models.
const HISTORY_TAG: &str = "mlflow.log-model.history";

fn log_model(call: &Call) -> Outcome<Reply> {
    let text = call.args.need("model_json")?;
    let model: Map<String, Value> = serde_json::from_str(text).map_err(|_| {
        Failure::invalid(format!("Malformed model info. \n {text} \n is not a valid JSON."))
    })?;
    let missing: Vec<&str> = ["artifact_path", "flavors", "utc_time_created", "run_id"]
        .into_iter()
        .filter(|name| !model.contains_key(*name))
        .collect();
    if !missing.is_empty() {
        return Err(Failure::invalid(format!(
            "Model json is missing mandatory fields: {{'{}'}}",
            missing.join("', '")
        )));
    }
    let run = active(call)?;
    let known = run.tags()?.remove(HISTORY_TAG);
    let known = known.and_then(|text| serde_json::from_str::<Vec<Value>>(&text).ok());
    let mut models = known.unwrap_or_default();
    models.push(Value::Object(model));
    run.set_tag(HISTORY_TAG, Value::Array(models))?;
    Ok(Reply::done())
}

/// The datasets of experiments.
#[derive(Serialize, ToSchema)]
#[schema(as = DatasetSummaries)]
struct Summaries<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dataset_summaries: Vec<Summary<'a>>,
}

/// A dataset of an experiment.
#[derive(Serialize, ToSchema)]
#[schema(as = DatasetSummary)]
struct Summary<'a> {
    experiment_id: String,
    name: &'a str,
    digest: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a str>,
}

/// The most experiments of one request.
const EXPERIMENTS_MAX: usize = 20;

fn search_datasets(call: &Call) -> Outcome<Reply> {
    let ids = queries::experiment_ids(&call.args, "experiment_ids")?;
    if ids.is_empty() {
        return Err(Failure::invalid(
            "SearchDatasets request must specify at least one experiment_id.",
        ));
    }
    if ids.len() > EXPERIMENTS_MAX {
        return Err(Failure::invalid(format!(
            "SearchDatasets request cannot specify more than {EXPERIMENTS_MAX} experiment_ids. \
             Received {} experiment_ids.",
            ids.len()
        )));
    }
    let found = call.database().search_datasets(&ids)?;
    Ok(Reply::json(&Summaries { dataset_summaries: found.iter().map(summary).collect() }))
}

fn summary(found: &DatasetSummary) -> Summary<'_> {
    Summary {
        experiment_id: found.experiment.to_string(),
        name: &found.name,
        digest: &found.digest,
        context: found.context.as_deref(),
    }
}
