//! `tracklite models`: registered models, their versions and aliases.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklite::registry::{ModelVersionInfo, RegisteredModelInfo, RegistrySearch};
use tracklite::{Database, Error, ErrorKind, Timestamp};

use crate::args::{AliasArgs, CopyModelArgs, ListModelsArgs, ModelArgs, ModelsCommand};
use crate::json;
use crate::search::print_next;
use crate::table::Table;
use crate::terminal::{Style, Terminal};
use crate::{Exit, Failure, Outcome, text};

/// The default number of models in a list.
const MODELS_DEFAULT: usize = 100;

#[derive(Serialize)]
struct ModelObject<'a> {
    name: &'a str,
    description: Option<&'a str>,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    tags: &'a BTreeMap<String, String>,
    aliases: &'a BTreeMap<String, u64>,
    versions: Option<Vec<VersionObject<'a>>>,
}

#[derive(Serialize)]
struct VersionObject<'a> {
    name: &'a str,
    version: u64,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    description: Option<&'a str>,
    user_id: &'a str,
    current_stage: &'static str,
    source: &'a str,
    location: &'a str,
    run_id: Option<&'a str>,
    run_link: Option<&'a str>,
    model_id: Option<String>,
    status: &'static str,
    status_message: Option<&'a str>,
    digest: Option<String>,
    tags: &'a BTreeMap<String, String>,
    aliases: &'a [String],
}

impl<'a> ModelObject<'a> {
    fn new(info: &'a RegisteredModelInfo, versions: Option<&'a [ModelVersionInfo]>) -> Self {
        ModelObject {
            name: &info.name,
            description: info.description.as_deref(),
            creation_timestamp: info.created.as_millis(),
            last_updated_timestamp: info.updated.as_millis(),
            tags: &info.tags,
            aliases: &info.aliases,
            versions: versions.map(|versions| versions.iter().map(VersionObject::from).collect()),
        }
    }
}

impl<'a> From<&'a ModelVersionInfo> for VersionObject<'a> {
    fn from(info: &'a ModelVersionInfo) -> Self {
        VersionObject {
            name: &info.name,
            version: info.version,
            creation_timestamp: info.created.as_millis(),
            last_updated_timestamp: info.updated.as_millis(),
            description: info.description.as_deref(),
            user_id: &info.user,
            current_stage: info.stage.as_str(),
            source: &info.source,
            location: &info.location,
            run_id: info.run.as_deref(),
            run_link: info.run_link.as_deref(),
            model_id: info.logged_model.map(|model| model.to_string()),
            status: info.status.as_str(),
            status_message: info.status_message.as_deref(),
            digest: info.digest.map(|digest| json::Hexadecimal(&digest).to_string()),
            tags: &info.tags,
            aliases: &info.aliases,
        }
    }
}

/// Runs a command for registered models.
pub(crate) fn models(command: &ModelsCommand, terminal: &mut Terminal) -> Outcome {
    match command {
        ModelsCommand::Ls(args) => list(args, terminal),
        ModelsCommand::Show(args) => show(args, terminal),
        ModelsCommand::Alias(args) => alias(args, terminal),
        ModelsCommand::Copy(args) => copy(args, terminal),
    }
}

fn list(args: &ListModelsArgs, terminal: &mut Terminal) -> Outcome {
    let registry = Database::open_read_only(&args.file.path)?.registry();
    let limit = args.page.limit.unwrap_or(MODELS_DEFAULT);
    let search = RegistrySearch::new().filter(&args.filter).max_results(limit);
    let search = search.page_token(args.page.token());
    let order = &args.order.order;
    let page = registry.search_models(&order.iter().fold(search, RegistrySearch::order_by))?;
    if args.output.json {
        let objects =
            page.items.iter().map(|model| Ok::<_, Failure>(ModelObject::new(model, None)));
        json::print_array(terminal, objects)?;
        return Ok(Exit::Success);
    }
    if page.items.is_empty() {
        terminal.line("no registered models")?;
        return Ok(Exit::Success);
    }
    let (models, now) = (&page.items, Timestamp::now());
    let newest = |model: &RegisteredModelInfo| {
        let version = model.latest_versions.iter().map(|version| version.version).max();
        version.map_or_else(String::new, |version| version.to_string())
    };
    let mut table = Table::default();
    table.long_text("name", 20, models.iter().map(|model| &model.name));
    table.numbers("newest", models.iter().map(newest));
    table.long_text("aliases", 20, models.iter().map(aliases));
    table.words("changed", models.iter().map(|model| text::age(model.updated, now)));
    table.print(terminal)?;
    print_next(page.next_page_token.as_deref(), terminal)?;
    Ok(Exit::Success)
}

