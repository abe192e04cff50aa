//! The description of a model that a worker sends: plain arrays, and how to read them.
//!
//! The worker runs code that came with the model. So everything is checked here before it is used.
//! The worker also sends rows with its own predictions. They must come out the same to the byte.

use serde::Deserialize;
use serde_json::Value;

use super::arrays::Arrays;
use super::body::{Column, Kind};
use super::linear::Linear;
use super::model::{Decision, Model, Rule, Scaler, Scores};
use super::predictor::Native;
use super::trees::{Sums, Trees};

/// The most bytes of a description.
const BYTES_MAX: usize = 128 << 20;
/// The most columns of a model.
const COLUMNS_MAX: usize = 4096;
/// The longest label, written as JSON.
const LABEL_BYTES_MAX: usize = 1024;
/// The most samples and examples that are compared, which bounds the time of a description.
const SAMPLES_MAX: usize = 512;
const EXAMPLES_MAX: usize = 4;

/// The first array: everything but the numbers, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// The names and types of the columns.
    columns: Vec<(String, String)>,
    is_single: bool,
    takes_nan: bool,
    takes_infinite: bool,
    /// `trees` or `linear`.
    scores: String,
    #[serde(default)]
    takes_turns: bool,
    #[serde(default)]
    is_rounded: bool,
    #[serde(default)]
    is_sum_single: bool,
    /// `number`, `highest`, `positive` or `not_negative`.
    decision: String,
    /// The labels, each written as JSON.
    labels: Vec<String>,
    /// The predictions of the rows in the array `samples`, each written as JSON.
    answers: Vec<String>,
    /// Requests and their answers.
    examples: Vec<(String, String)>,
}

/// Reads a description.
///
/// # Errors
///
/// - The reason why the model is not computed here, for the log.
pub(crate) fn read(bytes: &[u8]) -> Result<Native, String> {
    if bytes.len() > BYTES_MAX {
        return Err(format!("it has {} bytes, at most {BYTES_MAX} are read", bytes.len()));
    }
    let arrays = Arrays::read(bytes)?;
    let head: Head = serde_json::from_slice(arrays.bytes("head")?)
        .map_err(|error| format!("its head cannot be read: {error}"))?;
    let columns = columns(&head.columns)?;
    let model = Model {
        scaler: scaler(&arrays, columns.len())?,
        is_single: head.is_single,
        takes_nan: head.takes_nan,
        takes_infinite: head.takes_infinite,
        scores: scores(&head, &arrays, columns.len())?,
        decision: decision(&head, &arrays)?,
    };
    let outputs = match &model.scores {
        Scores::Trees(trees) => trees.outputs(),
        Scores::Linear(linear) => linear.outputs(),
    };
    let expected = match &model.decision {
        Decision::Label { rule: Rule::Highest, labels, .. } => labels.len(),
        _ => 1,
    };
    if outputs != expected {
        return Err(format!("it has {outputs} scores of a row, and its decision needs {expected}"));
    }
    let mut native = Native { columns, model };
    native.check(&head, &arrays)?;
    Ok(native)
}

fn columns(named: &[(String, String)]) -> Result<Vec<Column>, String> {
    if named.is_empty() || named.len() > COLUMNS_MAX {
        return Err(format!("it has {} columns, 1 to {COLUMNS_MAX} are read", named.len()));
    }
    let column = |(name, kind): &(String, String)| {
        let kind = Kind::named(kind).ok_or_else(|| format!("column {name:?} is {kind:?}"))?;
        Ok(Column { name: name.clone(), kind })
    };
    named.iter().map(column).collect()
}

fn scaler(arrays: &Arrays<'_>, columns: usize) -> Result<Option<Scaler>, String> {
    let factors = |name: &str| -> Result<Option<Vec<f64>>, String> {
        let found = if arrays.has(name) { Some(arrays.floats(name)?) } else { None };
        match found.as_ref().is_none_or(|found| found.len() == columns) {
            true => Ok(found),
            false => Err(format!("the array {name:?} has not a number for each column")),
        }
    };
    let scaler = Scaler { means: factors("means")?, deviations: factors("deviations")? };
    Ok(Some(scaler).filter(|scaler| scaler.means.is_some() || scaler.deviations.is_some()))
}

