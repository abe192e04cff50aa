//! The fields by which registered models and their versions are searched and ordered.

use std::fmt;

use super::catalog::{Attribute, Catalog, Group};
use super::print::{NumberField, TextField, write_key};
use super::query::{Direction, Field, Filter, Order, SortKey};
use super::rule::{Quoting, Rule, ValueKind};
use super::wording::Dialect;
use crate::error::Result;

/// A numeric field of registered models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisteredModelNumber {
    /// The time of the last change in milliseconds since 1970.
    LastUpdatedTimestamp,
}

/// A text field of registered models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisteredModelText {
    /// The name.
    Name,
    /// The tag with this key. A missing `mlflow.prompt.is_prompt` counts as `false`.
    Tag(String),
}

/// A filter on registered models.
pub type RegisteredModelFilter = Filter<RegisteredModelNumber, RegisteredModelText>;
/// An order of registered models.
pub type RegisteredModelOrder = Order<RegisteredModelNumber, RegisteredModelText>;

impl RegisteredModelFilter {
    /// Parses the filter of `search_registered_models`. An empty text matches every model.
    pub fn parse(text: &str) -> Result<Self> {
        REGISTERED_MODELS.filter(text)
    }
}

impl RegisteredModelOrder {
    /// Parses the order of `search_registered_models`. Ties are broken by name.
    pub fn parse<S: AsRef<str>>(items: &[S]) -> Result<Self> {
        REGISTERED_MODELS.order(items)
    }
}

const REGISTERED_NAME: SortKey<RegisteredModelNumber, RegisteredModelText> =
    SortKey { field: Field::Text(RegisteredModelText::Name), direction: Direction::Ascending };

static REGISTERED_MODELS: Catalog<RegisteredModelNumber, RegisteredModelText> = Catalog {
    groups: &[
        Group::named(&["attribute"], REGISTERED_ATTRIBUTES),
        Group::keyed(
            &["tags", "tag"],
            |key| Field::Text(RegisteredModelText::Tag(key)),
            Rule::TEXT,
            false,
        ),
    ],
    extras: &[],
    numbered: |_, _| None,
    dialect: Dialect::RegisteredModels,
    quoting: Quoting::BarePrefixes,
    default_order: &[REGISTERED_NAME],
    tie_breaks: &[REGISTERED_NAME],
};

const REGISTERED_ATTRIBUTES: &[Attribute<RegisteredModelNumber, RegisteredModelText>] = &[
    Attribute::new(&["name"], Field::Text(RegisteredModelText::Name), Rule::TEXT_OR_LIST),
    Attribute::new(
        &["timestamp", "last_updated_timestamp"],
        Field::Number(RegisteredModelNumber::LastUpdatedTimestamp),
        Rule::NONE,
    ),
];

/// A numeric field of model versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelVersionNumber {
    /// The version number.
    VersionNumber,
    /// The creation time in milliseconds since 1970.
    CreationTimestamp,
    /// The time of the last change in milliseconds since 1970.
    LastUpdatedTimestamp,
}

/// A text field of model versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelVersionText {
    /// The name of the registered model.
    Name,
    /// The id of the run that created it.
    RunId,
    /// The source of its files.
    SourcePath,
    /// The tag with this key.
    Tag(String),
}

/// A filter on model versions.
pub type ModelVersionFilter = Filter<ModelVersionNumber, ModelVersionText>;
/// An order of model versions.
pub type ModelVersionOrder = Order<ModelVersionNumber, ModelVersionText>;

impl ModelVersionFilter {
    /// Parses the filter of `search_model_versions`. An empty text matches every version.
    pub fn parse(text: &str) -> Result<Self> {
        MODEL_VERSIONS.filter(text)
    }
}

impl ModelVersionOrder {
    /// Parses the order of `search_model_versions`. Ties are broken by name, then newest version.
    pub fn parse<S: AsRef<str>>(items: &[S]) -> Result<Self> {
        MODEL_VERSIONS.order(items)
    }
}

const VERSION_LAST_UPDATED: SortKey<ModelVersionNumber, ModelVersionText> = SortKey {
    field: Field::Number(ModelVersionNumber::LastUpdatedTimestamp),
    direction: Direction::Descending,
};
const VERSION_NAME: SortKey<ModelVersionNumber, ModelVersionText> =
    SortKey { field: Field::Text(ModelVersionText::Name), direction: Direction::Ascending };
const VERSION_NUMBER: SortKey<ModelVersionNumber, ModelVersionText> = SortKey {
    field: Field::Number(ModelVersionNumber::VersionNumber),
    direction: Direction::Descending,
};

static MODEL_VERSIONS: Catalog<ModelVersionNumber, ModelVersionText> = Catalog {
    groups: &[
        Group::named(&["attribute"], VERSION_ATTRIBUTES),
        Group::keyed(
            &["tags", "tag"],
            |key| Field::Text(ModelVersionText::Tag(key)),
            Rule::TEXT,
            false,
        ),
    ],
    extras: &[],
    numbered: |_, _| None,
    dialect: Dialect::ModelVersions,
    quoting: Quoting::BarePrefixes,
    default_order: &[VERSION_LAST_UPDATED, VERSION_NAME, VERSION_NUMBER],
    tie_breaks: &[VERSION_NAME, VERSION_NUMBER],
};

const VERSION_ATTRIBUTES: &[Attribute<ModelVersionNumber, ModelVersionText>] = &[
    Attribute::new(&["name"], Field::Text(ModelVersionText::Name), Rule::TEXT_OR_LIST),
    Attribute::new(&["run_id"], Field::Text(ModelVersionText::RunId), Rule::TEXT_OR_LIST)
        .unordered(),
    Attribute::new(&["source_path"], Field::Text(ModelVersionText::SourcePath), Rule::TEXT)
        .unordered(),
    Attribute::new(
        &["version_number"],
        Field::Number(ModelVersionNumber::VersionNumber),
        Rule { operators: Rule::NUMBER.operators, values: ValueKind::NumberOrQuotedInteger },
    ),
    Attribute::new(
        &["creation_timestamp"],
        Field::Number(ModelVersionNumber::CreationTimestamp),
        Rule::NONE,
    ),
    Attribute::new(
        &["last_updated_timestamp"],
        Field::Number(ModelVersionNumber::LastUpdatedTimestamp),
        Rule::NONE,
    ),
];

impl NumberField for RegisteredModelNumber {}
impl NumberField for ModelVersionNumber {}
impl TextField for RegisteredModelText {}
impl TextField for ModelVersionText {}

impl fmt::Display for RegisteredModelNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisteredModelNumber::LastUpdatedTimestamp => f.write_str("last_updated_timestamp"),
        }
    }
}

impl fmt::Display for RegisteredModelText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisteredModelText::Name => f.write_str("name"),
            RegisteredModelText::Tag(key) => write_key(f, "tags", key),
        }
    }
}

impl fmt::Display for ModelVersionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ModelVersionNumber::VersionNumber => "version_number",
            ModelVersionNumber::CreationTimestamp => "creation_timestamp",
            ModelVersionNumber::LastUpdatedTimestamp => "last_updated_timestamp",
        })
    }
}

impl fmt::Display for ModelVersionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ModelVersionText::Name => "name",
            ModelVersionText::RunId => "run_id",
            ModelVersionText::SourcePath => "source_path",
            ModelVersionText::Tag(key) => return write_key(f, "tags", key),
        })
    }
}
