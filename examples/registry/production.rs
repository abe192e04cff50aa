//! The registered model: its versions, its champion, and predictions with it.

use serde_json::json;
use tracklite::Database;
use tracklite::artifact::ArtifactOwner;
use tracklite::lineage::LineageNode;
use tracklite::logged_model::{LoggedModel, LoggedModelMetric, LoggedModelStatus, Signature};
use tracklite::registry::{ModelVersion, RegisteredModel, Registry, RegistryMode, RegistrySearch};

use crate::Result;
use crate::candidate::Candidate;
use crate::digits::data::{Digits, PIXELS, dataset};
use crate::digits::model::Network;
use crate::digits::text::{human_bytes, print, short};
use crate::digits::weights;
use crate::report;

/// The name of the registered model, in schema `production` of catalog `ml`.
pub(crate) const NAME: &str = "ml.production.digits";

/// The file name of the weights in a logged model and in a version.
const FILE: &str = "weights.safetensors";

/// The model in production and the images that measure it.
pub(crate) struct Production<'a> {
    database: &'a Database,
    digits: &'a Digits,
    registry: Registry,
    model: RegisteredModel,
}

/// A version loaded from the file.
pub(crate) struct Loaded {
    /// The number of the version.
    pub(crate) version: u64,
    /// The id of its logged model.
    logged_model: String,
    /// The network that predicts.
    pub(crate) network: Network,
}

impl<'a> Production<'a> {
    /// Opens the model, and registers it if necessary. Switches the file permanently to Unity
    /// Catalog names. The switch fails if the file already has models with plain names.
    pub(crate) fn open(database: &'a Database, digits: &'a Digits) -> Result<Self> {
        let registry = database.registry();
        if registry.mode()? == RegistryMode::Plain {
            registry.use_unity_catalog()?;
            print("Model names now have three levels: catalog.schema.model.\n\n")?;
        }
        if registry.catalog("ml").is_err() {
            registry.create_catalog("ml", Some("models of this machine"))?;
        }
        if registry.schema("ml", "production").is_err() {
            registry.create_schema("ml", "production", Some("models ready to serve"))?;
        }
        let model = match registry.model(NAME) {
            Ok(model) => model,
            Err(_) => {
                registry.new_model(NAME).description("classifies handwritten digits").create()?
            }
        };
        Ok(Production { database, digits, registry, model })
    }

    /// Logs the run's network as a logged model and registers it as a version. Returns the existing
    /// version if the run already has one.
    pub(crate) fn register(&self, candidate: &Candidate) -> Result<ModelVersion> {
        let run = candidate.run.id();
        let known = RegistrySearch::new().filter(format!("name = '{NAME}' AND run_id = '{run}'"));
        if let Some(known) = self.registry.search_versions(&known)?.items.first() {
            return Ok(self.registry.handle(known));
        }
        let logged = self.log_model(candidate)?;
        let version = self.model.new_version(&format!("models:/{}", logged.id()));
        let version = version.tag("test_accuracy", candidate.accuracy());
        Ok(version.description(&candidate.record.info.name).create()?)
    }

    /// Creates a logged model with weights, input example, signature and metrics. The weights take
    /// no extra space, because the file stores equal content once.
    fn log_model(&self, candidate: &Candidate) -> Result<LoggedModel> {
        let (run, info) = (candidate.run.id(), &candidate.record.info);
        let experiment = self.database.experiment_by_id(info.experiment)?;
        let example = json!([self.digits.test.first().map(|image| image.pixels.to_vec())]);
        let mut builder = experiment.new_logged_model().name("digits").source_run(run);
        for (key, value) in &candidate.record.params {
            builder = builder.param(key, value);
        }
        let builder = builder.model_type("network").signature(signature()?);
        let model = builder.input_example(&example.to_string()).create()?;
        let files = self.database.artifacts_of(ArtifactOwner::LoggedModel(model.id()))?;
        files.log_bytes(&candidate.weights, FILE)?;
        files.log_json(&example, "input_example.json")?;
        let test = dataset("optdigits-test", &self.digits.test);
        let (loss, accuracy) = weights::read(&candidate.weights)?.evaluate(&self.digits.test);
        model.log_metrics([("test_accuracy", accuracy), ("test_loss", loss)].map(
            |(key, value)| {
                LoggedModelMetric::new(key, value, 0).run(run).dataset(&test.name, &test.digest)
            },
        ))?;
        model.finalize(LoggedModelStatus::Ready)?;
        Ok(model)
    }

