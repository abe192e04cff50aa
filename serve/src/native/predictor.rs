//! A described model that answers requests.

use super::body::{Column, rows as rows_of};
use super::model::{Model, Prediction};
use super::write::write_float;

/// The most steps through trees, or products, that a request may take here, about a millisecond.
const STEPS_MAX: usize = 1 << 16;
/// The most bytes of a body that is read here.
const BODY_BYTES_MAX: usize = 256 << 10;
/// The content types of bodies that are read.
const JSON: [&str; 2] = ["application/json", "application/json; charset=utf-8"];

/// A model that was described.
#[derive(Debug)]
pub(crate) struct Native {
    pub(super) columns: Vec<Column>,
    pub(super) model: Model,
}

impl Native {
    /// Returns whether a body of this type may be read.
    pub(crate) fn reads(content_type: &str) -> bool {
        JSON.contains(&content_type)
    }

    /// Answers a body, unless that is left to the worker.
    pub(crate) fn answer(&self, body: &[u8]) -> Option<Vec<u8>> {
        if body.len() > BODY_BYTES_MAX {
            return None;
        }
        let mut rows = rows_of(body, &self.columns)?;
        let width = self.columns.len();
        let count = rows.len() / width;
        if count > 1 && self.model.is_of_one_row() || count * self.model.steps() > STEPS_MAX {
            return None;
        }
        let mut scores = Vec::new();
        let mut text = String::from("{\"predictions\": [");
        for (place, row) in rows.chunks_exact_mut(width).enumerate() {
            text.push_str(if place > 0 { ", " } else { "" });
            write(&mut text, self.model.predict(row, &mut scores)?);
        }
        text.push_str("]}");
        Some(text.into_bytes())
    }

    /// Returns the prediction of a row as JSON, unless that is left to the worker.
    pub(super) fn predicted(&self, row: &mut [f64]) -> Option<String> {
        let mut text = String::new();
        write(&mut text, self.model.predict(row, &mut Vec::new())?);
        Some(text)
    }
}

fn write(text: &mut String, prediction: Prediction<'_>) {
    match prediction {
        Prediction::Number(number) => write_float(text, number),
        Prediction::Label(label) => text.push_str(label),
    }
}
