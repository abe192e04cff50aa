//! The state of a view, as the page writes it into its address, for programs beside the page.

use serde_json::{Map, Value, json};

use super::names;
use crate::call::Args;

/// A view: the texts by their short keys.
pub(super) struct ViewState<'v>(&'v Map<String, Value>);

impl<'v> ViewState<'v> {
    pub(super) fn new(state: &'v Map<String, Value>) -> Self {
        ViewState(state)
    }

    /// Returns a part of the state. The empty text means the default.
    pub(super) fn text(&self, key: &str) -> &'v str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn list(&self, key: &str) -> Vec<String> {
        split(self.text(key))
    }

    /// Returns the arguments of the query of runs that the page makes for this view.
    pub(super) fn query(&self) -> Args {
        let lifecycle = match self.text("d") {
            "" => "active",
            other => other,
        };
        let order: Vec<String> = self.list("o").iter().map(|item| order(item)).collect();
        let mut args = json!({
            "filter": self.text("f"), "view": lifecycle, "order": order, "group": self.group(),
        });
        if !self.text("e").is_empty() {
            args["experiments"] = self.list("e").into();
        }
        if !self.text("u").is_empty() {
            args["under"] = self.text("u").into();
        }
        match args {
            Value::Object(args) => args,
            _ => Args::new(),
        }
    }

    fn group(&self) -> Value {
        match self.text("g") {
            "" => Value::Null,
            "auto" => "auto".into(),
            _ => self.list("g").into(),
        }
    }

    /// Returns the arguments of curves that the page sends for this view, without runs and keys.
    pub(super) fn curves(&self, pixels: usize) -> Args {
        let axis = match self.text("xa") {
            "" => "step",
            other => other,
        };
        let band = match self.text("bd") {
            "" => "std",
            other => other,
        };
        let mut args = json!({"x": axis, "px": pixels, "band": band});
        if let Some((kind, amount)) = self.text("sm").split_once(':')
            && let Ok(amount) = amount.parse::<f64>()
        {
            // Wall time is in milliseconds on the axis, and in seconds for the reader.
            let is_time = axis == "time" && matches!(kind, "time_ema" | "gaussian");
            let amount = if is_time { amount * 1000.0 } else { amount };
            args["smooth"] = json!({"kind": kind, "amount": amount});
        }
        match args {
            Value::Object(args) => args,
            _ => Args::new(),
        }
    }
}

/// Splits a list at commas. A backslash before a comma or backslash makes it part of an item.
fn split(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let mut items = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, items.last_mut()) {
            (',', _) => items.push(String::new()),
            ('\\', Some(item)) => item.extend(characters.next()),
            (character, Some(item)) => item.push(character),
            (_, None) => {}
        }
    }
    items
}

/// Returns an item of an order in the search language.
fn order(item: &str) -> String {
    let (name, direction) = match item.strip_prefix('-') {
        Some(name) => (name, " DESC"),
        None => (item.strip_prefix('+').unwrap_or(item), ""),
    };
    let name = names::column(name);
    match name.split_once('.') {
        Some((prefix, key)) if key.contains('`') => format!("{prefix}.\"{key}\"{direction}"),
        Some((prefix, key)) => format!("{prefix}.`{key}`{direction}"),
        None => format!("{name}{direction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_becomes_the_query_of_the_page() {
        let state = json!({
            "f": "metrics.loss < 1", "o": "-min.val loss,attributes.start_time",
            "g": "params.a\\,b,tags.c", "e": "1,2",
        });
        let state = state.as_object().unwrap();
        let query = ViewState::new(state).query();
        assert_eq!(query["order"], json!(["min.`val loss` DESC", "start_time"]));
        assert_eq!(query["group"], json!(["params.a,b", "tags.c"]));
        assert_eq!(query["experiments"], json!(["1", "2"]));
        assert_eq!((&query["view"], query.get("under")), (&json!("active"), None));
        let empty = Map::new();
        assert_eq!(ViewState::new(&empty).query()["group"], Value::Null);
    }

    #[test]
    fn wall_time_is_smoothed_in_seconds() {
        let smooth = |state: Value| {
            ViewState::new(state.as_object().unwrap()).curves(600).get("smooth").cloned()
        };
        let wanted = json!({"kind": "time_ema", "amount": 20_000.0});
        assert_eq!(smooth(json!({"xa": "time", "sm": "time_ema:20"})), Some(wanted));
        let wanted = json!({"kind": "ema", "amount": 0.6});
        assert_eq!(smooth(json!({"xa": "time", "sm": "ema:0.6"})), Some(wanted));
        assert_eq!(smooth(json!({})), None);
    }
}
