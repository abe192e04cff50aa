//! `tracklite endpoints`: what a server of the file answers requests with.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklite::endpoint::{
    EndpointCapture, EndpointConfig, EndpointInfo, EndpointLimits, EndpointSettings, EndpointSpec,
    ServedEntity, ServedModel, ServingLane,
};
use tracklite::{Database, Error, ErrorKind, Result, Timestamp};

use crate::common_args::FileArgs;
use crate::endpoint_args::{EndpointArgs, EndpointsCommand, RequestsArgs, SpecArgs};
use crate::export::{Target, write_table};
use crate::json;
use crate::table::Table;
use crate::terminal::{Style, Terminal};
use crate::{Exit, Outcome, text};

#[derive(Serialize)]
struct EndpointObject<'a> {
    name: &'a str,
    id: String,
    creator: &'a str,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    last_updated_by: &'a str,
    revision: u64,
    state: &'static str,
    failure: Option<&'a str>,
    description: Option<&'a str>,
    tags: &'a BTreeMap<String, String>,
    config: Option<ConfigObject<'a>>,
    pending_config: Option<ConfigObject<'a>>,
}

#[derive(Serialize)]
struct ConfigObject<'a> {
    config_version: u64,
    creator: &'a str,
    creation_timestamp: i64,
    state: &'static str,
    served_entities: Vec<EntityObject<'a>>,
    timeout_ms: u32,
    waiting: u32,
    workers: u32,
}

#[derive(Serialize)]
struct EntityObject<'a> {
    name: &'a str,
    entity_name: &'a str,
    entity_version: String,
    alias: Option<&'a str>,
    traffic_percentage: u32,
    shadow: bool,
    environment: &'static str,
    workload_size: &'static str,
    lane: &'static str,
    scale_to_zero_enabled: bool,
}

impl<'a> EndpointObject<'a> {
    fn new(info: &'a EndpointInfo) -> Self {
        let state = &info.state;
        EndpointObject {
            name: &info.name,
            id: info.id.to_string(),
            creator: &info.creator,
            creation_timestamp: info.created.as_millis(),
            last_updated_timestamp: info.updated.as_millis(),
            last_updated_by: &info.author,
            revision: info.revision,
            state: state_of(info),
            failure: state.failure.as_deref(),
            description: state.description.as_deref(),
            tags: &state.tags,
            config: state.active().map(|config| ConfigObject::new(info, config)),
            pending_config: state.pending().map(|config| ConfigObject::new(info, config)),
        }
    }
}

impl<'a> ConfigObject<'a> {
    fn new(info: &'a EndpointInfo, config: &'a EndpointConfig) -> Self {
        let entity = |entity: &'a ServedEntity| EntityObject {
            name: &entity.name,
            entity_name: &entity.model_name,
            entity_version: entity.version.to_string(),
            alias: entity.alias.as_deref(),
            traffic_percentage: percent_of(config, entity),
            shadow: entity.is_shadow,
            environment: if entity.has_own_environment() { "model" } else { "server" },
            workload_size: entity.size.as_str(),
            lane: entity.lane.as_str(),
            scale_to_zero_enabled: entity.scale_to_zero,
        };
        ConfigObject {
            config_version: config.number,
            creator: &config.author,
            creation_timestamp: Timestamp::from_nanos(config.time).as_millis(),
            state: config_state(info, config),
            served_entities: config.entities.iter().map(entity).collect(),
            timeout_ms: config.limits.timeout_ms,
            waiting: config.limits.waiting,
            workers: config.limits.workers,
        }
    }
}

/// Runs a command for endpoints.
pub(crate) fn endpoints(command: &EndpointsCommand, terminal: &mut Terminal) -> Outcome {
    match command {
        EndpointsCommand::Ls(args) => list(args, terminal),
        EndpointsCommand::Create(args) => create(args, terminal),
        EndpointsCommand::Update(args) => update(args, terminal),
        EndpointsCommand::Show(args) => show(args, terminal),
        EndpointsCommand::Delete(args) => delete(args, terminal),
        EndpointsCommand::Logs(args) => logs(args, terminal),
        EndpointsCommand::Requests(args) => requests(args, terminal),
    }
}

