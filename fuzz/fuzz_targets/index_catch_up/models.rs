//! Arbitrary records of logged models and the registry.

use tracklite::internals::record::{
    AliasDeleted, AliasSet, CatalogCreated, CatalogDropped, CatalogOwnerSet, CatalogRenamed,
    CatalogUpdated, LoggedModelCreated, LoggedModelLifecycleSet, LoggedModelMetricsLogged,
    LoggedModelParamsSet, LoggedModelSignatureSet, LoggedModelTagDeleted, LoggedModelTagsSet,
    LoggedModelUpdated, LoggedModelsPurged, MeasuredMetric, ModelVersionCreated,
    ModelVersionDeleted, ModelVersionTagDeleted, ModelVersionTagsSet, ModelVersionUpdated, Record,
    RegisteredModelCreated, RegisteredModelDeleted, RegisteredModelRenamed,
    RegisteredModelTagDeleted, RegisteredModelTagsSet, RegisteredModelUpdated, RegistryModeSet,
    SchemaCreated, SchemaDropped, SchemaOwnerSet, SchemaRenamed, SchemaUpdated,
};
use tracklite::logged_model::LoggedModelStatus;
use tracklite::registry::{ModelStage, ModelVersionStatus, RegistryMode};
use tracklite::{LoggedModelId, RegisteredModelId};
use tracklite_fuzz::Choices;

use super::{experiment, lifecycle, pairs, run_id, text};

pub(super) fn logged_model(choices: &mut Choices<'_>) -> LoggedModelId {
    LoggedModelId::from_bits(choices.below(4) as u128)
}

pub(super) fn registered_model(choices: &mut Choices<'_>) -> RegisteredModelId {
    RegisteredModelId::from_bits(choices.below(4) as u128)
}

/// Returns a plausible version number, or rarely an impossible one.
pub(super) fn version(choices: &mut Choices<'_>) -> u64 {
    match choices.byte() {
        0 => u64::MAX,
        other => u64::from(other % 6),
    }
}

/// Returns the id of a run, or any other text.
fn run_text(choices: &mut Choices<'_>) -> String {
    if choices.byte() < 128 { run_id(choices).to_string() } else { text(choices) }
}

fn maybe<T>(choices: &mut Choices<'_>, some: impl FnOnce(&mut Choices<'_>) -> T) -> Option<T> {
    (choices.byte() < 128).then(|| some(choices))
}

pub(super) fn about_logged_models(choices: &mut Choices<'_>) -> Record {
    let (model, time) = (logged_model(choices), choices.integer());
    match choices.below(12) {
        0 => {
            let status = maybe(choices, |choices| LoggedModelStatus::ALL[choices.below(4)]);
            let status_message = maybe(choices, text);
            LoggedModelUpdated { model, status, status_message, time }.into()
        }
        1 => LoggedModelParamsSet { model, params: pairs(choices), time }.into(),
        2 => LoggedModelTagsSet { model, tags: pairs(choices), time }.into(),
        3 => LoggedModelTagDeleted { model, key: text(choices), time }.into(),
        4 => {
            let metrics = (0..choices.below(3)).map(|_| measured(choices)).collect();
            LoggedModelMetricsLogged { model, metrics }.into()
        }
        5 => LoggedModelLifecycleSet { model, lifecycle: lifecycle(choices), time }.into(),
        6 => {
            let (signature, input_example) = (maybe(choices, text), maybe(choices, text));
            LoggedModelSignatureSet { model, signature, input_example, time }.into()
        }
        7 => {
            let models = (0..choices.below(3)).map(|_| logged_model(choices)).collect();
            LoggedModelsPurged { models }.into()
        }
        _ => LoggedModelCreated {
            model,
            experiment: experiment(choices),
            name: text(choices),
            model_type: maybe(choices, text),
            source_run: maybe(choices, run_text),
            params: pairs(choices),
            tags: pairs(choices),
            time,
        }
        .into(),
    }
}

