//! Calls that save and delete views.

use tracklite::ErrorKind;
use tracklite_fuzz::Choices;

use super::{World, expect_error};

const NAMES: [&str; 4] = ["best", "a/b c", "\u{1f600}", "no\ngood"];
const STATES: [&str; 4] = ["{}", "{\"order\": \"metrics.loss\"}", "{\"a\": [1, null]} ", "[]"];
const USERS: [&str; 2] = ["ada", "bob"];

impl World {
    pub(super) fn change_views(&mut self, choices: &mut Choices<'_>) {
        let name = NAMES[choices.below(NAMES.len())];
        let known = self.model.views.get(name).cloned().unwrap_or_default();
        let now = known.saved.as_ref().map_or(0, |view| view.revision);
        // One call in four has another expectation than the present revision.
        let expects = match choices.below(8) {
            0 => now + 1,
            1 => now.saturating_sub(1),
            _ => now,
        };
        match choices.below(4) {
            0 => self.delete_view(name, now, expects),
            _ => self.save_view(name, now, expects, choices),
        }
    }

    fn save_view(&mut self, name: &str, now: u64, expects: u64, choices: &mut Choices<'_>) {
        let (state, user) = (STATES[choices.below(4)], USERS[choices.below(2)]);
        let saved = self.database.save_view_as(user, name, state, expects);
        if name == NAMES[3] || state == STATES[3] {
            return expect_error(saved, ErrorKind::InvalidInput);
        }
        if expects != now {
            return expect_error(saved, ErrorKind::Conflict);
        }
        let saved = saved.expect("save a view");
        let known = self.model.views.entry(name.to_owned()).or_default();
        known.revision += 1;
        assert_eq!((saved.state.as_str(), saved.author.as_str()), (state, user));
        assert_eq!((saved.name.as_str(), saved.revision), (name, known.revision));
        let created = known.saved.as_ref().map_or(saved.updated, |before| before.created);
        assert_eq!(saved.created, created);
        known.saved = Some(saved);
    }

    fn delete_view(&mut self, name: &str, now: u64, expects: u64) {
        let deleted = self.database.delete_view(name, expects);
        if now == 0 {
            return expect_error(deleted, ErrorKind::NotFound);
        }
        if expects != now {
            return expect_error(deleted, ErrorKind::Conflict);
        }
        deleted.expect("delete a view");
        let known = self.model.views.entry(name.to_owned()).or_default();
        known.revision += 1;
        known.saved = None;
        expect_error(self.database.view(name), ErrorKind::NotFound);
    }
}