fn requests(args: &RequestsArgs, terminal: &mut Terminal) -> Outcome {
    let endpoints = Database::open_read_only(&args.file.path)?.endpoints();
    let mut requests = endpoints.requests(&args.name).legacy(args.legacy);
    if let Some(table) = &args.labels {
        requests = requests.labels(table);
    }
    let target = Target {
        format: args.format,
        out: args.out.as_deref(),
        force: args.force,
        database: &args.file.path,
    };
    write_table(&target, || requests.table(), terminal)
}

fn list(args: &FileArgs, terminal: &mut Terminal) -> Outcome {
    let endpoints = Database::open_read_only(&args.file.path)?.endpoints().list()?;
    if args.output.json {
        let objects = endpoints.iter().map(|info| Ok(EndpointObject::new(info)));
        json::print_array(terminal, objects)?;
        return Ok(Exit::Success);
    }
    if endpoints.is_empty() {
        terminal.line("no endpoints")?;
        return Ok(Exit::Success);
    }
    let now = Timestamp::now();
    let shown = |info: &EndpointInfo| {
        info.state.active().or_else(|| info.state.pending()).map(models_of).unwrap_or_default()
    };
    let mut table = Table::default();
    table.long_text("name", 20, endpoints.iter().map(|info| &info.name));
    table.words("state", endpoints.iter().map(state_of));
    table.long_text("models", 30, endpoints.iter().map(shown));
    table.words("changed", endpoints.iter().map(|info| text::age(info.updated, now)));
    table.print(terminal)?;
    Ok(Exit::Success)
}

fn create(args: &SpecArgs, terminal: &mut Terminal) -> Outcome {
    let spec = spec(args)?;
    let database = Database::open(&args.file.path)?;
    let info = database.endpoints().create(&args.name, &spec)?;
    database.close()?;
    print_change(&info, args.output.json, terminal)
}

fn update(args: &SpecArgs, terminal: &mut Terminal) -> Outcome {
    let spec = spec(args)?;
    let database = Database::open(&args.file.path)?;
    let info = database.endpoints().update(&args.name, &spec, None)?;
    database.close()?;
    print_change(&info, args.output.json, terminal)
}

fn print_change(info: &EndpointInfo, as_json: bool, terminal: &mut Terminal) -> Outcome {
    if as_json {
        json::print(terminal, &EndpointObject::new(info))?;
        return Ok(Exit::Success);
    }
    let number = info.state.pending.unwrap_or_default();
    let line = format!("endpoint {} has the pending configuration {number}", info.name);
    terminal.line(&line)?;
    Ok(Exit::Success)
}

fn delete(args: &EndpointArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open(&args.file.path)?;
    let info = database.endpoints().get(&args.name)?;
    database.endpoints().delete(&args.name, None)?;
    database.close()?;
    match args.output.json {
        true => json::print(terminal, &EndpointObject::new(&info))?,
        false => terminal.line(&format!("endpoint {} is deleted", info.name))?,
    }
    Ok(Exit::Success)
}

