//! The sources of versions: which of them are allowed, and which are in this file.

use percent_encoding::percent_decode_str;
use tracklite::artifact::ArtifactOwner;
use tracklite::registry::{ModelTarget, ModelUri, ModelVersionInfo};

use super::{places, queries};
use crate::access::Dialect;
use crate::call::Call;
use crate::failure::{Failure, Outcome};

/// The arguments of a caller about the source of a version.
pub(super) struct Given {
    pub(super) source: String,
    pub(super) run: Option<String>,
    pub(super) model: Option<String>,
}

/// The tag that marks prompts, and the only sources that they may have.
const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";
const PROMPT_SOURCES: [&str; 2] = ["dummy-source", "prompt-template"];

/// Checks a source by MLflow's rules, so that nobody registers files that are not theirs. The
/// source of a version of a model becomes its number, and brings its run and logged model.
pub(super) fn checked(call: &Call, given: Given, tags: &[(String, String)]) -> Outcome<Given> {
    let is_prompt = tags
        .iter()
        .rfind(|(key, _)| key == PROMPT_TAG)
        .is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
    if is_prompt {
        return match PROMPT_SOURCES.contains(&given.source.as_str()) {
            true => Ok(given),
            false => Err(Failure::invalid(format!(
                "Invalid prompt source: '{}'. Prompt sources must use an MLflow placeholder.",
                given.source
            ))),
        };
    }
    let given = with_lineage(call, given)?;
    check_not_local(&given)?;
    check_not_relative(&given.source)?;
    check_owner(call, &given)?;
    Ok(given)
}

/// Replaces the address of another version by its number, and adds its run and logged model.
fn with_lineage(call: &Call, given: Given) -> Outcome<Given> {
    if scheme(&given.source) != "models" {
        return Ok(given);
    }
    let uri: ModelUri =
        given.source.parse().map_err(|_| not_of_owner(&given.source, "model_id"))?;
    if matches!(uri.target, ModelTarget::LoggedModel(_)) {
        return Ok(given);
    }
    let found = call.registry().resolve(&uri.target.to_string())?;
    let Some(version) = found.version else { return Ok(given) };
    if version.tags.get(PROMPT_TAG).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(Failure::invalid(format!(
            "Invalid model version source: '{}'. Prompt versions cannot be used as model version \
             sources.",
            given.source
        )));
    }
    let run = version.run.as_ref().map(ToString::to_string);
    let model = version.logged_model.map(|model| model.to_string());
    let differs = |given: &Option<String>, own: &Option<String>| given.is_some() && given != own;
    if differs(&given.run, &run) || differs(&given.model, &model) {
        return Err(Failure::invalid(format!(
            "Invalid model version source: '{}'. The run_id and model_id request parameters must \
             match the referenced model version.",
            given.source
        )));
    }
    let (name, number) = (&version.name, version.version);
    Ok(Given {
        source: format!("models:/{name}/{number}"),
        run: given.run.or(run),
        model: given.model.or(model),
    })
}

/// Returns the scheme of an address in lower case, or nothing for a path.
fn scheme(source: &str) -> String {
    let scheme = source.split_once(':').map(|(scheme, _)| scheme).unwrap_or_default();
    let is_legal = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if is_legal { scheme.to_ascii_lowercase() } else { String::new() }
}

/// A path is one of another machine, and the server does not read its own disk for clients.
fn check_not_local(given: &Given) -> Outcome<()> {
    if !matches!(scheme(&given.source).as_str(), "" | "file") {
        return Ok(());
    }
    let owner = if given.model.is_some() { "model_id" } else { "run_id" };
    Err(Failure::invalid(format!(
        "Invalid model version source: '{}'. To use a local path as a model version source, the \
         {owner} request parameter has to be specified and the local path has to be contained \
         within the artifact directory of the run specified by the {owner}.",
        given.source
    )))
}

fn check_not_relative(source: &str) -> Outcome<()> {
    let plain = decoded(source);
    let path = plain.split_once(':').map_or(plain.as_str(), |(_, path)| path);
    let is_relative = |part: &str| matches!(part, "." | "..");
    if !plain.contains('\0') && !path.split(['/', '\\']).any(is_relative) {
        return Ok(());
    }
    Err(Failure::invalid(format!(
        "Invalid model version source: '{source}'. If supplying a source as an http, https, local \
         file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided \
         without relative path references present. Please provide an absolute path."
    )))
}

/// Decodes `%XX` until there is nothing left to decode.
fn decoded(text: &str) -> String {
    const DEPTH_MAX: usize = 16;
    let mut text = text.to_owned();
    for _ in 0..DEPTH_MAX {
        let next = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if next == text {
            break;
        }
        text = next;
    }
    text
}