fn scores(head: &Head, arrays: &Arrays<'_>, columns: usize) -> Result<Scores, String> {
    match head.scores.as_str() {
        "trees" => {
            let Head { takes_turns, is_rounded, is_sum_single: is_single, .. } = *head;
            let sums = Sums { takes_turns, is_rounded, is_single };
            Trees::read(arrays, columns, sums).map(Scores::Trees)
        }
        "linear" => Linear::read(arrays, columns).map(Scores::Linear),
        other => Err(format!("it has scores of the unknown kind {other:?}")),
    }
}

fn decision(head: &Head, arrays: &Arrays<'_>) -> Result<Decision, String> {
    let rule = match head.decision.as_str() {
        "number" => return Ok(Decision::Number),
        "highest" => Rule::Highest,
        "positive" => Rule::Positive,
        "not_negative" => Rule::NotNegative,
        other => return Err(format!("it has a decision of the unknown kind {other:?}")),
    };
    let [margin] = arrays.floats("margin")?[..] else {
        return Err("its margin is not one number".to_owned());
    };
    let is_plain = |label: &String| {
        let value = serde_json::from_str(label);
        let is_scalar = value.is_ok_and(|value: Value| !value.is_array() && !value.is_object());
        is_scalar && label.len() <= LABEL_BYTES_MAX
    };
    let labels = head.labels.clone();
    let is_complete = rule == Rule::Highest || labels.len() == 2;
    if !is_complete || !labels.iter().all(is_plain) || margin.is_nan() || margin < 0.0 {
        return Err("its labels or its margin cannot be used".to_owned());
    }
    Ok(Decision::Label { rule, labels, margin })
}

impl Native {
    /// Compares the predictions with those of the worker, in the order of additions that fits.
    fn check(&mut self, head: &Head, arrays: &Arrays<'_>) -> Result<(), String> {
        let rows = arrays.floats("samples")?;
        let first = self.compared(head, &rows);
        let (Err(_), Scores::Linear(linear)) = (&first, &mut self.model.scores) else {
            return first;
        };
        linear.is_fused = true;
        self.compared(head, &rows)
    }