fn show(args: &EndpointArgs, terminal: &mut Terminal) -> Outcome {
    let info = Database::open_read_only(&args.file.path)?.endpoints().get(&args.name)?;
    if args.output.json {
        json::print(terminal, &EndpointObject::new(&info))?;
        return Ok(Exit::Success);
    }
    terminal.heading(&info.name)?;
    if let Some(description) = &info.state.description {
        terminal.line(&text::printable(description))?;
    }
    for (key, value) in &info.state.tags {
        let pair = format!("{} = {}", text::printable(key), text::printable(value));
        let pair = terminal.paint(Style::Faint, &pair).into_owned();
        terminal.line(&pair)?;
    }
    terminal.line(&format!("{}, made by {}", state_of(&info), text::printable(&info.creator)))?;
    for config in [info.state.active(), info.state.pending()].into_iter().flatten() {
        let heading = format!("configuration {} ({})", config.number, config_state(&info, config));
        terminal.line("")?;
        terminal.line(&heading)?;
        models(config).print(terminal)?;
    }
    if let Some(capture) = &info.state.capture {
        let (catalog, schema, table) = capture.table(&info.name);
        let percent = capture.percent;
        terminal.line("")?;
        terminal.line(&format!("{percent} % of the requests go to {catalog}.{schema}.{table}"))?;
    }
    print_failure(&info, terminal)
}

fn logs(args: &EndpointArgs, terminal: &mut Terminal) -> Outcome {
    let info = Database::open_read_only(&args.file.path)?.endpoints().get(&args.name)?;
    let configs: Vec<&EndpointConfig> = info.state.configs.iter().rev().collect();
    if args.output.json {
        let objects = configs.iter().map(|config| Ok(ConfigObject::new(&info, config)));
        json::print_array(terminal, objects)?;
        return Ok(Exit::Success);
    }
    let reason = |config: &&EndpointConfig| if config.is_followed { "alias moved" } else { "set" };
    let made = |config: &&EndpointConfig| text::date(Timestamp::from_nanos(config.time));
    let mut table = Table::default();
    table.numbers("configuration", configs.iter().map(|config| config.number.to_string()));
    table.words("state", configs.iter().map(|config| config_state(&info, config)));
    table.words("made (UTC)", configs.iter().map(made));
    table.long_text("by", 10, configs.iter().map(|config| &config.author));
    table.words("reason", configs.iter().map(reason));
    table.long_text("models", 20, configs.iter().map(|config| models_of(config)));
    table.print(terminal)?;
    print_failure(&info, terminal)
}

fn print_failure(info: &EndpointInfo, terminal: &mut Terminal) -> Outcome {
    if let Some(failure) = &info.state.failure {
        terminal.line("")?;
        terminal.line("the last update failed:")?;
        for line in failure.lines() {
            terminal.line(&text::printable(line))?;
        }
    }
    Ok(Exit::Success)
}

fn models(config: &EndpointConfig) -> Table {
    let entities = &config.entities;
    let version = |entity: &ServedEntity| match &entity.alias {
        Some(alias) => format!("{} (@{alias})", entity.version),
        None => entity.version.to_string(),
    };
    let share = |entity: &ServedEntity| match entity.is_shadow {
        true => "shadow".to_owned(),
        false => format!("{} %", percent_of(config, entity)),
    };
    let mut table = Table::indented(2);
    table.long_text("name", 16, entities.iter().map(|entity| &entity.name));
    table.long_text("model", 20, entities.iter().map(|entity| &entity.model_name));
    table.words("version", entities.iter().map(version));
    table.numbers("traffic", entities.iter().map(share));
    table.words("size", entities.iter().map(|entity| entity.size.as_str()));
    table
}

