//! The records of saved views in the golden file, and their expected effect.

use tracklite::internals::record::*;
use tracklite::internals::storage::{FaultPlan, MemoryFile};

use super::writer::TIME;
use crate::support::{self, Opening};

/// Returns the frames in order.
pub fn frames() -> Vec<Vec<Record>> {
    let saved = |name: &str, author: &str, revision, time| ViewSaved {
        name: name.to_owned(),
        state: format!("{{\"revision\": {revision}}}"),
        author: author.to_owned(),
        revision,
        created: TIME,
        time,
    };
    let deleted = ViewDeleted {
        name: "deleted".to_owned(),
        author: "bob".to_owned(),
        revision: 2,
        time: TIME + 8,
    };
    vec![
        vec![saved("kept", "ada", 1, TIME).into(), saved("deleted", "ada", 1, TIME).into()],
        vec![saved("kept", "bob", 2, TIME + 7).into(), deleted.into()],
    ]
}

/// Reads and checks the views through the public API, then makes the deleted one again.
pub fn check(file: &MemoryFile) {
    let (database, _) = support::open(file, &Opening::write(), &FaultPlan::new());
    let database = database.unwrap();
    let views = database.views().unwrap();
    let [view] = &views[..] else { panic!("{views:?}") };
    assert_eq!((view.name.as_str(), view.author.as_str(), view.revision), ("kept", "bob", 2));
    assert_eq!(view.state, "{\"revision\": 2}");
    assert_eq!((view.created.as_nanos(), view.updated.as_nanos()), (TIME, TIME + 7));
    assert_eq!(&database.view("kept").unwrap(), view);
    assert_eq!(database.save_view("deleted", "{}", 0).unwrap().revision, 3);
}
