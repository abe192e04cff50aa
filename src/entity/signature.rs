//! Model signatures: the inputs, outputs and params of a model, parsed from MLflow's JSON.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::error::{Error, ErrorKind, Result};

/// The inputs, outputs and params of a model, parsed from MLflow's JSON.
///
/// ```
/// use tracklite::logged_model::{FieldType, Signature};
///
/// let signature = Signature::parse(
///     r#"{"inputs": "[{\"name\": \"age\", \"type\": \"long\", \"required\": true}]",
///         "outputs": "[{\"type\": \"double\", \"required\": true}]", "params": null}"#,
/// )?;
/// let inputs = signature.inputs.as_deref().unwrap_or_default();
/// assert_eq!(inputs[0].name.as_deref(), Some("age"));
/// assert_eq!(inputs[0].kind, FieldType::Long);
/// assert_eq!(Signature::parse(&signature.to_json())?, signature);
/// # Ok::<(), tracklite::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Signature {
    /// The inputs.
    pub inputs: Option<Vec<SignatureField>>,
    /// The outputs.
    pub outputs: Option<Vec<SignatureField>>,
    /// The params, which can be set on each call.
    pub params: Option<Vec<SignatureParam>>,
}

/// A column or tensor of a signature, or a property of an object in it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SignatureField {
    /// The name. Either all fields of a list have one, or none has.
    pub name: Option<String>,
    /// The type of its values.
    pub kind: FieldType,
    /// Whether a value is required.
    pub required: bool,
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FieldType {
    /// True or false.
    Boolean,
    /// A 32-bit integer.
    Integer,
    /// A 64-bit integer.
    Long,
    /// A 32-bit floating-point number.
    Float,
    /// A 64-bit floating-point number.
    Double,
    /// Text.
    String,
    /// Bytes.
    Binary,
    /// A point in time.
    Datetime,
    /// Anything.
    Any,
    /// A list with elements of one type.
    Array(Box<FieldType>),
    /// A map from strings to values of one type.
    Map(Box<FieldType>),
    /// An object with named properties.
    Object(Vec<SignatureField>),
    /// A tensor.
    Tensor {
        /// The element type, as numpy names it.
        element: String,
        /// The length of each dimension, where -1 means any.
        shape: Vec<i64>,
    },
}

/// A param that can be set on each call of a model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SignatureParam {
    /// The name.
    pub name: String,
    /// The type.
    pub kind: FieldType,
    /// The default value as JSON.
    pub default: Value,
    /// `Some(vec![-1])` for a list of any length, `None` for a single value.
    pub shape: Option<Vec<i64>>,
}

/// The maximum nesting of lists and objects in a signature. It is below the limit of the JSON
/// parser, so that every parsed signature can be written as plain JSON.
const NESTING_MAX: usize = 100;

/// The names of types without parameters.
const SCALARS: [(&str, FieldType); 9] = [
    ("boolean", FieldType::Boolean),
    ("integer", FieldType::Integer),
    ("long", FieldType::Long),
    ("float", FieldType::Float),
    ("double", FieldType::Double),
    ("string", FieldType::String),
    ("binary", FieldType::Binary),
    ("datetime", FieldType::Datetime),
    ("any", FieldType::Any),
];

impl Signature {
    /// Parses MLflow's JSON: an object with the lists `inputs`, `outputs` and `params`. Each list
    /// may also be a string that contains JSON, as in the file `MLmodel`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the text is not JSON or not a signature. Examples are
    ///   unknown types, duplicate names and shapes with a length below -1. In a list, either all
    ///   fields are named or none, and either all are tensors or none. Types are nested at most 100
    ///   levels deep.
    pub fn parse(json: &str) -> Result<Self> {
        let object = match parsed(json)? {
            Value::Object(object) => object,
            other => return Err(invalid(&format!("expected an object, found {other}"))),
        };
        let known = ["inputs", "outputs", "params", "type_hint", "is_signature_from_type_hint"];
        if let Some(key) = object.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(invalid(&format!("unknown key {key:?}")));
        }
        Ok(Signature {
            inputs: list(&object, "inputs")?.map(|list| fields(&list)).transpose()?,
            outputs: list(&object, "outputs")?.map(|list| fields(&list)).transpose()?,
            params: list(&object, "params")?.map(|list| params(&list)).transpose()?,
        })
    }

    /// Returns the signature as JSON for [`Signature::parse`], with plain lists.
    #[must_use]
    pub fn to_json(&self) -> String {
        let fields = |list: &Option<Vec<SignatureField>>| {
            list.as_ref().map(|list| list.iter().map(SignatureField::to_value).collect::<Value>())
        };
        let params = self
            .params
            .as_ref()
            .map(|list| list.iter().map(SignatureParam::to_value).collect::<Value>());
        let (inputs, outputs) = (fields(&self.inputs), fields(&self.outputs));
        json!({ "inputs": inputs, "outputs": outputs, "params": params }).to_string()
    }

    /// Returns whether the signature has both inputs and outputs.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.inputs.as_ref().is_some_and(|list| !list.is_empty())
            && self.outputs.as_ref().is_some_and(|list| !list.is_empty())
    }
}

