//! Crashes of the simulated machine and its processes, also in the middle of a call.

use tracklite::storage::Storage as _;
use tracklite::storage::simulated::Random;

use super::calls::{Call, Who};
use super::world::{World, tell};
use crate::support;

impl World {
    /// Both processes die, everything reaches the disk, and the machine starts again.
    pub(super) fn reboot(&mut self) -> Result<(), String> {
        [false, true].into_iter().for_each(|who| self.kill(who));
        self.file.attach().sync().map_err(|error| error.to_string())?;
        self.lose_power();
        Ok(())
    }

    /// One process syncs, which makes the other one's calls durable too; then the power fails.
    pub(super) fn power_cut(&mut self, who: Who) -> Result<(), String> {
        self.database(who)?.sync().map_err(|error| tell("sync", &error))?;
        self.lose_power();
        self.compare("a reader after a power cut", support::read_file(&self.file))
    }

    fn lose_power(&mut self) {
        [false, true].into_iter().for_each(|who| self.kill(who));
        self.boots += 1;
        self.file = self.file.crash_image(&mut Random::new(self.boots));
    }

    /// The process dies at the `nth` call of its storage within this call: what the call was to do
    /// is done or is not, and when it was acknowledged it is done.
    pub(super) fn die_in(&mut self, who: Who, nth: u64, call: &Call) -> Result<(), String> {
        let kill = self.process(who)?.kill.clone();
        let before = self.plain.clone();
        kill.kill_at(nth);
        let made = self.make(call);
        if !kill.is_dead() {
            made.clone()?;
        }
        if matches!(call, Call::Gc(_)) {
            // It answers an error before the model is told.
            self.plain.gc();
        }
        self.kill(who);
        let compare =
            |world: &World| world.compare("after a crash", support::read_file(&world.file));
        let done = compare(self);
        if made.is_err() && done.is_err() {
            let after = std::mem::replace(&mut self.plain, before);
            compare(self).map_err(|error| {
                let model = after.content;
                format!("neither done nor not done: {done:?}; {error}; the model: {model:?}")
            })?;
        } else {
            self.forget_purged();
            done?;
        }
        if matches!(call, Call::Gc(_) | Call::Tick(_)) { self.mend(!who) } else { Ok(()) }
    }

    /// A process that died within a sync counts as one whose sync failed: no sync passes until a
    /// tick has found it and the next ones have written everything again.
    fn mend(&mut self, who: Who) -> Result<(), String> {
        let database = self.database(who)?;
        for _ in 0..3 {
            database.tick().map_err(|error| tell("tick after a crash", &error))?;
        }
        database.sync().map_err(|error| tell("sync after a crash", &error))
    }
}
