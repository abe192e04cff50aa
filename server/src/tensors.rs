//! Tensors of the Open Inference Protocol, and the same values in MLflow's form.

use serde_json::{Map, Value, json};

/// The most numbers in the shape of a tensor.
const RANK_MAX: usize = 16;

/// A tensor of a request.
struct Tensor<'a> {
    name: &'a str,
    shape: Vec<usize>,
    /// In the order of rows.
    values: Vec<&'a Value>,
}

/// Writes a request in MLflow's form: columns as a data frame, and one tensor as it is.
pub(crate) fn request(body: &Value) -> Result<Value, String> {
    let inputs = body.get("inputs").and_then(Value::as_array).filter(|all| !all.is_empty());
    let inputs = inputs.ok_or("the request has no 'inputs': expected a list of tensors")?;
    let tensors: Vec<Tensor<'_>> = inputs.iter().map(tensor).collect::<Result<_, _>>()?;
    let mut request = match &tensors[..] {
        [only] if only.shape.len() > 1 && only.shape.last() != Some(&1) => {
            json!({"inputs": nested(&only.shape, &only.values)})
        }
        columns => json!({"dataframe_split": frame(columns)?}),
    };
    if let (Some(params), Some(request)) = (body.get("parameters"), request.as_object_mut())
        && params.as_object().is_some_and(|params| !params.is_empty())
    {
        request.insert("params".to_owned(), params.clone());
    }
    Ok(request)
}

fn tensor(input: &Value) -> Result<Tensor<'_>, String> {
    let name = input.get("name").and_then(Value::as_str).unwrap_or_default();
    let size = |length: &Value| length.as_u64().and_then(|length| usize::try_from(length).ok());
    let shape = input.get("shape").and_then(Value::as_array);
    let shape = shape.and_then(|shape| shape.iter().map(size).collect::<Option<Vec<usize>>>());
    let shape = shape.filter(|shape| (1..=RANK_MAX).contains(&shape.len()));
    let shape = shape.ok_or_else(|| {
        format!("the input {name:?} has no 'shape': expected 1 to {RANK_MAX} whole numbers")
    })?;
    let data = input.get("data").filter(|data| data.is_array());
    let data = data.ok_or_else(|| format!("the input {name:?} has no list 'data'"))?;
    let mut values = Vec::new();
    flatten(data, &mut values);
    let wanted = shape.iter().try_fold(1, |product: usize, length| product.checked_mul(*length));
    if wanted != Some(values.len()) {
        let found = values.len();
        return Err(format!("the input {name:?} has {found} values, but the shape {shape:?}"));
    }
    Ok(Tensor { name, shape, values })
}

fn flatten<'a>(value: &'a Value, out: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, out)),
        other => out.push(other),
    }
}

fn nested(shape: &[usize], values: &[&Value]) -> Value {
    match shape {
        [] | [_] => Value::Array(values.iter().map(|value| (*value).clone()).collect()),
        [_, rest @ ..] => {
            let length: usize = rest.iter().product();
            let rows = values.chunks(length.max(1)).map(|row| nested(rest, row));
            Value::Array(rows.collect())
        }
    }
}

