//! The inputs and the prediction of a request with one row, as typed values by the signature.
//!
//! So those who watch a model need not parse JSON. A request with several rows has only its number
//! of rows here, because it is one row of the table.

use serde_json::{Map, Value};
use tracklite::logged_model::{FieldType, Signature, SignatureField};
use tracklite::table::ColumnType;

/// A model with more inputs has no columns for them.
const FIELDS_MAX: usize = 1000;
/// Longer names of inputs have no column.
const NAME_CHARS_MAX: usize = 200;

/// The columns that a model has, by its signature.
#[derive(Debug, Default)]
pub(super) struct Plan {
    inputs: Vec<Field>,
    outputs: Outputs,
}

#[derive(Debug)]
struct Field {
    /// The name in the signature.
    name: Option<String>,
    column: String,
    kind: FieldType,
}

#[derive(Debug, Default)]
enum Outputs {
    /// The signature does not name the outputs, so that the first value decides.
    #[default]
    Unknown,
    One(FieldType),
    Named(Vec<Field>),
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Truth(bool),
    Whole(i64),
    Number(f64),
    Text(String),
    Numbers(Vec<f64>),
}

impl Cell {
    pub(super) fn kind(&self) -> ColumnType {
        match self {
            Cell::Truth(_) => ColumnType::Boolean,
            Cell::Whole(_) => ColumnType::Long,
            Cell::Number(_) => ColumnType::Double,
            Cell::Text(_) => ColumnType::String,
            Cell::Numbers(_) => ColumnType::DoubleArray,
        }
    }
}

/// The parsed part of a row.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parsed {
    /// The number of rows in the request, if it has a known form.
    pub(super) rows: Option<i64>,
    /// The names of columns with their values.
    pub(super) cells: Vec<(String, Cell)>,
}

impl Plan {
    pub(super) fn new(signature: Option<&Signature>) -> Plan {
        let inputs = signature.and_then(|found| found.inputs.as_deref()).unwrap_or_default();
        let outputs = signature.and_then(|found| found.outputs.as_deref()).unwrap_or_default();
        let outputs = match outputs {
            [] => Outputs::Unknown,
            [field] => Outputs::One(field.kind.clone()),
            fields => Outputs::Named(named(fields, "prediction")),
        };
        Plan { inputs: named(inputs, "input"), outputs }
    }

    /// Reads a request and its answer, if there is one.
    pub(super) fn parse(&self, request: Option<&Value>, answer: Option<&Value>) -> Parsed {
        let Some((rows, first)) = request.and_then(first_row) else { return Parsed::default() };
        let mut cells = Vec::new();
        if rows == 1 {
            for (place, field) in self.inputs.iter().enumerate() {
                let value = first.get(field.name.as_deref(), place, self.inputs.len());
                let cell = value.and_then(|value| cell(&field.kind, value));
                cells.extend(cell.map(|cell| (field.column.clone(), cell)));
            }
            let predictions = answer.and_then(|answer| answer.get("predictions")?.as_array());
            if let Some([prediction]) = predictions.map(Vec::as_slice) {
                self.outputs.read(prediction, &mut cells);
            }
        }
        Parsed { rows: i64::try_from(rows).ok(), cells }
    }
}

impl Outputs {
    fn read(&self, prediction: &Value, cells: &mut Vec<(String, Cell)>) {
        match self {
            Outputs::Unknown => {
                let found = guessed(prediction);
                cells.extend(found.map(|cell| ("prediction".to_owned(), cell)));
            }
            Outputs::One(kind) => {
                // A data frame with one column is a record with one value.
                let value = match prediction.as_object().map(|record| record.values()) {
                    Some(mut values) => values.next(),
                    None => Some(prediction),
                };
                let found = value.and_then(|value| cell(kind, value));
                cells.extend(found.map(|cell| ("prediction".to_owned(), cell)));
            }
            Outputs::Named(fields) => {
                for (place, field) in fields.iter().enumerate() {
                    let value = match (prediction, &field.name) {
                        (Value::Object(record), Some(name)) => record.get(name),
                        (Value::Array(values), _) => values.get(place),
                        _ => None,
                    };
                    let found = value.and_then(|value| cell(&field.kind, value));
                    cells.extend(found.map(|cell| (field.column.clone(), cell)));
                }
            }
        }
    }
}

