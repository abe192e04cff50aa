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
        if made.is_ok() || done.is_ok() {
            self.forget_purged();
            return done;
        }
        let after = std::mem::replace(&mut self.plain, before);
        compare(self).map_err(|error| {
            format!("neither done nor not done: {done:?}; {error}; the model: {:?}", after.content)
        })
    }
}