/// Returns columns as a data frame. Each has one value for each row.
fn frame(columns: &[Tensor<'_>]) -> Result<Value, String> {
    let rows = columns.first().and_then(|column| column.shape.first()).copied().unwrap_or_default();
    for column in columns {
        if column.name.is_empty() {
            return Err("an input has no 'name'".to_owned());
        }
        if column.values.len() != rows {
            return Err(format!(
                "the input {:?} has the shape {:?}, expected {rows} values like the first one",
                column.name, column.shape
            ));
        }
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    let row = |place: usize| -> Vec<&Value> {
        columns.iter().filter_map(|column| column.values.get(place).copied()).collect()
    };
    let data: Vec<Vec<&Value>> = (0..rows).map(row).collect();
    Ok(json!({"columns": names, "data": data}))
}

/// Writes MLflow's answer as tensors: one for predictions, or one for each of their columns.
pub(crate) fn outputs(answer: &Value) -> Result<Vec<Value>, String> {
    let found = answer.get("predictions").unwrap_or(answer);
    match found {
        Value::Object(columns) => {
            columns.iter().map(|(name, values)| output(name, values)).collect()
        }
        Value::Array(rows) if rows.first().is_some_and(Value::is_object) => {
            let mut columns: Map<String, Value> = Map::new();
            for row in rows.iter().filter_map(Value::as_object) {
                for (name, value) in row {
                    let column = columns.entry(name.clone()).or_insert_with(|| json!([]));
                    if let Some(column) = column.as_array_mut() {
                        column.push(value.clone());
                    }
                }
            }
            columns.iter().map(|(name, values)| output(name, values)).collect()
        }
        values => Ok(vec![output("predictions", values)?]),
    }
}

fn output(name: &str, values: &Value) -> Result<Value, String> {
    let (mut shape, mut inner) = (Vec::new(), values);
    while let Value::Array(items) = inner {
        shape.push(items.len());
        match items.first() {
            Some(first) => inner = first,
            None => break,
        }
    }
    let mut flat = Vec::new();
    flatten(values, &mut flat);
    if shape.is_empty() {
        shape.push(1);
    }
    if shape.iter().product::<usize>() != flat.len() {
        return Err(format!("the output {name:?} of the model has rows of different lengths"));
    }
    let datatype = datatype_of(&flat);
    Ok(json!({"name": name, "shape": shape, "datatype": datatype, "data": flat}))
}

fn datatype_of(values: &[&Value]) -> &'static str {
    let all = |is: fn(&Value) -> bool| values.iter().all(|value| is(value));
    match () {
        () if all(Value::is_boolean) && !values.is_empty() => "BOOL",
        () if all(|value| value.is_i64() || value.is_u64()) => "INT64",
        () if all(Value::is_number) => "FP64",
        () => "BYTES",
    }
}

/// Returns the type of an element that numpy names.
pub(crate) fn datatype(numpy: &str) -> &'static str {
    match numpy {
        "bool" => "BOOL",
        "int8" => "INT8",
        "int16" => "INT16",
        "int32" => "INT32",
        "int64" => "INT64",
        "uint8" => "UINT8",
        "uint16" => "UINT16",
        "uint32" => "UINT32",
        "uint64" => "UINT64",
        "float16" => "FP16",
        "float32" => "FP32",
        "float64" => "FP64",
        _ => "BYTES",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, shape: &[u64], data: &Value) -> Value {
        json!({"name": name, "shape": shape, "datatype": "FP64", "data": data})
    }

    #[test]
    fn columns_are_a_data_frame_and_one_tensor_stays() {
        let (age, pay) =
            (input("age", &[2], &json!([1, 2])), input("pay", &[2, 1], &json!([[3], [4]])));
        let found = request(&json!({"inputs": [age, pay], "parameters": {"a": 1}})).unwrap();
        let frame = json!({"columns": ["age", "pay"], "data": [[1, 3], [2, 4]]});
        assert_eq!(found, json!({"dataframe_split": frame, "params": {"a": 1}}));
        for data in [json!([1, 2, 3, 4, 5, 6]), json!([[1, 2, 3], [4, 5, 6]])] {
            let found = request(&json!({"inputs": [input("x", &[2, 3], &data)]})).unwrap();
            assert_eq!(found, json!({"inputs": [[1, 2, 3], [4, 5, 6]]}));
        }
        let cube = input("x", &[1, 2, 2], &json!([1, 2, 3, 4]));
        let found = request(&json!({"inputs": [cube]})).unwrap();
        assert_eq!(found, json!({"inputs": [[[1, 2], [3, 4]]]}));
    }

    #[test]
    fn requests_that_do_not_fit_are_refused() {
        let (one, two) = (input("a", &[1], &json!([1])), input("b", &[2], &json!([1, 2])));
        for (bad, wanted) in [
            (json!({}), "no 'inputs'"),
            (json!({"inputs": []}), "no 'inputs'"),
            (json!({"inputs": [{"name": "a", "data": [1]}]}), "no 'shape'"),
            (json!({"inputs": [input("a", &[], &json!([]))]}), "no 'shape'"),
            (json!({"inputs": [{"name": "a", "shape": [1]}]}), "no list 'data'"),
            (json!({"inputs": [input("a", &[2], &json!([1]))]}), "has 1 values"),
            (json!({"inputs": [input("a", &[u64::MAX, 8], &json!([1]))]}), "has 1 values"),
            (json!({"inputs": [input("", &[1], &json!([1]))]}), "no 'name'"),
            (json!({"inputs": [one, two]}), "expected 1 values"),
        ] {
            let message = request(&bad).unwrap_err();
            assert!(message.contains(wanted), "{message}");
        }
    }

    #[test]
    fn predictions_are_tensors() {
        let written = |answer: Value| outputs(&answer).unwrap();
        let one = |shape: Value, datatype: &str, data: Value| {
            let name = "predictions";
            json!({"name": name, "shape": shape, "datatype": datatype, "data": data})
        };
        let found = written(json!({"predictions": [0, 1]}));
        assert_eq!(found, [one(json!([2]), "INT64", json!([0, 1]))]);
        let found = written(json!({"predictions": [[0.5, 1], [2, 3]]}));
        assert_eq!(found, [one(json!([2, 2]), "FP64", json!([0.5, 1, 2, 3]))]);
        let found = written(json!({"predictions": "a"}));
        assert_eq!(found, [one(json!([1]), "BYTES", json!(["a"]))]);
        let found =
            written(json!({"predictions": [{"a": true, "b": "x"}, {"a": false, "b": "y"}]}));
        assert_eq!(found[0]["datatype"], "BOOL");
        assert_eq!((&found[1]["name"], &found[1]["data"]), (&json!("b"), &json!(["x", "y"])));
        assert!(outputs(&json!({"predictions": [[1], [1, 2]]})).is_err());
    }
}
