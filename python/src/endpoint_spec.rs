//! The arguments that say what an endpoint serves.

use std::collections::BTreeMap;
use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use tracklite::endpoint::{
    EndpointCapture, EndpointGrant, EndpointLimits, EndpointSettings, EndpointSpec, ServedEntity,
    ServedModel,
};

use crate::convert::{choice, entries, grants, text, whole};
use crate::error::{invalid_input, python_error};

/// The fields of `ServedModel`.
#[derive(FromPyObject)]
struct Model {
    address: String,
    name: Option<String>,
    size: String,
    scale_to_zero: bool,
    shadow: bool,
    environment: String,
    variables: BTreeMap<String, String>,
    lane: String,
}

/// The arguments of `create` and `update` that make a configuration.
pub(crate) struct Wanted<'py> {
    pub(crate) models: Bound<'py, PyAny>,
    pub(crate) routes: Option<Bound<'py, PyAny>>,
    pub(crate) timeout: Option<f64>,
    pub(crate) waiting: Option<u32>,
    pub(crate) workers: Option<u32>,
    pub(crate) idle: Option<f64>,
}

impl Wanted<'_> {
    /// Converts it to the specification of the engine.
    pub(crate) fn spec(&self, py: Python<'_>) -> PyResult<EndpointSpec> {
        let mut limits = EndpointLimits::default();
        if let Some(seconds) = self.timeout {
            limits.timeout_ms = milliseconds(py, "timeout", seconds)?;
        }
        if let Some(seconds) = self.idle {
            limits.idle_ms = milliseconds(py, "idle", seconds)?;
        }
        limits.waiting = self.waiting.unwrap_or(limits.waiting);
        limits.workers = self.workers.unwrap_or(limits.workers);
        let mut spec = EndpointSpec::new().limits(limits);
        for model in models(&self.models)? {
            spec = spec.serve(model);
        }
        let Some(routes) = &self.routes else { return Ok(spec) };
        let share = |name: &str, value: &Bound<'_, PyAny>| {
            let percent = whole(value, &format!("the share of {name:?}"))?;
            u32::try_from(percent).map_err(|_| {
                invalid_input(py, &format!("the share of {name:?} is {percent}, expected 0 to 100"))
            })
        };
        let routes = entries(routes, "routes", share)?.into_iter();
        Ok(routes.fold(spec, |spec, (name, percent)| spec.route(name, percent)))
    }
}

fn milliseconds(py: Python<'_>, name: &str, seconds: f64) -> PyResult<u32> {
    let time = Duration::try_from_secs_f64(seconds).ok();
    let whole = time.and_then(|time| u32::try_from(time.as_millis()).ok());
    whole.ok_or_else(|| {
        invalid_input(py, &format!("{name} is {seconds} seconds, expected 0 to 4,000,000"))
    })
}

/// Converts an address, a `ServedModel`, or an iterable of them.
fn models(value: &Bound<'_, PyAny>) -> PyResult<Vec<ServedModel>> {
    if value.is_instance_of::<PyString>() || value.hasattr("address")? {
        return Ok(vec![model(value)?]);
    }
    value.try_iter()?.map(|each| model(&each?)).collect()
}

fn model(value: &Bound<'_, PyAny>) -> PyResult<ServedModel> {
    let py = value.py();
    let at = |address: &str| ServedModel::at(address).map_err(|error| python_error(py, &error));
    if let Ok(address) = value.cast::<PyString>() {
        return at(&address.to_cow()?);
    }
    let Ok(found) = value.extract::<Model>() else {
        let message = "expected the address of a model, or a ServedModel whose fields have the \
                       types of their annotations";
        return Err(PyTypeError::new_err(format!("{message}, not {}", value.repr()?)));
    };
    let mut model = at(&found.address)?
        .size(choice(py, &found.size)?)
        .scale_to_zero(found.scale_to_zero)
        .shadow(found.shadow)
        .lane(choice(py, &found.lane)?);
    if let Some(name) = found.name {
        model = model.name(name);
    }
    for (name, value) in found.variables {
        model = model.variable(name, value);
    }
    Ok(match found.environment.as_str() {
        "server" => model,
        other => model.variable(ServedEntity::ENVIRONMENT, other),
    })
}

/// The arguments that change settings beside the configuration.
pub(crate) struct Changes<'a, 'py> {
    pub(crate) description: Option<&'a str>,
    pub(crate) tags: Option<Bound<'py, PyAny>>,
    pub(crate) grants: Option<Bound<'py, PyAny>>,
    pub(crate) capture: Option<&'a str>,
    pub(crate) sample: u32,
    pub(crate) durable: bool,
}

impl Changes<'_, '_> {
    /// Converts it to the settings of the engine.
    pub(crate) fn settings(&self, py: Python<'_>) -> PyResult<EndpointSettings> {
        let mut settings = EndpointSettings::new();
        if let Some(text) = self.description {
            settings = settings.description(text);
        }
        if let Some(tags) = &self.tags {
            let tags = entries(tags, "tags", |_, value| {
                (!value.is_none()).then(|| text(value)).transpose()
            })?;
            settings = tags.into_iter().fold(settings, |settings, (key, value)| match value {
                Some(value) => settings.tag(key, value),
                None => settings.without_tag(key),
            });
        }
        if let Some(given) = &self.grants {
            let given = grants(given)?.into_iter();
            let given = given.map(|(principal, level)| EndpointGrant { principal, level });
            settings = settings.grants(given.collect());
        }
        match self.capture {
            Some("") => Ok(settings.capture(None)),
            Some(place) => Ok(settings.capture(Some(self.captured(py, place)?))),
            None if self.sample != 100 || self.durable => {
                Err(invalid_input(py, "sample and durable have no effect without capture"))
            }
            None => Ok(settings),
        }
    }

    fn captured(&self, py: Python<'_>, place: &str) -> PyResult<EndpointCapture> {
        let mut levels = place.split('.').map(str::to_owned);
        let (catalog, schema, prefix) = (levels.next(), levels.next(), levels.next());
        let (Some(catalog), Some(schema), None) = (catalog, schema, levels.next()) else {
            let form = "expected \"catalog.schema\" or \"catalog.schema.prefix\"";
            return Err(invalid_input(py, &format!("capture is {place:?}: {form}")));
        };
        Ok(EndpointCapture {
            catalog,
            schema,
            prefix,
            is_enabled: true,
            percent: self.sample,
            is_durable: self.durable,
            is_legacy: false,
        })
    }
}