fn models_of(config: &EndpointConfig) -> String {
    let words = config.entities.iter().map(|entity| match entity.is_shadow {
        true => format!("{}/{} shadow", entity.model_name, entity.version),
        false => {
            let percent = percent_of(config, entity);
            format!("{}/{} {percent} %", entity.model_name, entity.version)
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

fn percent_of(config: &EndpointConfig, entity: &ServedEntity) -> u32 {
    let route = config.routes.iter().find(|route| route.entity == entity.name);
    route.map_or(0, |route| route.percent)
}

/// The state in the file. Whether a server answers is not in the file.
fn state_of(info: &EndpointInfo) -> &'static str {
    let state = &info.state;
    match (state.active.is_some(), state.pending.is_some(), state.failure.is_some()) {
        (false, true, _) => "loading",
        (false, false, _) => "failed",
        (true, true, _) => "updating",
        (true, false, true) => "update failed",
        (true, false, false) => "active",
    }
}

fn config_state(info: &EndpointInfo, config: &EndpointConfig) -> &'static str {
    let state = &info.state;
    let is_newest = state.newest().is_some_and(|newest| newest.number == config.number);
    match Some(config.number) {
        number if number == state.active => "active",
        number if number == state.pending => "pending",
        _ if is_newest && state.failure.is_some() => "failed",
        _ => "earlier",
    }
}

fn spec(args: &SpecArgs) -> Result<EndpointSpec> {
    let mut settings = EndpointSettings::new();
    if let Some(text) = &args.description {
        settings = settings.description(text);
    }
    for tag in &args.tag {
        let (key, value) = pair("--tag", tag, "KEY=VALUE")?;
        settings = settings.tag(key, value);
    }
    if let Some(text) = &args.capture {
        settings = settings.capture(Some(capture(args, text)?));
    }
    let default = EndpointLimits::default();
    let milliseconds = |seconds: u32| seconds.saturating_mul(1000);
    let limits = EndpointLimits {
        timeout_ms: args.timeout.map_or(default.timeout_ms, milliseconds),
        waiting: args.waiting.unwrap_or(default.waiting),
        workers: args.workers.unwrap_or(default.workers),
        idle_ms: args.idle.map_or(default.idle_ms, milliseconds),
        ..default
    };
    let mut spec = EndpointSpec::new().limits(limits).settings(settings);
    for (words, is_shadow) in [(&args.model, false), (&args.shadow, true)] {
        for word in words {
            spec = spec.serve(served(args, word)?.shadow(is_shadow));
        }
    }
    for route in &args.route {
        let (name, percent) = pair("--route", route, "NAME=PERCENT")?;
        let number = percent.parse().map_err(|_| invalid("--route", route, "NAME=PERCENT"))?;
        spec = spec.route(name, number);
    }
    Ok(spec)
}

fn served(args: &SpecArgs, word: &str) -> Result<ServedModel> {
    // A name has no colon, so that the address of a model may have an equals sign.
    let named = word.split_once('=').filter(|(name, _)| !name.contains(':'));
    let (name, address) = named.map_or((None, word), |(name, address)| (Some(name), address));
    let mut model = ServedModel::at(address)?.size(args.size.parse()?);
    if let Some(name) = name {
        model = model.name(name);
    }
    for variable in &args.env {
        let (name, value) = pair("--env", variable, "NAME=VALUE")?;
        model = model.variable(name, value);
    }
    if args.own_environment {
        model = model.own_environment(true);
    }
    let lane = match (args.exact, args.native) {
        (true, _) => ServingLane::Exact,
        (_, true) => ServingLane::Native,
        _ => ServingLane::Auto,
    };
    Ok(model.scale_to_zero(args.idle.is_some()).lane(lane))
}

fn capture(args: &SpecArgs, text: &str) -> Result<EndpointCapture> {
    let mut levels = text.split('.').map(str::to_owned);
    let (catalog, schema, prefix) = (levels.next(), levels.next(), levels.next());
    let (Some(catalog), Some(schema), None) = (catalog, schema, levels.next()) else {
        return Err(invalid("--capture", text, "CATALOG.SCHEMA or CATALOG.SCHEMA.PREFIX"));
    };
    Ok(EndpointCapture {
        catalog,
        schema,
        prefix,
        is_enabled: true,
        percent: args.sample.unwrap_or(100),
        is_durable: args.durable,
        is_legacy: false,
    })
}

fn pair<'a>(option: &str, text: &'a str, form: &str) -> Result<(&'a str, &'a str)> {
    text.split_once('=').ok_or_else(|| invalid(option, text, form))
}

fn invalid(option: &str, text: &str, form: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("invalid {option} {text:?}: expected {form}"))
}