/// Checks that a text is JSON.
pub(crate) fn check_json(what: &str, text: &str) -> Result<()> {
    match serde_json::from_str::<Value>(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = format!("{what} is not JSON: {error}");
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
    }
}

fn parsed(json: &str) -> Result<Value> {
    serde_json::from_str(json).map_err(|error| invalid(&format!("not JSON: {error}")))
}

fn list(object: &Map<String, Value>, key: &str) -> Result<Option<Vec<Value>>> {
    let value = match object.get(key) {
        Some(Value::String(text)) => parsed(text)?,
        Some(value) => value.clone(),
        None => Value::Null,
    };
    match value {
        Value::Null => Ok(None),
        Value::Array(list) if list.iter().all(|item| is_within(item, NESTING_MAX)) => {
            Ok(Some(list))
        }
        Value::Array(_) => {
            Err(invalid(&format!("types in {key} are nested more than {NESTING_MAX} levels deep")))
        }
        other => Err(invalid(&format!("{key} must be a list, found {other}"))),
    }
}

/// Returns whether lists and objects are nested at most `depth` levels deep.
fn is_within(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(list) => depth > 0 && list.iter().all(|item| is_within(item, depth - 1)),
        Value::Object(object) => {
            depth > 0 && object.values().all(|item| is_within(item, depth - 1))
        }
        _ => true,
    }
}

fn fields(list: &[Value]) -> Result<Vec<SignatureField>> {
    let fields = list.iter().map(field).collect::<Result<Vec<_>>>()?;
    let named = fields.iter().filter(|field| field.name.is_some()).count();
    if named > 0 && named < fields.len() {
        return Err(invalid("only some fields have a name"));
    }
    check_distinct(fields.iter().filter_map(|field| field.name.as_deref()))?;
    let tensors =
        fields.iter().filter(|field| matches!(field.kind, FieldType::Tensor { .. })).count();
    if tensors > 0 && tensors < fields.len() {
        return Err(invalid("only some fields are tensors"));
    }
    if tensors > 1 && named == 0 {
        return Err(invalid("several tensors need names"));
    }
    Ok(fields)
}

fn check_distinct<'a>(names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(invalid(&format!("duplicate name {name:?}")));
        }
    }
    Ok(())
}

fn field(value: &Value) -> Result<SignatureField> {
    let object = object(value)?;
    let name = name(object)?;
    Ok(SignatureField { name, kind: kind(object)?, required: required(object)? })
}

fn object(value: &Value) -> Result<&Map<String, Value>> {
    value.as_object().ok_or_else(|| invalid(&format!("a field must be an object, found {value}")))
}

fn name(object: &Map<String, Value>) -> Result<Option<String>> {
    match object.get("name") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => Ok(Some(name.clone())),
        Some(other) => Err(invalid(&format!("a name must be a string, found {other}"))),
    }
}

fn required(object: &Map<String, Value>) -> Result<bool> {
    match object.get("required") {
        None => Ok(true),
        Some(Value::Bool(required)) => Ok(*required),
        Some(other) => Err(invalid(&format!("`required` must be true or false, found {other}"))),
    }
}

