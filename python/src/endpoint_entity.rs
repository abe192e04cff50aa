//! Endpoints as the frozen values of `tracklite.entities`.

use std::collections::BTreeMap;
use std::time::Duration;

use pyo3::prelude::*;
use tracklite::Timestamp;
use tracklite::endpoint::{EndpointConfig, EndpointInfo, ServedEntity};

use crate::convert::grantee;
use crate::entity::{Entity, Fields, Object};

/// A served model, and its share of the requests.
struct Shared<'a> {
    entity: &'a ServedEntity,
    percent: u32,
}

impl<'a> Shared<'a> {
    fn new(config: &EndpointConfig, entity: &'a ServedEntity) -> Self {
        let route = config.routes.iter().find(|route| route.entity == entity.name);
        Shared { entity, percent: route.map_or(0, |route| route.percent) }
    }
}

impl Entity for Shared<'_> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let ServedEntity { name, model_name, version, alias, environment, .. } = self.entity;
        let variables: BTreeMap<&String, &String> =
            environment.iter().filter(|(name, _)| *name != ServedEntity::ENVIRONMENT).collect();
        let place = if self.entity.has_own_environment() { "model" } else { "server" };
        let fields = Fields::new(py).add(name).add(model_name).add(version).add(alias);
        let fields = fields.add(self.percent).add(self.entity.size.as_str());
        let fields = fields.add(self.entity.scale_to_zero).add(self.entity.is_shadow);
        let fields = fields.add(place).add(variables);
        fields.add(self.entity.lane.as_str()).build("ServedEntity")
    }
}

impl Entity for EndpointConfig {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let models: Vec<Shared<'_>> =
            self.entities.iter().map(|entity| Shared::new(self, entity)).collect();
        let span = |milliseconds: u32| Duration::from_millis(milliseconds.into());
        let fields = Fields::new(py).add(self.number).add(&self.author);
        let fields = fields.time(Timestamp::from_nanos(self.time)).add(self.is_followed);
        let fields = fields.entities(&models).add(span(self.limits.timeout_ms));
        let fields = fields.add(self.limits.waiting).add(self.limits.workers);
        fields.add(span(self.limits.idle_ms)).build("EndpointConfig")
    }
}

impl Entity for EndpointInfo {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let state = &self.state;
        let grants = state.grants.iter();
        let grants: BTreeMap<String, &str> =
            grants.map(|grant| (grantee(&grant.principal), grant.level.as_str())).collect();
        let capture = state.capture.as_ref().filter(|capture| capture.is_enabled);
        let table = capture.map(|capture| {
            let (catalog, schema, table) = capture.table(&self.name);
            format!("{catalog}.{schema}.{table}")
        });
        let fields = Fields::new(py).add(self.id.to_string()).add(&self.name).add(&self.creator);
        let fields = fields.time(self.created).add(&self.author).time(self.updated);
        let fields = fields.add(self.revision).add(&state.description).add(&state.tags);
        let fields = fields.optional(state.active()).optional(state.pending());
        fields.add(&state.failure).add(grants).add(table).build("EndpointInfo")
    }
}
