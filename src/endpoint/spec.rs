//! The specification of an endpoint: its models, and their shares of the requests.

use std::collections::BTreeMap;

use crate::endpoint::settings::EndpointSettings;
use crate::entity::id::Timestamp;

use crate::entity::wording::invalid;
use crate::entity::{
    EndpointConfig, EndpointLimits, EndpointRoute, EndpointSize, ModelVersionInfo,
    ModelVersionStatus, ServedEntity, ServingLane, check_config, default_entity_name,
};
use crate::error::{Error, ErrorKind, Result};
use crate::feature::FeatureSpec;
use crate::index::{Index, VersionChoice};
use crate::registry::{ModelTarget, ModelUri, Registry};

/// A model to serve: a version, or an alias that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedModel {
    model: String,
    version: Choice,
    name: Option<String>,
    size: EndpointSize,
    scale_to_zero: bool,
    is_shadow: bool,
    environment: BTreeMap<String, String>,
    lane: ServingLane,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    Number(u64),
    Alias(String),
    /// The newest version of a feature spec.
    Newest,
}

impl ServedModel {
    /// Serves a version of a registered model.
    #[must_use]
    pub fn version(model: impl Into<String>, version: u64) -> Self {
        ServedModel::new(model.into(), Choice::Number(version))
    }

    /// Serves the version to which an alias points, and follows the alias.
    #[must_use]
    pub fn alias(model: impl Into<String>, alias: impl Into<String>) -> Self {
        ServedModel::new(model.into(), Choice::Alias(alias.into()))
    }

    /// Serves the newest version of a feature spec: features without a model. A later version is
    /// not followed.
    #[must_use]
    pub fn features(spec: impl Into<String>) -> Self {
        ServedModel::new(spec.into(), Choice::Newest)
    }

    /// Serves the version or alias at an address, such as `models:/churn/3` or
    /// `models:/churn@champion`. An alias is followed.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if it is not such an address.
    pub fn at(address: &str) -> Result<Self> {
        let uri: ModelUri = address.parse()?;
        match uri.target {
            ModelTarget::Version { name, version } if uri.path.is_empty() => {
                Ok(ServedModel::version(name, version))
            }
            ModelTarget::Alias { name, alias } if uri.path.is_empty() => {
                Ok(ServedModel::alias(name, alias))
            }
            _ => Err(invalid(format!(
                "{address:?} cannot be served: expected a version or an alias, such as \
                 models:/churn/3 or models:/churn@champion"
            ))),
        }
    }

    /// Returns the name within the endpoint.
    #[must_use]
    pub fn entity_name(&self) -> String {
        let word = match &self.version {
            Choice::Number(number) => number.to_string(),
            Choice::Alias(alias) => alias.clone(),
            Choice::Newest => "features".to_owned(),
        };
        self.name.clone().unwrap_or_else(|| default_entity_name(&self.model, &word))
    }

    fn new(model: String, version: Choice) -> Self {
        ServedModel {
            model,
            version,
            name: None,
            size: EndpointSize::default(),
            scale_to_zero: false,
            is_shadow: false,
            environment: BTreeMap::new(),
            lane: ServingLane::default(),
        }
    }

    /// Sets the name within the endpoint. Default: the last level of the model's name, a dash, and
    /// the version or alias.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets how many requests it answers at the same time. Default: [`EndpointSize::Small`].
    #[must_use]
    pub fn size(mut self, size: EndpointSize) -> Self {
        self.size = size;
        self
    }

    /// Sets whether its workers may end while there are no requests. Default: false.
    #[must_use]
    pub fn scale_to_zero(mut self, may_scale: bool) -> Self {
        self.scale_to_zero = may_scale;
        self
    }

    /// Makes it a shadow: it gets a copy of each request, and its answers are not returned. It has
    /// no route. Default: false.
    #[must_use]
    pub fn shadow(mut self, is_shadow: bool) -> Self {
        self.is_shadow = is_shadow;
        self
    }

    /// Sets a variable of its processes. The file has the value, so it is not for secrets.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Sets whether the server makes a Python environment for it, with the requirements of its
    /// version. Default: false, the environment of the server.
    ///
    /// This is the variable [`ServedEntity::ENVIRONMENT`].
    #[must_use]
    pub fn own_environment(mut self, is_own: bool) -> Self {
        self.environment.remove(ServedEntity::ENVIRONMENT);
        match is_own {
            true => self.variable(ServedEntity::ENVIRONMENT, "model"),
            false => self,
        }
    }