fn named(fields: &[SignatureField], prefix: &str) -> Vec<Field> {
    if fields.len() > FIELDS_MAX {
        return Vec::new();
    }
    let is_short = |field: &&SignatureField| {
        field.name.as_ref().is_none_or(|name| name.chars().count() <= NAME_CHARS_MAX)
    };
    let alone = fields.len() == 1;
    let fields = fields.iter().filter(is_short).enumerate().map(|(place, field)| Field {
        name: field.name.clone(),
        column: match &field.name {
            Some(name) => format!("{prefix}_{name}"),
            None if alone => prefix.to_owned(),
            None => format!("{prefix}_{place}"),
        },
        kind: field.kind.clone(),
    });
    fields.collect()
}

/// The first row of a request.
enum First<'a> {
    Record(&'a Map<String, Value>),
    /// Lists of values by column.
    Lists(&'a Map<String, Value>),
    Split(&'a [Value], &'a [Value]),
    Row(&'a Value),
}

/// Returns the number of rows of a request in one of MLflow's forms, and its first row.
fn first_row(body: &Value) -> Option<(usize, First<'_>)> {
    if let Some(records) = body.get("dataframe_records") {
        let records = records.as_array()?;
        return Some((records.len(), First::Record(records.first()?.as_object()?)));
    }
    if let Some(split) = body.get("dataframe_split") {
        let (columns, data) = (split.get("columns")?.as_array()?, split.get("data")?.as_array()?);
        return Some((data.len(), First::Split(columns, data.first()?.as_array()?)));
    }
    match body.get("instances").or_else(|| body.get("inputs"))? {
        Value::Array(rows) => {
            let first = match rows.first()? {
                Value::Object(record) => First::Record(record),
                row => First::Row(row),
            };
            Some((rows.len(), first))
        }
        Value::Object(lists) => {
            let rows = lists.values().next()?.as_array()?.len();
            Some((rows, First::Lists(lists)))
        }
        _ => None,
    }
}

impl<'a> First<'a> {
    /// Returns the value of a field, by its name or by its place among all fields.
    fn get(&self, name: Option<&str>, place: usize, fields: usize) -> Option<&'a Value> {
        match self {
            First::Record(record) => record.get(name?),
            First::Lists(lists) => lists.get(name?)?.as_array()?.first(),
            First::Split(columns, row) => {
                let place = match name {
                    Some(name) => columns.iter().position(|column| column == name)?,
                    None => place,
                };
                row.get(place)
            }
            // One tensor is the whole row.
            First::Row(row) if fields == 1 && name.is_none() => Some(row),
            First::Row(row) => row.as_array()?.get(place),
        }
    }
}

/// Returns a value as one of the type of a field. A value of another type has none.
fn cell(kind: &FieldType, value: &Value) -> Option<Cell> {
    match kind {
        FieldType::Boolean => value.as_bool().map(Cell::Truth),
        FieldType::Integer | FieldType::Long => value.as_i64().map(Cell::Whole),
        FieldType::Float | FieldType::Double => value.as_f64().map(Cell::Number),
        FieldType::String | FieldType::Datetime => {
            value.as_str().map(|text| Cell::Text(text.to_owned()))
        }
        FieldType::Array(_) => numbers(value),
        FieldType::Tensor { shape, .. } if shape.len() == 2 => numbers(value),
        FieldType::Tensor { element, shape } if shape.len() == 1 => match element.as_str() {
            "bool" => cell(&FieldType::Boolean, value),
            name if name.starts_with("float") => cell(&FieldType::Double, value),
            name if name.contains("int") => cell(&FieldType::Long, value),
            _ => cell(&FieldType::String, value),
        },
        _ => None,
    }
}

fn numbers(value: &Value) -> Option<Cell> {
    let items = value.as_array()?.iter().map(Value::as_f64);
    items.collect::<Option<Vec<f64>>>().map(Cell::Numbers)
}

/// Returns a value of a type that nobody has named. Numbers may come with and without fractions, so
/// that all get the same type.
fn guessed(value: &Value) -> Option<Cell> {
    match value {
        Value::Bool(is_true) => Some(Cell::Truth(*is_true)),
        Value::Number(number) => number.as_f64().map(Cell::Number),
        Value::String(text) => Some(Cell::Text(text.clone())),
        Value::Array(_) => numbers(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(inputs: &Value, outputs: &Value) -> Plan {
        let text = json!({"inputs": inputs, "outputs": outputs, "params": null}).to_string();
        Plan::new(Some(&Signature::parse(&text).unwrap()))
    }

    fn mixed() -> Plan {
        let inputs = json!([{"name": "age", "type": "long"}, {"name": "fee", "type": "double"},
            {"name": "city", "type": "string"}, {"name": "new", "type": "boolean"}]);
        plan(&inputs, &json!([{"type": "long"}]))
    }

    #[test]
    fn all_forms_of_one_row_give_the_same_values() {
        let row = json!({"age": 35, "fee": 2, "city": "Bern", "new": true});
        let lists = json!({"age": [35], "fee": [2], "city": ["Bern"], "new": [true]});
        let wanted = [
            ("input_age", Cell::Whole(35)),
            ("input_fee", Cell::Number(2.0)),
            ("input_city", Cell::Text("Bern".to_owned())),
            ("input_new", Cell::Truth(true)),
            ("prediction", Cell::Whole(1)),
        ];
        let wanted = wanted.map(|(name, cell)| (name.to_owned(), cell));
        for body in [
            json!({"dataframe_records": [row]}),
            json!({"dataframe_split": {"columns": ["fee", "age", "city", "new"],
                "data": [[2, 35, "Bern", true]]}}),
            json!({"instances": [row], "client_request_id": "c"}),
            json!({"inputs": lists}),
            json!({"instances": [[35, 2, "Bern", true]]}),
        ] {
            let found = mixed().parse(Some(&body), Some(&json!({"predictions": [1]})));
            assert_eq!((found.rows, &found.cells[..]), (Some(1), &wanted[..]), "{body}");
        }
    }

    #[test]
    fn several_rows_are_counted_and_strange_bodies_have_no_values() {
        let two = json!({"dataframe_records": [{"age": 1}, {"age": 2}]});
        let wanted = Parsed { rows: Some(2), cells: Vec::new() };
        assert_eq!(mixed().parse(Some(&two), Some(&json!({"predictions": [1, 0]}))), wanted);
        for body in [json!([1]), json!({"dataframe_records": []}), json!({"messages": []})] {
            assert_eq!(mixed().parse(Some(&body), None), Parsed::default(), "{body}");
        }
        assert_eq!(mixed().parse(None, None), Parsed::default());
        // A value of another type has none, and a failed request has no prediction.
        let wrong = json!({"dataframe_records": [{"age": "old", "fee": null, "city": 3}]});
        let found = mixed().parse(Some(&wrong), Some(&json!({"error_code": "BAD_REQUEST"})));
        assert_eq!(found, Parsed { rows: Some(1), cells: Vec::new() });
    }

    #[test]
    fn tensors_and_several_outputs_have_columns() {
        let tensor = |kind: &str, shape: Value| {
            let spec = json!({"dtype": kind, "shape": shape});
            json!([{"type": "tensor", "tensor-spec": spec}])
        };
        let body = json!({"inputs": [[1, 2.5]]});
        let answer = json!({"predictions": [[0.25, 0.75]]});
        let found = plan(&tensor("float64", json!([-1, 2])), &tensor("float64", json!([-1, 2])))
            .parse(Some(&body), Some(&answer));
        let wanted = vec![
            ("input".to_owned(), Cell::Numbers(vec![1.0, 2.5])),
            ("prediction".to_owned(), Cell::Numbers(vec![0.25, 0.75])),
        ];
        assert_eq!(found.cells, wanted);
        let outputs = json!([{"name": "label", "type": "string"}, {"name": "p", "type": "double"}]);
        let named = plan(&tensor("int64", json!([-1])), &outputs);
        let body = json!({"instances": [7]});
        let answer = json!({"predictions": [{"label": "yes", "p": 0.5}]});
        let found = named.parse(Some(&body), Some(&answer));
        let wanted = vec![
            ("input".to_owned(), Cell::Whole(7)),
            ("prediction_label".to_owned(), Cell::Text("yes".to_owned())),
            ("prediction_p".to_owned(), Cell::Number(0.5)),
        ];
        assert_eq!(found.cells, wanted);
        let found = Plan::new(None).parse(Some(&body), Some(&json!({"predictions": [3]})));
        assert_eq!(found.cells, [("prediction".to_owned(), Cell::Number(3.0))]);
    }
}
