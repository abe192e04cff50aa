//! Changes of runs and experiments that a request asks for.

use serde_json::Value;
use tracklite::{ErrorKind, Lifecycle};

use crate::call::Args;
use crate::failure::{Failure, Outcome};
use crate::fields::Read as _;

/// The tag with the note of a run or experiment, in Markdown.
pub(super) const NOTE_TAG: &str = "mlflow.note.content";

/// The tags to set, and the keys of those to delete.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TagEdits {
    pub(super) set: Vec<(String, String)>,
    pub(super) delete: Vec<String>,
}

impl TagEdits {
    /// Reads `tags`, in which null deletes a tag, and `note`, which is a tag too.
    pub(super) fn of(args: &Args) -> Outcome<TagEdits> {
        let mut edits = TagEdits::default();
        for (key, value) in args.object("tags").into_iter().flatten() {
            edits.add(key, value)?;
        }
        match args.get("note") {
            None => {}
            Some(Value::String(note)) if note.is_empty() => edits.add(NOTE_TAG, &Value::Null)?,
            Some(note) => edits.add(NOTE_TAG, note)?,
        }
        Ok(edits)
    }

    fn add(&mut self, key: &str, value: &Value) -> Outcome<()> {
        match value {
            Value::String(text) => self.set.push((key.to_owned(), text.clone())),
            Value::Null => self.delete.push(key.to_owned()),
            other => {
                return Err(Failure::invalid(format!(
                    "the value of tag {key:?} is {other}: expected a text, or null to delete it"
                )));
            }
        }
        Ok(())
    }

    /// Returns the values of the tags afterwards. `None` for those that are deleted.
    pub(super) fn values(&self) -> impl Iterator<Item = (String, Option<String>)> {
        let set = self.set.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        set.chain(self.delete.iter().map(|key| (key.clone(), None)))
    }

    /// Returns the edits after which the tags have these values.
    pub(super) fn of_values(values: &[(String, Option<String>)]) -> TagEdits {
        let mut edits = TagEdits::default();
        for (key, value) in values {
            match value {
                Some(value) => edits.set.push((key.clone(), value.clone())),
                None => edits.delete.push(key.clone()),
            }
        }
        edits
    }

    /// Returns whether a tag is set or deleted.
    pub(super) fn names(&self, key: &str) -> bool {
        self.set.iter().any(|(name, _)| name == key) || self.delete.iter().any(|name| name == key)
    }
}

/// Reads the lifecycle to set.
pub(super) fn lifecycle(args: &Args) -> Outcome<Option<Lifecycle>> {
    match args.text("lifecycle") {
        None => Ok(None),
        Some("active") => Ok(Some(Lifecycle::Active)),
        Some("deleted") => Ok(Some(Lifecycle::Deleted)),
        Some(other) => Err(Failure::invalid(format!(
            "unknown lifecycle {other:?}: expected \"active\" or \"deleted\""
        ))),
    }
}

/// Ignores the failure to delete a tag that is not there.
pub(super) fn even_if_missing(deleted: tracklite::Result<()>) -> Outcome<()> {
    match deleted {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edits(args: &Value) -> Outcome<TagEdits> {
        TagEdits::of(args.as_object().unwrap())
    }

    #[test]
    fn null_deletes_and_text_sets() {
        let found = edits(&json!({"tags": {"a": "1", "b": null}, "note": ""})).unwrap();
        assert_eq!(found.set, [("a".to_owned(), "1".to_owned())]);
        assert_eq!(found.delete, ["b", NOTE_TAG]);
        assert!(found.names("b") && !found.names("c"));
        assert_eq!(edits(&json!({})).unwrap(), TagEdits::default());
        assert!(edits(&json!({"tags": {"a": 3}})).is_err());
        assert!(edits(&json!({"note": []})).is_err());
    }
}
