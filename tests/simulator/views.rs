//! Calls that save and delete views.

use std::collections::BTreeMap;

use tracklite::view::SavedView;
use tracklite::{Database, ErrorKind, Result};

use crate::compare::event_in;
use crate::oracle::EventId;
use crate::things::{ThingKind, ThingSeen};
use crate::world::{Actor, Verdict};

/// The fact with the event of the last save, which its state has.
const SAVED: &str = "saved";
/// The fact with the revision.
const REVISION: &str = "revision";

fn name(view: EventId) -> String {
    format!("s{}", view.0)
}

fn state(event: EventId) -> String {
    format!("{{\"event\": {}}}", event.0)
}

fn facts(event: EventId, revision: u64) -> [(String, String); 2] {
    [(SAVED.to_owned(), state(event)), (REVISION.to_owned(), revision.to_string())]
}

impl Actor {
    /// Creates, saves or deletes a view.
    pub fn change_view(&mut self) -> Verdict<()> {
        // The effect of a failed call is not known yet.
        if self.is_unsettled {
            return Ok(());
        }
        let views = self.own_things(ThingKind::View);
        if views.is_empty() || self.random.one_in(3) {
            return self.create_view();
        }
        let view = *self.random.pick(&views);
        let oracle = self.oracle.lock();
        let revision =
            oracle.things.get(&view).and_then(|thing| thing.fact(REVISION)?.parse().ok());
        drop(oracle);
        let Some(revision) = revision else { return Ok(()) };
        match self.random.below(5) {
            0 => self.delete_view(view, revision),
            1 => self.save_view_late(view, revision),
            _ => self.save_view(view, revision),
        }
    }

    fn create_view(&mut self) -> Verdict<()> {
        let event = self.issue_thing("create view", ThingKind::View, None, |event| {
            BTreeMap::from(facts(event, 1))
        });
        let created = self.database.save_view(&name(event), &state(event), 0);
        match self.note_change(event, created)? {
            Some(view) => self.oracle.lock().set_id(event, &view.name),
            None => Ok(()),
        }
    }

    fn save_view(&mut self, view: EventId, revision: u64) -> Verdict<()> {
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("save view");
        if let Some(thing) = oracle.things.get_mut(&view) {
            for (fact, value) in facts(event, revision + 1) {
                thing.set(fact, event, Some(value));
            }
        }
        drop(oracle);
        let saved = self.database.save_view(&name(view), &state(event), revision);
        self.note_change(event, saved).map(drop)
    }

    /// Saves a view with a wrong expectation, which must fail with a conflict.
    fn save_view_late(&mut self, view: EventId, revision: u64) -> Verdict<()> {
        let wrong = if self.random.one_in(2) { revision - 1 } else { revision + 1 };
        match self.database.save_view(&name(view), "{}", wrong) {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            Err(error) if self.may_fail_by(&error) => Ok(()),
            other => Err(format!("saving revision {revision} as {wrong} returned {other:?}")),
        }
    }

    fn delete_view(&mut self, view: EventId, revision: u64) -> Verdict<()> {
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("delete view");
        if let Some(thing) = oracle.things.get_mut(&view) {
            thing.exists.set(event, false);
        }
        drop(oracle);
        let deleted = self.database.delete_view(&name(view), revision);
        self.note_change(event, deleted).map(drop)
    }
}

/// Reads all views.
pub fn views(database: &Database) -> Result<Vec<ThingSeen>> {
    Ok(database.views()?.iter().map(seen).collect())
}

fn seen(view: &SavedView) -> ThingSeen {
    let event = event_in(&view.name, 's').unwrap_or(EventId(usize::MAX));
    let facts = BTreeMap::from([
        (SAVED.to_owned(), view.state.clone()),
        (REVISION.to_owned(), view.revision.to_string()),
    ]);
    ThingSeen { event, id: view.name.clone(), facts }
}