fn kind(object: &Map<String, Value>) -> Result<FieldType> {
    let Some(Value::String(name)) = object.get("type") else {
        return Err(invalid("a field has no type"));
    };
    let part = |key: &str| {
        let part = object.get(key).and_then(Value::as_object);
        part.ok_or_else(|| invalid(&format!("type {name} needs an object {key:?}")))
    };
    match name.as_str() {
        "array" => Ok(FieldType::Array(Box::new(kind(part("items")?)?))),
        "map" => Ok(FieldType::Map(Box::new(kind(part("values")?)?))),
        "object" => properties(part("properties")?).map(FieldType::Object),
        "tensor" => tensor(part("tensor-spec")?),
        _ => {
            let known = SCALARS.iter().find(|(known, _)| known == name);
            known
                .map(|(_, kind)| kind.clone())
                .ok_or_else(|| invalid(&format!("unknown type {name:?}")))
        }
    }
}

fn properties(object: &Map<String, Value>) -> Result<Vec<SignatureField>> {
    let mut fields = Vec::with_capacity(object.len());
    for (name, value) in object {
        fields.push(SignatureField { name: Some(name.clone()), ..field(value)? });
    }
    Ok(fields)
}

fn tensor(spec: &Map<String, Value>) -> Result<FieldType> {
    let element = spec.get("dtype").and_then(Value::as_str).unwrap_or_default();
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "_<>|=".contains(character);
    if element.is_empty() || !element.chars().all(is_plain) {
        return Err(invalid("a tensor has no dtype"));
    }
    let shape = spec.get("shape").map(shape).transpose()?.flatten();
    let shape = shape.ok_or_else(|| invalid("a tensor has no shape"))?;
    Ok(FieldType::Tensor { element: element.to_owned(), shape })
}

fn shape(value: &Value) -> Result<Option<Vec<i64>>> {
    let lengths = match value {
        Value::Null => return Ok(None),
        Value::Array(list) => {
            list.iter().map(|item| item.as_i64().filter(|length| *length >= -1)).collect()
        }
        _ => None,
    };
    let lengths: Option<Vec<i64>> = lengths;
    let refused = || invalid(&format!("a shape must be a list of lengths or -1, found {value}"));
    lengths.map(Some).ok_or_else(refused)
}

fn params(list: &[Value]) -> Result<Vec<SignatureParam>> {
    let params = list.iter().map(param).collect::<Result<Vec<_>>>()?;
    check_distinct(params.iter().map(|param| param.name.as_str()))?;
    Ok(params)
}

fn param(value: &Value) -> Result<SignatureParam> {
    let object = object(value)?;
    Ok(SignatureParam {
        name: name(object)?.ok_or_else(|| invalid("a param has no name"))?,
        kind: kind(object)?,
        default: object.get("default").cloned().unwrap_or_default(),
        shape: object.get("shape").map(shape).transpose()?.flatten(),
    })
}

impl SignatureField {
    fn to_value(&self) -> Value {
        let mut object = self.kind.to_object();
        if let Some(name) = &self.name {
            object.insert("name".to_owned(), json!(name));
        }
        object.insert("required".to_owned(), json!(self.required));
        Value::Object(object)
    }
}

impl SignatureParam {
    fn to_value(&self) -> Value {
        let mut object = self.kind.to_object();
        object.insert("name".to_owned(), json!(self.name));
        object.insert("default".to_owned(), self.default.clone());
        object.insert("shape".to_owned(), json!(self.shape));
        Value::Object(object)
    }
}

impl FieldType {
    fn to_object(&self) -> Map<String, Value> {
        let (name, part) = match self {
            FieldType::Array(items) => ("array", Some(("items", items.to_object()))),
            FieldType::Map(values) => ("map", Some(("values", values.to_object()))),
            FieldType::Object(fields) => ("object", Some(("properties", by_name(fields)))),
            FieldType::Tensor { element, shape } => {
                let mut spec = Map::new();
                spec.insert("dtype".to_owned(), json!(element));
                spec.insert("shape".to_owned(), json!(shape));
                ("tensor", Some(("tensor-spec", spec)))
            }
            other => {
                let known = SCALARS.iter().find(|(_, kind)| kind == other);
                (known.map_or("any", |(name, _)| *name), None)
            }
        };
        let mut object = Map::new();
        object.insert("type".to_owned(), json!(name));
        if let Some((key, value)) = part {
            object.insert(key.to_owned(), Value::Object(value));
        }
        object
    }
}