/// Requires that the arguments name the run or logged model that has the source.
fn check_owner(call: &Call, given: &Given) -> Outcome<()> {
    let source = given.source.as_str();
    let by = if given.model.is_some() { "model_id" } else { "run_id" };
    let (named_run, named_model) = (given.run.as_deref(), given.model.as_deref());
    match scheme(source).as_str() {
        "runs" => {
            let rest = source.split_once(":/").map(|(_, rest)| rest).unwrap_or_default();
            let run = rest.split('/').next().filter(|run| !run.is_empty());
            let is_named = named_model.is_none() && run.is_some() && run == named_run;
            if is_named { Ok(()) } else { Err(not_of_owner(source, by)) }
        }
        "models" => match source.parse::<ModelUri>().map(|uri| uri.target) {
            Ok(ModelTarget::LoggedModel(id)) if named_model != Some(&id.to_string()) => {
                Err(not_of_owner(source, "model_id"))
            }
            _ => Ok(()),
        },
        "mlflow-artifacts" | "http" | "https" => match inside(call, source) {
            None if scheme(source) != "mlflow-artifacts" => Ok(()),
            Some((ArtifactOwner::Run(run), _)) if named_model.is_none() => {
                let is_named = named_run == Some(&run.to_string());
                if is_named { Ok(()) } else { Err(not_of_owner(source, by)) }
            }
            Some((ArtifactOwner::LoggedModel(model), _))
                if named_model == Some(&model.to_string()) =>
            {
                Ok(())
            }
            _ => Err(not_of_owner(source, by)),
        },
        _ => Ok(()),
    }
}

fn not_of_owner(source: &str, by: &str) -> Failure {
    Failure::invalid(format!(
        "Invalid model version source: '{source}'. The {by} request parameter must identify the \
         resource that contains the source."
    ))
}

const PROXY: &str = "/api/2.0/mlflow-artifacts/artifacts/";
const TRACKING: &str = "dbfs:/databricks/mlflow-tracking/";

/// Returns the owner that an address of this server names.
fn inside(call: &Call, source: &str) -> Option<(ArtifactOwner, String)> {
    if let Some(rest) = source.strip_prefix("mlflow-artifacts:") {
        let path = match rest.strip_prefix("//") {
            Some(with_host) => with_host.split_once('/').map(|(_, path)| path)?,
            None => rest,
        };
        return ArtifactOwner::split(path);
    }
    if let Some(path) = source.strip_prefix(TRACKING) {
        // Databricks's name of the folder.
        return ArtifactOwner::split(&path.replacen("/logged_models/", "/models/", 1));
    }
    let own = call.database().address();
    if let Some(path) = source.strip_prefix(&own).filter(|path| path.starts_with('/')) {
        return ArtifactOwner::split(path);
    }
    ArtifactOwner::split(source.strip_prefix(&call.shared.url)?.strip_prefix(PROXY)?)
}

/// Returns the engine's address of a source in this file: `runs:/...` or `models:/...`.
pub(crate) fn files_at(call: &Call, source: &str) -> Option<String> {
    let (address, path) = match inside(call, source)? {
        (ArtifactOwner::Run(run), path) => {
            call.shared.handles.run(call.database(), run).ok()?;
            (format!("runs:/{run}"), path)
        }
        (ArtifactOwner::LoggedModel(model), path) => {
            call.database().logged_model(model).ok()?;
            (format!("models:/{model}"), path)
        }
        _ => return None,
    };
    Some(if path.is_empty() { address } else { format!("{address}/{path}") })
}

/// Returns the address of a version's files for the client that asks: its own files, or those of
/// its source.
pub(super) fn place_of(call: &Call, info: &ModelVersionInfo) -> Outcome<String> {
    if info.digest.is_some() && call.caller.dialect == Dialect::Mlflow {
        let model = info.model.to_bits();
        return Ok(format!("mlflow-artifacts:/versions/{model:032x}/{}", info.version));
    }
    let Ok(uri) = info.location.parse::<ModelUri>() else { return Ok(info.location.clone()) };
    let place = match &uri.target {
        ModelTarget::Run(run) => {
            let experiment = call.shared.handles.run(call.database(), *run)?.info()?.experiment;
            let root = places::of_experiment_id(call, experiment)?;
            format!("{}/{run}/artifacts", root.trim_end_matches('/'))
        }
        ModelTarget::LoggedModel(id) => {
            let model = queries::logged_model_id(&id.to_string())?;
            let info = call.database().logged_model(model)?.info()?;
            places::of_logged_model(call, info.experiment, info.id)?
        }
        _ => return Ok(info.location.clone()),
    };
    Ok(if uri.path.is_empty() { place } else { format!("{place}/{}", uri.path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_those_of_addresses() {
        for (source, expected) in
            [("s3://a", "s3"), ("FILE:///a", "file"), ("/a:b", ""), ("a", ""), ("runs:/1", "runs")]
        {
            assert_eq!(scheme(source), expected, "{source}");
        }
    }

    #[test]
    fn parts_that_lead_upwards_are_refused() {
        for source in ["s3://a/../b", "s3://a/%2e%2e/b", "s3:/a/%252e%252e/b", "http://a/./b"] {
            assert!(check_not_relative(source).is_err(), "{source}");
        }
        for source in ["s3://a/..b", "dummy", "https://a.b/c", "models:/a.b.c/1"] {
            assert!(check_not_relative(source).is_ok(), "{source}");
        }
    }
}
