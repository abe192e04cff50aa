//! The arguments that a route takes: their names and types, checked once before the handler.
//!
//! The types are those of protobuf's JSON, as in MLflow: a whole number may be a text of digits,
//! and members that nobody declared are ignored. The texts of the errors are MLflow's.

use serde_json::{Map, Value};

use crate::failure::{Failure, Outcome};

/// One argument, or one member of an object in the arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
}

/// The type of an argument.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Text,
    /// A 64-bit integer, or its digits.
    Whole,
    /// A number, or one of `"NaN"`, `"Infinity"` and `"-Infinity"`.
    Real,
    Flag,
    /// A text or a whole number: an enum of protobuf, or the number of a version.
    Word,
    Texts,
    Object(&'static [Field]),
    Objects(&'static [Field]),
    /// Any JSON.
    Any,
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false }
}

pub(crate) const fn text(name: &'static str) -> Field {
    field(name, Kind::Text)
}

pub(crate) const fn whole(name: &'static str) -> Field {
    field(name, Kind::Whole)
}

pub(crate) const fn real(name: &'static str) -> Field {
    field(name, Kind::Real)
}

pub(crate) const fn flag(name: &'static str) -> Field {
    field(name, Kind::Flag)
}

pub(crate) const fn word(name: &'static str) -> Field {
    field(name, Kind::Word)
}

pub(crate) const fn texts(name: &'static str) -> Field {
    field(name, Kind::Texts)
}

pub(crate) const fn object(name: &'static str, fields: &'static [Field]) -> Field {
    field(name, Kind::Object(fields))
}

pub(crate) const fn objects(name: &'static str, fields: &'static [Field]) -> Field {
    field(name, Kind::Objects(fields))
}

pub(crate) const fn any(name: &'static str) -> Field {
    field(name, Kind::Any)
}

/// A tag or param: a key and a value.
pub(crate) const PAIR: &[Field] = &[text("key"), text("value")];

impl Field {
    /// Makes the argument required. An empty text counts as missing, as in MLflow.
    pub(crate) const fn required(self) -> Field {
        Field { required: true, ..self }
    }
}

/// Checks arguments against their declaration.
pub(crate) fn check(fields: &[Field], args: &Map<String, Value>) -> Outcome<()> {
    check_members(fields, args, "")
}

fn check_members(fields: &[Field], args: &Map<String, Value>, place: &str) -> Outcome<()> {
    for field in fields {
        let found = args.get(field.name).filter(|value| !value.is_null());
        let path = format!("{place}{}", field.name);
        match found {
            Some(value) if field.required && value.as_str() == Some("") => {
                return Err(missing(&path));
            }
            Some(value) => check_value(field.kind, value, &path)?,
            None if field.required => return Err(missing(&path)),
            None => {}
        }
    }
    Ok(())
}

fn check_value(kind: Kind, value: &Value, path: &str) -> Outcome<()> {
    let is_right = match kind {
        Kind::Any => true,
        Kind::Text => value.is_string(),
        Kind::Flag => value.is_boolean(),
        Kind::Whole => whole_of(value).is_some(),
        Kind::Real => real_of(value).is_some(),
        Kind::Word => value.is_string() || value.is_i64(),
        Kind::Texts => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
        Kind::Object(fields) => match value.as_object() {
            Some(members) => return check_members(fields, members, &format!("{path}.")),
            None => false,
        },
        Kind::Objects(fields) => match value.as_array() {
            Some(items) => return check_items(fields, items, path),
            None => false,
        },
    };
    if is_right { Ok(()) } else { Err(mistyped(value, path)) }
}

fn check_items(fields: &[Field], items: &[Value], path: &str) -> Outcome<()> {
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let members = item.as_object().ok_or_else(|| mistyped(item, &path))?;
        check_members(fields, members, &format!("{path}."))?;
    }
    Ok(())
}

const HINT: &str = "See the API docs for more information about request parameters.";

/// The failure for a required argument that is missing.
pub(crate) fn missing(name: &str) -> Failure {
    Failure::invalid(format!("Missing value for required parameter '{name}'. {HINT}"))
}

fn mistyped(value: &Value, path: &str) -> Failure {
    let mut shown = value.to_string();
    if let Some((end, _)) = shown.char_indices().nth(100) {
        shown.truncate(end);
        shown.push_str("...");
    }
    Failure::invalid(format!(
        "Invalid value {shown} for parameter '{path}' supplied:  Hint: Value was of type '{}'. \
         {HINT}",
        type_name(value)
    ))
}

/// Python's names of types, as MLflow shows them.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// Returns a whole number: a JSON number without fraction, or a text of one.
pub(crate) fn whole_of(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Some(whole),
            (None, Some(real)) if !number.is_u64() => whole_of_real(real),
            _ => None,
        },
        _ => None,
    }
}

/// A number such as `3.0` or `1e3`, which is whole although it is written as a fraction.
fn whole_of_real(real: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let fits = real.fract() == 0.0 && (-LIMIT..LIMIT).contains(&real);
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    fits.then_some(real as i64)
}

/// Returns a number: a JSON number, or a text of one, such as `"NaN"`.
pub(crate) fn real_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            digits => digits.parse().ok().filter(|real: &f64| real.is_finite()),
        },
        _ => None,
    }
}

/// Typed access to arguments. A type that was not checked reads as missing.
pub(crate) trait Read {
    /// Returns a text, also an empty one.
    fn any_text(&self, name: &str) -> Option<&str>;
    fn whole(&self, name: &str) -> Option<i64>;
    fn real(&self, name: &str) -> Option<f64>;
    fn flag(&self, name: &str) -> Option<bool>;
    /// Returns the text of a text or number.
    fn word(&self, name: &str) -> Option<String>;
    fn texts(&self, name: &str) -> Vec<&str>;
    fn object(&self, name: &str) -> Option<&Map<String, Value>>;
    fn objects(&self, name: &str) -> Vec<&Map<String, Value>>;

    /// Returns a text that is not empty.
    fn text(&self, name: &str) -> Option<&str> {
        self.any_text(name).filter(|text| !text.is_empty())
    }

    /// Returns a text, which is empty if it is missing.
    fn text_or_empty(&self, name: &str) -> &str {
        self.any_text(name).unwrap_or_default()
    }

    /// Returns a required text.
    fn need(&self, name: &str) -> Outcome<&str> {
        self.text(name).ok_or_else(|| missing(name))
    }

    /// Returns pairs of keys and values. The last value of a repeated key wins.
    fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in self.objects(name) {
            let key = pair.text_or_empty("key");
            let value = pair.text_or_empty("value").to_owned();
            match pairs.iter_mut().find(|(known, _)| known == key) {
                Some(known) => known.1 = value,
                None => pairs.push((key.to_owned(), value)),
            }
        }
        pairs
    }
}

impl Read for Map<String, Value> {
    fn any_text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    fn whole(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(whole_of)
    }

    fn real(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(real_of)
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    fn word(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn texts(&self, name: &str) -> Vec<&str> {
        let all = self.get(name).and_then(Value::as_array);
        all.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn object(&self, name: &str) -> Option<&Map<String, Value>> {
        self.get(name).and_then(Value::as_object)
    }

    fn objects(&self, name: &str) -> Vec<&Map<String, Value>> {
        let all = self.get(name).and_then(Value::as_array);
        all.into_iter().flatten().filter_map(Value::as_object).collect()
    }
}