fn by_name(fields: &[SignatureField]) -> Map<String, Value> {
    let mut object = Map::new();
    for field in fields {
        let mut inner = field.kind.to_object();
        inner.insert("required".to_owned(), json!(field.required));
        object.insert(field.name.clone().unwrap_or_default(), Value::Object(inner));
    }
    object
}

#[cold]
fn invalid(reason: &str) -> Error {
    let shown: String = reason.chars().take(300).collect();
    Error::new(ErrorKind::InvalidInput, format!("invalid model signature: {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mlflows_json_is_parsed_and_written_again() {
        let json = r#"{"inputs": [{"type": "tensor", "tensor-spec":
                {"dtype": "float32", "shape": [-1, 28, 28]}}],
            "outputs": [{"name": "a", "type": "array", "items": {"type": "map", "values":
                {"type": "object", "properties": {"x": {"type": "long", "required": false}}}}}],
            "params": [{"name": "t", "type": "double", "default": 0.5, "shape": null},
                {"name": "w", "type": "string", "default": ["a"], "shape": [-1]}]}"#;
        let signature = Signature::parse(json).unwrap();
        assert!(signature.is_complete());
        let shape = vec![-1, 28, 28];
        let tensor = FieldType::Tensor { element: "float32".to_owned(), shape };
        assert_eq!(signature.inputs.as_ref().unwrap()[0].kind, tensor);
        assert_eq!(signature.params.as_ref().unwrap()[1].shape, Some(vec![-1]));
        assert_eq!(Signature::parse(&signature.to_json()).unwrap(), signature);
        assert!(!Signature::parse(r#"{"inputs": "[]"}"#).unwrap().is_complete());
    }

    #[test]
    fn a_parsed_signature_can_be_written_and_parsed_again() {
        let nested = |depth: usize| {
            let (open, close) = (r#"{"type": "array", "items": "#.repeat(depth), "}".repeat(depth));
            let list = json!(format!(r#"[{open}{{"type": "long"}}{close}]"#));
            Signature::parse(&json!({ "inputs": list }).to_string())
        };
        let deep = nested(99).unwrap();
        assert_eq!(Signature::parse(&deep.to_json()).unwrap(), deep);
        for depth in [100, 120, 1000] {
            assert_eq!(nested(depth).unwrap_err().kind(), ErrorKind::InvalidInput, "{depth}");
        }
        // Numbers that need exact float parsing down to the last bit.
        for number in ["0.3614263294214187", "8.41e21", "1.7976931348623157e308", "5e-324"] {
            let json = format!(r#"[{{"name": "a", "type": "double", "default": {number}}}]"#);
            let signature = Signature::parse(&json!({ "params": json }).to_string()).unwrap();
            assert_eq!(Signature::parse(&signature.to_json()).unwrap(), signature);
            let default = signature.params.unwrap().remove(0).default.as_f64().unwrap();
            assert_eq!(default.to_bits(), number.parse::<f64>().unwrap().to_bits(), "{number}");
        }
    }

    #[test]
    fn malformed_signatures_are_refused() {
        for json in [
            "",
            "[]",
            "{\"input\": []}",
            r#"{"inputs": "no list"}"#,
            r#"{"inputs": {}}"#,
            r#"{"inputs": [1]}"#,
            r#"{"inputs": [{"name": "a"}]}"#,
            r#"{"inputs": [{"type": "int"}]}"#,
            r#"{"inputs": [{"name": "a", "type": "long"}, {"type": "long"}]}"#,
            r#"{"inputs": [{"name": "a", "type": "long"}, {"name": "a", "type": "long"}]}"#,
            r#"{"inputs": [{"type": "array"}]}"#,
            r#"{"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "f4"}}]}"#,
            r#"{"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "f4", "shape": [-2]}}]}"#,
            r#"{"inputs": [{"type": "long", "required": 1}]}"#,
            r#"{"params": [{"type": "long", "default": 1}]}"#,
        ] {
            let kind = Signature::parse(json).map_err(|error| error.kind());
            assert_eq!(kind, Err(ErrorKind::InvalidInput), "{json}");
        }
    }
}