    /// Sets how it reads requests. Default: [`ServingLane::Auto`].
    #[must_use]
    pub fn lane(mut self, lane: ServingLane) -> Self {
        self.lane = lane;
        self
    }

    /// Looks the version up, and returns the served model that is pinned to it.
    fn pinned(&self, index: &Index, registry: &Registry) -> Result<ServedEntity> {
        let found = |choice| registry.version_in(index, &self.model, choice);
        let (info, alias) = match &self.version {
            Choice::Number(number) => (found(VersionChoice::Number(*number))?, None),
            Choice::Alias(alias) => (found(VersionChoice::Alias(alias))?, Some(alias.clone())),
            Choice::Newest => (newest_spec(index, registry, &self.model)?, None),
        };
        check_ready(&info)?;
        Ok(ServedEntity {
            name: self.entity_name(),
            model: info.model,
            model_name: info.name.clone(),
            version: info.version,
            alias,
            size: self.size,
            scale_to_zero: self.scale_to_zero,
            is_shadow: self.is_shadow,
            environment: self.environment.clone(),
            lane: self.lane,
        })
    }
}

/// Returns the newest version of a feature spec. Fails for a model.
fn newest_spec(index: &Index, registry: &Registry, name: &str) -> Result<ModelVersionInfo> {
    let id = registry.model_in(index, name)?;
    let newest = index.model_versions(id)?.pop();
    newest.filter(|info| info.tags.contains_key(FeatureSpec::TAG)).ok_or_else(|| {
        invalid(format!(
            "{name:?} is a model: name the version that is served, by its number or by an alias \
             such as \"@champion\". Only a feature spec needs none"
        ))
    })
}

/// Refuses a version whose files are not complete.
pub(crate) fn check_ready(info: &ModelVersionInfo) -> Result<()> {
    if info.status == ModelVersionStatus::Ready {
        return Ok(());
    }
    let (name, version, status) = (&info.name, info.version, info.status);
    let message = format!("version {version} of {name:?} has the status {status}, expected READY");
    Err(Error::new(ErrorKind::InvalidState, message))
}

/// The models of an endpoint, and their shares of the requests.
///
/// Without routes, a single model gets all requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSpec {
    models: Vec<ServedModel>,
    routes: Vec<EndpointRoute>,
    limits: EndpointLimits,
    pub(crate) settings: EndpointSettings,
    pub(crate) description: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl EndpointSpec {
    /// Creates a specification without models.
    #[must_use]
    pub fn new() -> Self {
        EndpointSpec::default()
    }

    /// Adds a model.
    #[must_use]
    pub fn serve(mut self, model: ServedModel) -> Self {
        self.models.push(model);
        self
    }

    /// Adds the share of the requests of a served model, by its name within the endpoint.
    #[must_use]
    pub fn route(mut self, entity: impl Into<String>, percent: u32) -> Self {
        self.routes.push(EndpointRoute { entity: entity.into(), percent });
        self
    }

    /// Sets the limits of each served model.
    #[must_use]
    pub fn limits(mut self, limits: EndpointLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets what is changed beside the configuration. Default: nothing.
    #[must_use]
    pub fn settings(mut self, settings: EndpointSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets the description of a new endpoint. An update leaves it as it is.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Sets a tag of a new endpoint. An update leaves the tags as they are.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Returns the configuration, with each model pinned to a version.
    pub(crate) fn config(
        &self,
        index: &Index,
        registry: &Registry,
        (number, author): (u64, String),
    ) -> Result<EndpointConfig> {
        let entities = self.models.iter().map(|model| model.pinned(index, registry));
        let entities: Vec<ServedEntity> = entities.collect::<Result<_>>()?;
        let config = EndpointConfig {
            number,
            author,
            time: Timestamp::now_nanos(),
            is_followed: false,
            routes: self.routes_to(&entities)?,
            entities,
            limits: self.limits,
        };
        check_config(&config)?;
        Ok(config)
    }

    fn routes_to(&self, entities: &[ServedEntity]) -> Result<Vec<EndpointRoute>> {
        let live: Vec<&ServedEntity> = entities.iter().filter(|entity| !entity.is_shadow).collect();
        match (self.routes.is_empty(), &live[..]) {
            (true, [only]) => Ok(vec![EndpointRoute { entity: only.name.clone(), percent: 100 }]),
            (true, [_, _, ..]) => Err(invalid(
                "several models are served without routes: say what percentage each of them gets"
                    .to_owned(),
            )),
            _ => Ok(self.routes.clone()),
        }
    }
}