fn aliases(model: &RegisteredModelInfo) -> String {
    let aliases = model.aliases.iter().map(|(alias, version)| format!("{alias}={version}"));
    aliases.collect::<Vec<_>>().join(" ")
}

fn show(args: &ModelArgs, terminal: &mut Terminal) -> Outcome {
    let model = Database::open_read_only(&args.file.path)?.registry().model(&args.name)?;
    let (info, versions) = (model.info()?, model.versions()?);
    if args.output.json {
        json::print(terminal, &ModelObject::new(&info, Some(&versions)))?;
        return Ok(Exit::Success);
    }
    terminal.heading(&text::printable(&info.name))?;
    if let Some(description) = &info.description {
        terminal.line(&text::printable(description))?;
    }
    for (key, value) in &info.tags {
        let pair = format!("{} = {}", text::printable(key), text::printable(value));
        let pair = terminal.paint(Style::Faint, &pair).into_owned();
        terminal.line(&pair)?;
    }
    if versions.is_empty() {
        terminal.line("no versions")?;
        return Ok(Exit::Success);
    }
    let mut table = Table::default();
    table.numbers("version", versions.iter().map(|version| version.version.to_string()));
    table.words("status", versions.iter().map(|version| version.status.as_str()));
    table.words("stage", versions.iter().map(|version| version.stage.as_str()));
    table.long_text("aliases", 10, versions.iter().map(|version| version.aliases.join(" ")));
    table.words("created (UTC)", versions.iter().map(|version| text::date(version.created)));
    table.long_text("source", 20, versions.iter().map(|version| &version.source));
    table.print(terminal)?;
    Ok(Exit::Success)
}

fn alias(args: &AliasArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open(&args.file.path)?;
    let model = database.registry().model(&args.name)?;
    let outcome = match (args.version, args.expect.as_deref()) {
        (None, _) => {
            model.delete_alias(&args.alias)?;
            "was deleted".to_owned()
        }
        (Some(version), None) => {
            model.set_alias(&args.alias, version)?;
            format!("points to version {version}")
        }
        (Some(version), Some(expected)) => {
            model.move_alias(&args.alias, expected_version(expected)?, version)?;
            format!("points to version {version}")
        }
    };
    database.close()?;
    let (name, alias) = (text::printable(&args.name), text::printable(&args.alias));
    terminal.line(&format!("{name}@{alias} {outcome}"))?;
    Ok(Exit::Success)
}

/// Parses the version in `--expect`: a number, or `none` for an alias that does not exist.
fn expected_version(word: &str) -> Result<Option<u64>, Error> {
    match word.parse() {
        Ok(version) => Ok(Some(version)),
        Err(_) if word == "none" => Ok(None),
        Err(_) => {
            let message =
                format!("invalid --expect {word:?}: use the number of a version, or none");
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
    }
}

fn copy(args: &CopyModelArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open(&args.file.path)?;
    let registry = database.registry();
    let Some(found) = registry.resolve(&args.from)?.version else {
        let message = format!("{:?} is not a version of a registered model", args.from);
        return Err(Error::new(ErrorKind::InvalidInput, message).with_path(&args.file.path).into());
    };
    let copy = registry.handle(&found).copy_to(&args.to)?.info()?;
    database.close()?;
    if args.output.json {
        json::print(terminal, &VersionObject::from(&copy))?;
    } else {
        let from = format!("{}/{}", found.name, found.version);
        let to = format!("{}/{}", copy.name, copy.version);
        terminal.line(&text::printable(&format!("copied models:/{from} to models:/{to}")))?;
    }
    Ok(Exit::Success)
}
