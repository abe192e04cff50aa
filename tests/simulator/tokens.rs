//! Calls that create and revoke access tokens.

use std::collections::BTreeMap;

use tracklite::token::{TokenId, TokenInfo};
use tracklite::{Database, Result};

use crate::compare::event_in;
use crate::oracle::EventId;
use crate::things::{ThingKind, ThingSeen};
use crate::world::{Actor, Verdict};

/// The fact that states whether a token was revoked.
const STATE: &str = "state";

impl Actor {
    /// Creates a token, or revokes one.
    pub fn change_token(&mut self) -> Verdict<()> {
        // The effect of a failed call is not known yet.
        if self.is_unsettled {
            return Ok(());
        }
        let tokens = self.own_things(ThingKind::Token);
        match tokens.is_empty() || self.random.one_in(2) {
            true => self.create_token(),
            false => {
                let token = *self.random.pick(&tokens);
                self.revoke_token(token)
            }
        }
    }

    fn create_token(&mut self) -> Verdict<()> {
        let event = self.issue_thing("create token", ThingKind::Token, None, |_| {
            BTreeMap::from([(STATE.to_owned(), "live".to_owned())])
        });
        let token = self.database.new_token().user(format!("t{}", event.0)).create();
        let Some((info, text)) = self.note_change(event, token)? else { return Ok(()) };
        self.oracle.lock().set_id(event, &info.id.to_string())?;
        match self.database.check_token(text.as_str()) {
            Ok(found) if found == info => Ok(()),
            Err(error) if self.may_fail_by(&error) => Ok(()),
            other => Err(format!("a new token was checked with {other:?}")),
        }
    }

    /// Revokes the token. A second revocation changes nothing.
    fn revoke_token(&mut self, token: EventId) -> Verdict<()> {
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("revoke token");
        let id = oracle.things.get(&token).and_then(|token| token.id.clone()).unwrap_or_default();
        if let Some(thing) = oracle.things.get_mut(&token) {
            thing.set(STATE.to_owned(), event, Some("revoked".to_owned()));
        }
        drop(oracle);
        let revoked = id.parse().and_then(|id: TokenId| self.database.revoke_token(id));
        self.note_change(event, revoked).map(drop)
    }
}

/// Reads all tokens.
pub fn tokens(database: &Database) -> Result<Vec<ThingSeen>> {
    Ok(database.tokens()?.iter().map(seen).collect())
}

fn seen(info: &TokenInfo) -> ThingSeen {
    let state = if info.revoked.is_some() { "revoked" } else { "live" };
    let event = event_in(&info.user, 't').unwrap_or(EventId(usize::MAX));
    let facts = BTreeMap::from([(STATE.to_owned(), state.to_owned())]);
    ThingSeen { event, id: info.id.to_string(), facts }
}
