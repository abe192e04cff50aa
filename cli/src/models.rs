//! `tracklite models`: registered models, their versions and aliases.

use std::collections::BTreeMap;

use serde::Serialize;

use super::args::{AliasArgs, CopyModelArgs, ListModelsArgs, ModelsCommand, ShowModelArgs};
use super::json;
use super::search::print_next;
use super::table::Table;
use super::terminal::{Style, Terminal};
use super::{Exit, Failure, Outcome, text};
use tracklite::{
    Database, Error, ErrorKind, ModelVersionInfo, RegisteredModelInfo, RegistrySearch, Timestamp,
};

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
    run_id: Option<String>,
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
            run_id: info.run.map(|run| run.to_string()),
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

/// Does what is asked of the registered models.
pub(super) fn models(command: &ModelsCommand, terminal: &mut Terminal) -> Outcome {
    match command {
        ModelsCommand::Ls(args) => list(args, terminal),
        ModelsCommand::Show(args) => show(args, terminal),
        ModelsCommand::Alias(args) => alias(args, terminal),
        ModelsCommand::Copy(args) => copy(args, terminal),
    }
}

fn list(args: &ListModelsArgs, terminal: &mut Terminal) -> Outcome {
    let registry = Database::open_read_only(&args.file)?.registry();
    let search = RegistrySearch::new().filter(&args.filter).max_results(args.limit);
    let search = search.page_token(args.page.as_deref().unwrap_or(""));
    let page = registry.search_models(&args.order.iter().fold(search, RegistrySearch::order_by))?;
    if args.json {
        let objects = page.items.iter().map(|it| Ok::<_, Failure>(ModelObject::new(it, None)));
        json::print_array(terminal, objects)?;
        return Ok(Exit::Good);
    }
    if page.items.is_empty() {
        terminal.line("no registered models")?;
        return Ok(Exit::Good);
    }
    let (models, now) = (&page.items, Timestamp::now());
    let newest = |it: &RegisteredModelInfo| it.latest_versions.iter().map(|it| it.version).max();
    let newest = |it| newest(it).map_or_else(String::new, |version| version.to_string());
    let mut table = Table::default();
    table.long_text("name", 20, models.iter().map(|it| &it.name));
    table.numbers("newest", models.iter().map(newest));
    table.long_text("aliases", 20, models.iter().map(aliases));
    table.words("changed", models.iter().map(|it| text::age(it.updated, now)));
    table.print(terminal)?;
    print_next(page.next_page_token.as_deref(), terminal)?;
    Ok(Exit::Good)
}

fn aliases(model: &RegisteredModelInfo) -> String {
    let aliases = model.aliases.iter().map(|(alias, version)| format!("{alias}={version}"));
    aliases.collect::<Vec<_>>().join(" ")
}

fn show(args: &ShowModelArgs, terminal: &mut Terminal) -> Outcome {
    let model = Database::open_read_only(&args.file)?.registry().model(&args.name)?;
    let (info, versions) = (model.info()?, model.versions()?);
    if args.json {
        json::print(terminal, &ModelObject::new(&info, Some(&versions)))?;
        return Ok(Exit::Good);
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
        return Ok(Exit::Good);
    }
    let mut table = Table::default();
    table.numbers("version", versions.iter().map(|it| it.version.to_string()));
    table.words("status", versions.iter().map(|it| it.status.as_str()));
    table.words("stage", versions.iter().map(|it| it.stage.as_str()));
    table.long_text("aliases", 10, versions.iter().map(|it| it.aliases.join(" ")));
    table.words("created (UTC)", versions.iter().map(|it| text::date(it.created)));
    table.long_text("source", 20, versions.iter().map(|it| &it.source));
    table.print(terminal)?;
    Ok(Exit::Good)
}

fn alias(args: &AliasArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open(&args.file)?;
    let model = database.registry().model(&args.name)?;
    let told = match (args.version, args.expect.as_deref()) {
        (None, _) => {
            model.delete_alias(&args.alias)?;
            "names nothing any more".to_owned()
        }
        (Some(version), None) => {
            model.set_alias(&args.alias, version)?;
            format!("names version {version}")
        }
        (Some(version), Some(expected)) => {
            model.move_alias(&args.alias, expected_version(expected)?, version)?;
            format!("names version {version}")
        }
    };
    database.close()?;
    let (name, alias) = (text::printable(&args.name), text::printable(&args.alias));
    terminal.line(&format!("{name}@{alias} {told}"))?;
    Ok(Exit::Good)
}

/// A number, or `none` for an alias that is not there.
fn expected_version(word: &str) -> Result<Option<u64>, Error> {
    match word.parse() {
        Ok(version) => Ok(Some(version)),
        Err(_) if word == "none" => Ok(None),
        Err(_) => {
            let message = format!("{word:?} is expected: the number of a version or none is due");
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
    }
}

fn copy(args: &CopyModelArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open(&args.file)?;
    let registry = database.registry();
    let Some(found) = registry.resolve(&args.from)?.version else {
        let message = format!("{:?} names no version of a registered model", args.from);
        return Err(Error::new(ErrorKind::InvalidInput, message).with_path(&args.file).into());
    };
    let copy = registry.handle(&found).copy_to(&args.to)?.info()?;
    database.close()?;
    if args.json {
        json::print(terminal, &VersionObject::from(&copy))?;
    } else {
        let from = format!("{}/{}", found.name, found.version);
        let to = format!("{}/{}", copy.name, copy.version);
        terminal.line(&text::printable(&format!("copied models:/{from} to models:/{to}")))?;
    }
    Ok(Exit::Good)
}