fn measured(choices: &mut Choices<'_>) -> MeasuredMetric {
    MeasuredMetric {
        key: text(choices),
        value: choices.value(),
        step: choices.integer(),
        time: choices.integer(),
        run: maybe(choices, run_id),
        dataset: maybe(choices, |choices| (text(choices), text(choices))),
    }
}

pub(super) fn about_registry(choices: &mut Choices<'_>) -> Record {
    let (model, time) = (registered_model(choices), choices.integer());
    match choices.below(14) {
        0 => RegisteredModelRenamed { model, name: text(choices), time }.into(),
        1 => RegisteredModelUpdated { model, description: maybe(choices, text), time }.into(),
        2 => RegisteredModelDeleted { model, time }.into(),
        3 => RegisteredModelTagsSet { model, tags: pairs(choices), time }.into(),
        4 => RegisteredModelTagDeleted { model, key: text(choices), time }.into(),
        5 => {
            let (alias, version) = (text(choices), version(choices));
            AliasSet { model, alias, version, time }.into()
        }
        6 => AliasDeleted { model, alias: text(choices), time }.into(),
        7 => about_catalogs(choices),
        8 | 9 => about_versions(choices),
        10 | 11 => version_created(choices),
        _ => {
            let (name, description, tags) = (text(choices), maybe(choices, text), pairs(choices));
            RegisteredModelCreated { model, name, description, tags, time }.into()
        }
    }
}

fn version_created(choices: &mut Choices<'_>) -> Record {
    ModelVersionCreated {
        model: registered_model(choices),
        version: version(choices),
        source: text(choices),
        location: text(choices),
        run: maybe(choices, run_text),
        run_link: maybe(choices, text),
        logged_model: maybe(choices, logged_model),
        copied_from: maybe(choices, |choices| (registered_model(choices), version(choices))),
        description: maybe(choices, text),
        tags: pairs(choices),
        user: text(choices),
        status: ModelVersionStatus::ALL[choices.below(3)],
        signature: maybe(choices, text),
        digest: maybe(choices, |choices| [choices.byte(); 32]),
        time: choices.integer(),
    }
    .into()
}

fn about_versions(choices: &mut Choices<'_>) -> Record {
    let (model, version, time) = (registered_model(choices), version(choices), choices.integer());
    match choices.below(4) {
        0 => ModelVersionDeleted { model, version, time }.into(),
        1 => ModelVersionTagsSet { model, version, tags: pairs(choices), time }.into(),
        2 => ModelVersionTagDeleted { model, version, key: text(choices), time }.into(),
        _ => ModelVersionUpdated {
            model,
            version,
            description: maybe(choices, |choices| maybe(choices, text)),
            status: maybe(choices, |choices| {
                (ModelVersionStatus::ALL[choices.below(3)], maybe(choices, text))
            }),
            stage: maybe(choices, |choices| ModelStage::ALL[choices.below(4)]),
            time,
        }
        .into(),
    }
}

fn about_catalogs(choices: &mut Choices<'_>) -> Record {
    let (catalog, schema, time) = (text(choices), text(choices), choices.integer());
    let (owner, comment) = (text(choices), maybe(choices, text));
    match choices.below(11) {
        0 => CatalogCreated { catalog, owner, comment, time }.into(),
        1 => CatalogUpdated { catalog, comment, time }.into(),
        2 => CatalogDropped { catalog, time }.into(),
        3 => SchemaCreated { catalog, schema, owner, comment, time }.into(),
        4 => SchemaUpdated { catalog, schema, comment, time }.into(),
        5 => SchemaDropped { catalog, schema, time }.into(),
        6 => CatalogRenamed { catalog, name: schema, time }.into(),
        7 => SchemaRenamed { catalog, schema, name: text(choices), time }.into(),
        8 => CatalogOwnerSet { catalog, owner, time }.into(),
        9 => SchemaOwnerSet { catalog, schema, owner, time }.into(),
        _ => {
            let mode = [RegistryMode::Plain, RegistryMode::UnityCatalog][choices.below(2)];
            RegistryModeSet { mode, time }.into()
        }
    }
}