    fn compared(&self, head: &Head, rows: &[f64]) -> Result<(), String> {
        let samples = head.answers.len();
        if samples > SAMPLES_MAX || head.examples.len() > EXAMPLES_MAX {
            return Err(format!(
                "it has {samples} samples and {} examples, at most {SAMPLES_MAX} and \
                 {EXAMPLES_MAX} are read",
                head.examples.len()
            ));
        }
        let rows = rows.chunks_exact(self.columns.len());
        if rows.len() != head.answers.len() || !rows.remainder().is_empty() {
            return Err(format!("{} of its rows have an answer", head.answers.len()));
        }
        let mut sure = 0;
        for (row, wanted) in rows.zip(&head.answers) {
            let Some(found) = self.predicted(&mut row.to_vec()) else { continue };
            sure += 1;
            if found != *wanted {
                return Err(format!("it predicts {found} in place of {wanted} for {row:?}"));
            }
        }
        if sure * 2 <= samples {
            return Err(format!("only {sure} of {samples} rows are certain"));
        }
        for (request, wanted) in &head.examples {
            let found = self.answer(request.as_bytes()).map(String::from_utf8);
            if let Some(Ok(found)) = found.filter(|found| found.as_ref() != Ok(wanted)) {
                return Err(format!("it answers {found} in place of {wanted}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::native::arrays::tests::written;
    use crate::native::trees::tests::{Nodes, bytes};

    const LEAF: u32 = u32::MAX;
    const STUMP: Nodes<'_> = &[(0, 0.5, 1, 2, 1), (LEAF, 0.0, 0, 0, 0), (LEAF, 0.0, 2, 0, 0)];

    fn head() -> Value {
        json!({
            "columns": [["x", "double"]], "is_single": false, "takes_nan": true,
            "takes_infinite": false, "scores": "trees", "is_rounded": true, "decision": "highest",
            "labels": ["\"no\"", "7"], "answers": ["\"no\"", "7"],
            "examples": [["{\"dataframe_records\": [{\"x\": 1}]}", "{\"predictions\": [7]}"]],
        })
    }

    /// Returns a description of one tree with two labels.
    fn described(head: &Value, samples: &[f64]) -> Vec<u8> {
        let mut found = bytes(&[STUMP], &[1.0, 0.0, 0.0, 1.0], &[0.0, 0.0]);
        found.extend(written("head", head.to_string().as_bytes()));
        found.extend(written("margin", &0.0_f64.to_le_bytes()));
        let samples: Vec<u8> = samples.iter().flat_map(|one| one.to_le_bytes()).collect();
        found.extend(written("samples", &samples));
        found
    }

    fn reason(change: impl FnOnce(&mut Value)) -> String {
        let mut head = head();
        change(&mut head);
        read(&described(&head, &[0.0, 1.0])).err().unwrap_or_default()
    }

    #[test]
    fn a_described_model_answers() {
        let native = read(&described(&head(), &[0.0, 1.0])).unwrap();
        let answer = |text: &str| {
            let body = format!("{{\"dataframe_records\": [{{\"x\": {text}}}]}}");
            native.answer(body.as_bytes()).map(|answer| String::from_utf8(answer).unwrap())
        };
        assert_eq!(answer("0.5").unwrap(), "{\"predictions\": [\"no\"]}");
        assert_eq!(answer("NaN").unwrap(), "{\"predictions\": [\"no\"]}");
        // It is 0.5 as a float of 32 bits.
        assert_eq!(answer("0.50000000001").unwrap(), "{\"predictions\": [\"no\"]}");
        assert_eq!(answer("0.5000001").unwrap(), "{\"predictions\": [7]}");
        assert_eq!(answer("Infinity"), None);
        assert_eq!(answer("1e39"), None, "it is infinite as a float of 32 bits");
        assert_eq!(answer("\"1\""), None);
    }

    #[test]
    fn descriptions_that_do_not_fit_are_refused() {
        assert_eq!(reason(|_| {}), "");
        for (name, value, wanted) in [
            ("columns", json!([]), "0 columns"),
            ("columns", json!([["x", "string"]]), "\"string\""),
            ("scores", json!("magic"), "unknown kind"),
            ("decision", json!("magic"), "unknown kind"),
            ("decision", json!("positive"), "2 scores"),
            ("decision", json!("number"), "2 scores"),
            ("labels", json!(["1"]), "2 scores"),
            ("labels", json!(["1", "[7]"]), "labels"),
            ("labels", json!(["1", "no"]), "labels"),
            ("labels", json!(["1", "7".repeat(2000)]), "labels"),
            ("answers", json!(["7"]), "have an answer"),
            ("answers", json!(["7", "7"]), "in place of"),
            ("examples", json!([["{\"dataframe_records\": [{\"x\": 1}]}", "{}"]]), "in place of"),
            ("takes_infinite", json!("yes"), "head"),
            ("more", json!(1), "head"),
        ] {
            let found = reason(|head| head[name] = value.clone());
            assert!(found.contains(wanted), "{name} {value}: {found}");
        }
    }

    #[test]
    fn models_that_are_seldom_certain_are_refused() {
        let found = read(&described(&head(), &[f64::INFINITY, 1.0])).err().unwrap_or_default();
        assert!(found.contains("only 1 of 2"), "{found}");
    }

    #[test]
    fn no_bytes_lead_to_a_panic() {
        let whole = described(&head(), &[0.0, 1.0]);
        let mut state = 7_u64;
        for _ in 0..4_000 {
            let mut bytes = whole.clone();
            for _ in 0..3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let place = (state >> 33) as usize % bytes.len();
                bytes[place] = (state >> 24) as u8;
            }
            if let Ok(native) = read(&bytes) {
                drop(native.answer(b"{\"dataframe_records\": [{\"x\": 1}]}"));
            }
        }
    }
}