    /// Describes a version: its files, aliases and digest.
    pub(crate) fn describe(&self, version: &ModelVersion) -> Result<String> {
        let info = version.info()?;
        let (model, number) = (version.model_id(), version.version());
        let files =
            self.database.artifacts_of(ArtifactOwner::ModelVersion { model, version: number });
        let files = files?
            .list_all()?
            .into_iter()
            .map(|file| format!("{} ({})", file.path, human_bytes(file.size.unwrap_or_default())));
        let files = files.collect::<Vec<_>>().join(", ");
        let digest = info.digest.unwrap_or_default().map(|byte| format!("{byte:02x}")).concat();
        let named = match info.aliases.join(", ") {
            none if none.is_empty() => String::new(),
            aliases => format!(", {aliases}"),
        };
        Ok(format!("models:/{NAME}/{number}{named}\n  {files}\n  pinned to {digest}\n"))
    }

    /// Makes the first version the champion, unless there is one already.
    pub(crate) fn crown_first(&self, version: u64) -> Result<()> {
        if !self.model.info()?.aliases.contains_key("Champion") {
            self.model.move_alias("Champion", None, version)?;
        }
        Ok(())
    }

    /// Moves the alias from the beaten version, and only from that one.
    pub(crate) fn replace(&self, from: u64, to: u64) -> Result<String> {
        self.model.move_alias("Champion", Some(from), to)?;
        let mut text = format!("Champion moves from version {from} to version {to}.\n");
        if let Err(late) = self.model.move_alias("Champion", Some(from), to) {
            text += &format!("Lost the race: {}\n", report::without_path(&late));
        }
        Ok(text)
    }

    /// Loads the version that a suffix such as `@Champion` of the model's URI selects.
    pub(crate) fn load(&self, choice: &str) -> Result<Loaded> {
        let found = self.registry.resolve(&format!("models:/{NAME}{choice}"))?;
        let network = weights::read(&self.database.artifacts_of(found.owner)?.read(FILE)?)?;
        let info = found.version.ok_or("the URI does not refer to a version")?;
        let logged_model = info.logged_model.map(|id| id.to_string()).unwrap_or_default();
        Ok(Loaded { version: info.version, logged_model, network })
    }

    /// Predicts every test image with the champion, and logs the result as a run.
    pub(crate) fn predict(&self) -> Result<String> {
        let champion = self.load("@Champion")?;
        let experiment = self.database.experiment("/examples/digits")?;
        let run = experiment.new_run().name("predictions of Champion").start()?;
        run.log_inputs(&[], &[&champion.logged_model])?;
        run.log_dataset(dataset("optdigits-test", &self.digits.test), "eval")?;
        let images = self.digits.test.iter();
        let predicted = images.map(|image| champion.network.predict(&image.pixels));
        let predicted = predicted.collect::<Vec<_>>();
        let pairs = self.digits.test.iter().map(|image| image.digit).zip(predicted.iter().copied());
        let right = pairs.clone().filter(|(digit, predicted)| digit == predicted).count();
        let accuracy = right as f64 / predicted.len() as f64;
        let rows = pairs.map(|(digit, predicted)| format!("{digit},{predicted}\n"));
        let table = std::iter::once("digit,predicted\n".to_owned()).chain(rows);
        run.log_text(&table.collect::<String>(), "predictions.csv")?;
        run.log_metric("accuracy", accuracy, 0)?;
        let id = short(run.id());
        run.finish()?;
        let (version, count) = (champion.version, predicted.len());
        let pictures = report::pictures(&self.digits.test, &predicted);
        Ok(format!(
            "\nmodels:/{NAME}@Champion is version {version}. Its predictions:\n\n{pictures}\n\
             {:.2} % of {count} test images are correct; predictions.csv is in run {id}.\n",
            100.0 * accuracy
        ))
    }

    /// Returns the champion as a node of the lineage graph.
    pub(crate) fn champion_node(&self) -> LineageNode {
        LineageNode::Alias { name: NAME.to_owned(), alias: "Champion".to_owned() }
    }
}

/// Returns a signature: batches of 64 pixels in, digits out.
fn signature() -> Result<Signature> {
    let tensor = |dtype: &str, shape: &[i64]| {
        let spec = json!({"dtype": dtype, "shape": shape});
        json!([{"type": "tensor", "tensor-spec": spec}])
    };
    let inputs = tensor("float32", &[-1, PIXELS as i64]);
    let signature = json!({"inputs": inputs, "outputs": tensor("int64", &[-1]), "params": null});
    Ok(Signature::parse(&signature.to_string())?)
}
