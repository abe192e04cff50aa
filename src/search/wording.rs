//! MLflow's sentences for invalid filters and orders, which programs match on.

use super::message::visible;
use super::rule::ValueKind;
use super::syntax::{Operator, Span, Value, written};
use crate::entity::wording::{python, python_list};

/// The longest part of a filter or order repeated in a sentence, in characters.
const REPEATED_CHARACTERS_MAX: usize = 250;

/// The operators for numbers, in the order of `Operator`.
const NUMERIC_COMPARATORS: &str = "['=', '!=', '<', '<=', '>', '>=']";

/// The search that a filter or order belongs to. Each has texts of its own in MLflow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `search_runs`.
    Runs,
    /// `search_experiments`.
    Experiments,
    /// `search_registered_models`.
    RegisteredModels,
    /// `search_model_versions`.
    ModelVersions,
    /// `search_logged_models`.
    LoggedModels,
}

use Dialect::{Experiments, LoggedModels, ModelVersions, RegisteredModels, Runs};

/// A field as a sentence names it.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    /// The kind of field: `attribute`, `metric`, `parameter`, `tag` or `dataset`.
    pub(super) kind: &'static str,
    /// Its key.
    pub(super) key: &'a str,
}

/// Returns MLflow's word for a group of fields with this prefix.
pub(super) fn kind_of(prefix: &str) -> &'static str {
    match prefix {
        "metrics" => "metric",
        "params" => "parameter",
        "tags" => "tag",
        "datasets" => "dataset",
        _ => "attribute",
    }
}

impl Dialect {
    /// Returns whether a repeated field of an order has no effect. Elsewhere it is an error.
    pub(super) fn ignores_repeated_fields(self) -> bool {
        matches!(self, Experiments | LoggedModels)
    }

    /// Returns the sentence for a filter that does not follow the grammar at this place.
    pub(super) fn broken_filter(self, text: &str, place: Span) -> String {
        let is_next =
            |place: Span| text.get(place.end..).is_some_and(|rest| !rest.trim().is_empty());
        let is_several = written(text, place) == ";" && is_next(place);
        if self == LoggedModels && (is_several || text.trim().is_empty()) {
            let text = python(text);
            return format!("Invalid filter string: {text}. Expected a single SQL expression.");
        }
        if self == LoggedModels {
            return format!(
                "Invalid filter string: {}. Expected a list of comparisons separated by 'AND' \
                 (e.g. 'metrics.loss > 0.1 AND params.lr = 0.01').",
                python(text)
            );
        }
        if text.trim().is_empty() {
            return format!("Invalid filter '{}'. Could not be parsed.", repeated(text));
        }
        let clause = match written(text, place).trim() {
            "" => text.trim(),
            ";" if is_several => {
                return format!(
                    "Search filter contained multiple expression {}. Provide AND-ed expression \
                     list.",
                    python(text)
                );
            }
            clause @ ("==" | "<>") if self == Runs => {
                return format!("Invalid comparator '{clause}' not one of {NUMERIC_COMPARATORS}");
            }
            clause => clause,
        };
        let quote = if self == Runs { "'" } else { "" };
        format!("Invalid clause(s) in filter string: {quote}{}{quote}", repeated(clause))
    }

    /// Returns the sentence for an item of an order that does not follow the grammar.
    pub(super) fn broken_order(self, text: &str) -> String {
        match self {
            LoggedModels => format!("Invalid order by field name: {}", repeated(text)),
            _ => format!("Invalid order_by clause '{}'. Could not be parsed.", repeated(text)),
        }
    }

    /// Returns the sentence for a prefix that is not one of `prefixes`, or is in backticks where it
    /// must not be.
    pub(super) fn unknown_prefix(self, prefix: &str, is_quoted: bool, prefixes: &[&str]) -> String {
        let tick = if is_quoted && self != Runs { "`" } else { "" };
        let prefix = &format!("{tick}{}{tick}", repeated(prefix));
        match self {
            LoggedModels => format!(
                "Invalid entity type: {}. Expected one of {}.",
                python(prefix),
                python_list(prefixes.iter().copied())
            ),
            Runs => format!(
                "Invalid entity type '{prefix}'. Valid values are ['metric', 'parameter', 'tag', \
                 'attribute', 'dataset']"
            ),
            _ => format!(
                "Invalid entity type '{prefix}'. Valid entity types are ('attribute', 'tag', \
                 'tags')"
            ),
        }
    }

    /// Returns the sentence for a field that does not exist, or cannot be in a filter.
    pub(super) fn not_in_filter(self, field: Named<'_>) -> String {
        let kind = if field.kind == "dataset" { "dataset" } else { "attribute" };
        format!("Invalid {kind} key '{}' specified.", repeated(field.key))
    }

    /// Returns the sentence for a field that does not exist, or cannot be in an order.
    pub(super) fn not_in_order(self, field: Named<'_>, written: &str) -> String {
        match (self, field.kind) {
            (LoggedModels, "attribute") => {
                format!("Invalid order by field name: {}", repeated(written))
            }
            (LoggedModels, _) => format!(
                "Invalid order by field name: {}. Only metrics are supported.",
                repeated(written)
            ),
            (RegisteredModels, _) => {
                format!("Invalid order by key '{}' specified.", repeated(written))
            }
            (Runs, "dataset") => "Invalid identifier type 'dataset'".to_owned(),
            (Experiments, "tag") => "Invalid order_by entity: tag".to_owned(),
            (ModelVersions, "tag") => {
                format!("Invalid order by key '{}' specified.", repeated(field.key))
            }
            _ => self.not_in_filter(field),
        }
    }

