//! The records of logged models and of the registry in the golden file, and their expected effect.

use tracklite::artifact::ArtifactOwner;
use tracklite::internals::record::*;
use tracklite::logged_model::LoggedModelStatus;
use tracklite::registry::{ModelStage, ModelVersionStatus, RegistryMode};
use tracklite::{Database, Lifecycle, LoggedModelId, RegisteredModelId};

use super::writer::{CHUNKS, FINISHED, RUN, TIME, hash};

const LOGGED: LoggedModelId = LoggedModelId::from_bits(0x4444);
const PURGED: LoggedModelId = LoggedModelId::from_bits(0x5555);
const TEXT_RUN: LoggedModelId = LoggedModelId::from_bits(0x8888);
const DIGITS: RegisteredModelId = RegisteredModelId::from_bits(0x6666);
const DELETED: RegisteredModelId = RegisteredModelId::from_bits(0x7777);

/// The single file of each version.
fn weights() -> WrittenFile {
    WrittenFile {
        path: "weights".to_owned(),
        size: CHUNKS[0].len() as u64,
        digest: hash(CHUNKS[0]),
        media_type: None,
        content: FileContent::Chunks(vec![hash(CHUNKS[0])]),
    }
}

/// Computes the digest from its definition in `docs/format.md`, independently of the library.
fn digest() -> [u8; 32] {
    let mut bytes = 7_u64.to_le_bytes().to_vec();
    bytes.extend(b"weights");
    bytes.extend(weights().size.to_le_bytes());
    bytes.extend(weights().digest.as_bytes());
    *blake3::hash(&bytes).as_bytes()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Returns the frames in order.
pub fn frames() -> Vec<Vec<Record>> {
    let (models, pending) = (registered_models(), pending());
    vec![
        logged_models(),
        catalogs(),
        models,
        versions(),
        pending,
        finalized(),
        deletions(),
        renamed_levels(),
    ]
}

fn logged_models() -> Vec<Record> {
    let (model, time) = (LOGGED, TIME + 1);
    let created = |model, name: &str| LoggedModelCreatedV0 {
        model,
        experiment: tracklite::ExperimentId::new(1),
        name: name.to_owned(),
        model_type: Some("linear".to_owned()),
        source_run: Some(RUN),
        params: pairs(&[("depth", "3")]),
        tags: pairs(&[("old", "x")]),
        time: TIME,
    };
    let metric = MeasuredMetric {
        key: "accuracy".to_owned(),
        value: 0.75,
        step: -1,
        time: TIME,
        run: Some(FINISHED),
        dataset: Some(("iris".to_owned(), "5f2c".to_owned())),
    };
    let status = Some(LoggedModelStatus::Ready);
    let (signature, input_example) = (Some("{}".to_owned()), Some("[1]".to_owned()));
    let deleted = LoggedModelLifecycleSet { model: PURGED, lifecycle: Lifecycle::Deleted, time };
    vec![
        created(LOGGED, "digits").into(),
        created(PURGED, "purged").into(),
        LoggedModelUpdated { model, status, status_message: Some("whole".into()), time }.into(),
        LoggedModelParamsSet { model, params: pairs(&[("rate", "0.1"), ("depth", "4")]), time }
            .into(),
        LoggedModelTagsSet { model, tags: pairs(&[("stage", "dev")]), time }.into(),
        LoggedModelTagDeleted { model, key: "old".to_owned(), time }.into(),
        LoggedModelMetricsLogged { model, metrics: vec![metric] }.into(),
        LoggedModelSignatureSet { model, signature, input_example, time }.into(),
        deleted.into(),
        LoggedModelsPurged { models: vec![PURGED] }.into(),
    ]
}

fn catalogs() -> Vec<Record> {
    let time = TIME;
    let (owner, comment) = ("ada".to_owned(), Some("all".to_owned()));
    let (catalog, dropped) = ("ml".to_owned(), "old".to_owned());
    let schema = |schema: &str| SchemaCreated {
        catalog: "ml".to_owned(),
        schema: schema.to_owned(),
        owner: "ada".to_owned(),
        comment: None,
        time,
    };
    vec![
        RegistryModeSet { mode: RegistryMode::UnityCatalog, time }.into(),
        CatalogCreated { catalog: catalog.clone(), owner: owner.clone(), comment: None, time }
            .into(),
        CatalogCreated { catalog: dropped.clone(), owner, comment: None, time }.into(),
        CatalogUpdated { catalog: catalog.clone(), comment: comment.clone(), time }.into(),
        CatalogDropped { catalog: dropped, time }.into(),
        schema("production").into(),
        schema("old").into(),
        SchemaUpdated { catalog: catalog.clone(), schema: "production".into(), comment, time }
            .into(),
        SchemaDropped { catalog, schema: "old".to_owned(), time }.into(),
    ]
}

/// A catalog and a schema with new names and owners. They hold no model.
fn renamed_levels() -> Vec<Record> {
    let (time, later, owner) = (TIME, TIME + 9, "ada".to_owned());
    let (catalog, schema, comment) = ("draft".to_owned(), "first".to_owned(), None);
    let (new, name, team) = ("dev".to_owned(), "second".to_owned(), "team".to_owned());
    vec![
        CatalogCreated { catalog: catalog.clone(), owner: owner.clone(), comment: None, time }
            .into(),
        SchemaCreated { catalog: catalog.clone(), schema: schema.clone(), owner, comment, time }
            .into(),
        CatalogRenamed { catalog, name: new.clone(), time: later }.into(),
        SchemaRenamed { catalog: new.clone(), schema, name: name.clone(), time: later }.into(),
        CatalogOwnerSet { catalog: new.clone(), owner: team.clone(), time: later }.into(),
        SchemaOwnerSet { catalog: new, schema: name, owner: team, time: later }.into(),
    ]
}

fn registered_models() -> Vec<Record> {
    let (model, time) = (DIGITS, TIME + 2);
    let created = |model, name: &str| RegisteredModelCreated {
        model,
        name: name.to_owned(),
        description: None,
        tags: pairs(&[("team", "a"), ("old", "x")]),
        time: TIME,
    };
    vec![
        created(DIGITS, "ml.production.numbers").into(),
        created(DELETED, "ml.production.deleted").into(),
        RegisteredModelRenamed { model, name: "ml.production.digits".to_owned(), time }.into(),
        RegisteredModelUpdated { model, description: Some("ten".to_owned()), time }.into(),
        RegisteredModelTagsSet { model, tags: pairs(&[("team", "b")]), time }.into(),
        RegisteredModelTagDeleted { model, key: "old".to_owned(), time }.into(),
        RegisteredModelDeleted { model: DELETED, time }.into(),
    ]
}

fn versions() -> Vec<Record> {
    let (model, time) = (DIGITS, TIME + 3);
    let created = |version| ModelVersionCreatedV0 {
        model,
        version,
        source: format!("models:/{LOGGED}"),
        location: format!("models:/{LOGGED}"),
        run: Some(RUN),
        run_link: Some("http://runs".to_owned()),
        logged_model: Some(LOGGED),
        copied_from: (version > 1).then_some((model, 1)),
        description: None,
        tags: pairs(&[("old", "x"), ("stage", "dev")]),
        user: "ada".to_owned(),
        status: ModelVersionStatus::PendingRegistration,
        signature: Some("{}".to_owned()),
        digest: Some(digest()),
        time,
    };
    let files = |version| {
        let owner = ArtifactOwner::ModelVersion { model, version };
        ArtifactsWritten { owner, time, files: vec![weights()] }
    };
    let updated = ModelVersionUpdated {
        model,
        version: 1,
        description: Some(Some("first".to_owned())),
        status: Some((ModelVersionStatus::Ready, Some("whole".to_owned()))),
        stage: Some(ModelStage::Staging),
        time,
    };
    let alias = |alias: &str, version| AliasSet { model, alias: alias.to_owned(), version, time };
    vec![
        created(1).into(),
        files(1).into(),
        created(2).into(),
        files(2).into(),
        updated.into(),
        ModelVersionTagsSet { model, version: 1, tags: pairs(&[("stage", "prod")]), time }.into(),
        ModelVersionTagDeleted { model, version: 1, key: "old".to_owned(), time }.into(),
        alias("champion", 1).into(),
        alias("challenger", 2).into(),
        alias("old", 1).into(),
    ]
}

/// A version that is created before its files.
fn pending() -> Vec<Record> {
    let (model, time) = (DIGITS, TIME + 3);
    let created = ModelVersionCreatedV0 {
        model,
        version: 3,
        source: "elsewhere".to_owned(),
        location: "elsewhere".to_owned(),
        run: None,
        run_link: None,
        logged_model: None,
        copied_from: None,
        description: None,
        tags: Vec::new(),
        user: "ada".to_owned(),
        status: ModelVersionStatus::PendingRegistration,
        signature: None,
        digest: None,
        time,
    };
    let owner = ArtifactOwner::ModelVersion { model, version: 3 };
    vec![created.into(), ArtifactsWritten { owner, time, files: vec![weights()] }.into()]
}

fn finalized() -> Vec<Record> {
    let (digest, signature) = (Some(digest()), Some("{}".to_owned()));
    let time = TIME + 3;
    vec![ModelVersionFinalized { model: DIGITS, version: 3, digest, signature, time }.into()]
}

fn deletions() -> Vec<Record> {
    let (model, time) = (DIGITS, TIME + 4);
    vec![
        AliasDeleted { model, alias: "old".to_owned(), time }.into(),
        ModelVersionDeleted { model, version: 2, time }.into(),
    ]
}

/// Returns a frame with the records whose run is a text, in their version 1.
pub fn of_text_runs() -> Vec<Record> {
    let (model, time) = (DIGITS, TIME + 5);
    let logged = LoggedModelCreated {
        model: TEXT_RUN,
        experiment: tracklite::ExperimentId::new(1),
        name: "moved".to_owned(),
        model_type: None,
        source_run: Some("elsewhere/7".to_owned()),
        params: Vec::new(),
        tags: pairs(&[("team", "c")]),
        time,
    };
    let version = |version, run: &str| ModelVersionCreated {
        model,
        version,
        source: "s3://bucket/model".to_owned(),
        location: "s3://bucket/model".to_owned(),
        run: Some(run.to_owned()),
        run_link: None,
        logged_model: Some(TEXT_RUN),
        copied_from: Some((model, 1)),
        description: Some("fourth".to_owned()),
        tags: Vec::new(),
        user: "ada".to_owned(),
        status: ModelVersionStatus::Ready,
        signature: None,
        digest: None,
        time,
    };
    vec![logged.into(), version(4, "elsewhere/7").into(), version(5, &RUN.to_string()).into()]
}

/// Reads the models with a text as their run.
pub fn check_text_runs(database: &Database) {
    let logged = database.logged_model(TEXT_RUN).unwrap().info().unwrap();
    assert_eq!(
        (logged.source_run.as_deref(), logged.name.as_str()),
        (Some("elsewhere/7"), "moved")
    );
    assert_eq!((logged.source_run_id(), logged.tags["team"].as_str()), (None, "c"));
    let registry = database.registry();
    let version = registry.version_info("ml.production.digits", 4).unwrap();
    assert_eq!((version.run.as_deref(), version.run_id()), (Some("elsewhere/7"), None));
    assert_eq!((version.source.as_str(), version.user.as_str()), ("s3://bucket/model", "ada"));
    assert_eq!((version.logged_model, version.digest), (Some(TEXT_RUN), None));
    assert_eq!(
        (version.copied_from, version.description.as_deref()),
        (Some((DIGITS, 1)), Some("fourth"))
    );
    let version = registry.version_info("ml.production.digits", 5).unwrap();
    assert_eq!(version.run_id(), Some(RUN));
}

/// Reads all models through the public API.
pub fn check(database: &Database) {
    let logged = database.logged_model(LOGGED).unwrap().info().unwrap();
    assert_eq!((logged.status, logged.source_run_id()), (LoggedModelStatus::Ready, Some(RUN)));
    let params: Vec<_> = logged.params.into_iter().collect();
    assert_eq!(params, pairs(&[("depth", "3"), ("rate", "0.1")]));
    assert_eq!(logged.tags.into_iter().collect::<Vec<_>>(), pairs(&[("stage", "dev")]));
    assert_eq!((logged.status_message.as_deref(), logged.metrics.len()), (Some("whole"), 1));
    assert_eq!((logged.metrics[0].value, logged.metrics[0].run), (0.75, Some(FINISHED)));
    assert_eq!(logged.input_example.as_deref(), Some("[1]"));
    assert!(database.logged_model(PURGED).is_err());

    let registry = database.registry();
    assert_eq!(registry.mode().unwrap(), RegistryMode::UnityCatalog);
    let catalogs = registry.catalogs().unwrap().into_iter();
    let catalogs: Vec<_> = catalogs.map(|catalog| (catalog.name, catalog.owner)).collect();
    let owned = |name: &str, owner: &str| (name.to_owned(), owner.to_owned());
    assert_eq!(catalogs, [owned("dev", "team"), owned("ml", "ada")]);
    assert_eq!(registry.schema("dev", "second").unwrap().owner, "team");
    let schemas = registry.schemas("ml").unwrap();
    assert_eq!((schemas.len(), schemas[0].comment.as_deref()), (1, Some("all")));
    let model = registry.model("ml.production.digits").unwrap();
    let info = model.info().unwrap();
    assert_eq!((info.id, info.description.as_deref()), (DIGITS, Some("ten")));
    assert_eq!(info.tags.into_iter().collect::<Vec<_>>(), pairs(&[("team", "b")]));
    assert_eq!(info.aliases.into_iter().collect::<Vec<_>>(), [("champion".to_owned(), 1)]);
    let version = registry.version_info("ml.production.digits", 1).unwrap();
    assert_eq!((version.stage, version.digest), (ModelStage::Staging, Some(digest())));
    let owner = ArtifactOwner::ModelVersion { model: DIGITS, version: 1 };
    assert_eq!(database.artifacts_of(owner).unwrap().read("weights").unwrap(), CHUNKS[0]);
    assert_eq!((version.status, version.logged_model), (ModelVersionStatus::Ready, Some(LOGGED)));
    assert_eq!(version.tags.into_iter().collect::<Vec<_>>(), pairs(&[("stage", "prod")]));
    let versions = model.versions().unwrap();
    assert_eq!(versions.iter().map(|version| version.version).collect::<Vec<_>>(), [1, 3]);
    let late = &versions[1];
    assert_eq!((late.status, late.digest), (ModelVersionStatus::Ready, Some(digest())));
    assert_eq!((late.signature.as_deref(), late.source.as_str()), (Some("{}"), "elsewhere"));
    assert!(registry.model("ml.production.deleted").is_err());
}