    /// Returns the sentence for an order with a repeated field.
    pub(super) fn repeated_field<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
        format!("`order_by` contains duplicate fields: {}", python_list(items))
    }

    /// Returns the sentence for an operator that the field does not accept.
    pub(super) fn unfit_operator(
        self,
        field: Named<'_>,
        operator: Operator,
        accepted: &[Operator],
    ) -> String {
        let Named { kind, key } = field;
        let is_null = matches!(operator, Operator::IsNull | Operator::IsNotNull);
        match (self, kind) {
            (Runs, _) if is_null => format!(
                "IS NULL / IS NOT NULL is only supported for tags and params, not for '{kind}' \
                 '{key}'"
            ),
            (Experiments, _) if is_null => format!(
                "IS NULL / IS NOT NULL is only supported for tags, not for attribute '{key}'"
            ),
            (Experiments, "attribute") if key == "experiment_id" => {
                format!("Invalid comparator for experiment_id: {operator}")
            }
            (ModelVersions, "attribute") if key == "version_number" => {
                format!("Invalid comparator for attribute {key}: {operator}")
            }
            (RegisteredModels | ModelVersions, _) | (Experiments, "tag") => {
                format!("Invalid comparator for {kind}: {operator}")
            }
            (LoggedModels, _) if is_null => {
                let field = if kind == "attribute" { key.to_owned() } else { full_name(field) };
                format!(
                    "Invalid comparison: {field}{operator}. Expected a comparison with 3 tokens."
                )
            }
            (LoggedModels, _) => {
                let accepted = match accepted.contains(&Operator::Less) {
                    true => "('<', '<=', '>', '>=', '=', '!=')",
                    false => "('=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN')",
                };
                format!(
                    "Invalid comparison operator for {}: '{operator}'. Expected one of {accepted}.",
                    full_name(field)
                )
            }
            _ => {
                let accepted = accepted.iter().map(|operator| operator.as_str());
                let accepted = python_list(accepted);
                format!("Invalid comparator '{operator}' not one of {accepted}")
            }
        }
    }

    /// Returns the sentence for a value of the wrong kind. `value` is as written.
    pub(super) fn unfit_value(
        self,
        field: Named<'_>,
        wanted: ValueKind,
        parsed: &Value<'_>,
        value: &str,
    ) -> String {
        let Named { kind, key } = field;
        let value = repeated(value);
        match (kind, wanted, parsed) {
            ("metric", ..) => format!("Expected numeric value type for metric. Found {value}"),
            (_, ValueKind::Number, _) => {
                format!("Expected numeric value type for numeric attribute: {key}. Found {value}")
            }
            (_, ValueKind::Integer, Value::Number(_)) => {
                format!("Invalid value for numeric attribute '{key}': '{value}'")
            }
            (_, ValueKind::Integer, _) => {
                format!("Expected numeric value type for numeric attribute: {key}. Found {value}")
            }
            (_, ValueKind::NumberOrQuotedInteger, _) => {
                format!("Invalid value for numeric attribute '{key}': {value}")
            }
            (_, ValueKind::QuotedInteger, Value::Text(text)) => format!(
                "Invalid experiment ID '{}'. Experiment ID must be a valid integer.",
                repeated(text)
            ),
            (_, ValueKind::QuotedInteger, Value::List(items)) => {
                let wrong = items.iter().find(|item| item.parse::<i64>().is_err());
                let wrong = repeated(wrong.copied().unwrap_or_default());
                format!("Invalid experiment ID '{wrong}'. Experiment ID must be a valid integer.")
            }
            (_, _, Value::Word) => format!(
                "Parameter value is either not quoted or unidentified quote types used for string \
                 value {value}. Use either single or double quotes."
            ),
            ("parameter" | "tag", ..) => format!(
                "Expected a quoted string value for {kind} (e.g. 'my-value'). Got value {value}"
            ),
            ("dataset", ..) => {
                format!("Expected a quoted string value for dataset attributes. Got value {value}")
            }
            (_, _, Value::List(_)) => self.unfit_list(),
            (_, _, Value::Number(_)) if self == ModelVersions => {
                "Only the '{'version_number', 'creation_timestamp', 'last_updated_timestamp'}' \
                 attributes support comparison with numeric values."
                    .to_owned()
            }
            _ if self == RegisteredModels || self == ModelVersions => format!(
                "Expected a quoted string value or a list of quoted string values for attributes. \
                 Got value {value}"
            ),
            _ => format!("Expected a quoted string value for attributes. Got value {value}"),
        }
    }

    /// Returns the sentence for a list that the field does not accept.
    fn unfit_list(self) -> String {
        let keys = match self {
            Runs => "['run_id']",
            Experiments => "['experiment_id']",
            RegisteredModels => "['name']",
            ModelVersions => "['name', 'run_id']",
            LoggedModels => return "Invalid comparison".to_owned(),
        };
        format!("Only {keys} attributes support comparison with a list of quoted string values.")
    }
}

/// Returns a field as MLflow's search of logged models prints it, with its name in the database.
fn full_name(Named { kind, key }: Named<'_>) -> String {
    match (kind, key) {
        ("attribute", "creation_time" | "creation_timestamp") => {
            "attributes.creation_timestamp_ms".to_owned()
        }
        ("attribute", "last_updated_timestamp") => {
            "attributes.last_updated_timestamp_ms".to_owned()
        }
        ("parameter", _) => format!("params.{key}"),
        _ => format!("{kind}s.{key}"),
    }
}

/// Returns a part of a text without line breaks, cut if it is long.
fn repeated(text: &str) -> String {
    let mut shown: String = text.chars().take(REPEATED_CHARACTERS_MAX).map(visible).collect();
    if text.chars().nth(REPEATED_CHARACTERS_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}
