//! Crashes of the simulated machine and its processes, some of them during a call.

use tracklite::internals::storage::Storage as _;
use tracklite::internals::storage::simulated::Random;

use super::calls::{Call, Who};
use super::world::{World, describe};
use crate::support;

impl World {
    /// Kills both processes, writes everything to the disk, and restarts the machine.
    pub(super) fn reboot(&mut self) -> Result<(), String> {
        [false, true].into_iter().for_each(|who| self.kill(who));
        self.file.attach().sync().map_err(|error| error.to_string())?;
        self.lose_power();
        Ok(())
    }

    /// Syncs in one process, which makes the calls of both durable. Then cuts the power.
    pub(super) fn power_cut(&mut self, who: Who) -> Result<(), String> {
        self.database(who)?.sync().map_err(|error| describe("sync", &error))?;
        self.lose_power();
        self.compare("a reader after a power cut", support::read_file(&self.file))
    }

    fn lose_power(&mut self) {
        [false, true].into_iter().for_each(|who| self.kill(who));
        self.boots += 1;
        self.file = self.file.crash_image(&mut Random::new(self.boots));
    }

    /// Kills the process at the `nth` storage call within this call. The call must have taken
    /// effect wholly or not at all. If it was acknowledged, it must have taken effect.
    pub(super) fn die_in(&mut self, who: Who, nth: u64, call: &Call) -> Result<(), String> {
        let kill = self.process(who)?.kill.clone();
        let before = self.plain.clone();
        kill.kill_at(nth);
        let made = self.make(call);
        if !kill.is_dead() {
            made.clone()?;
        }
        if matches!(call, Call::Gc(_)) {
            // `make` returns the error of gc before it updates the model.
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
                format!("only partly done: {done:?}; {error}; the model: {model:?}")
            })?;
        } else {
            self.forget_purged();
            done?;
        }
        if matches!(call, Call::Gc(_) | Call::Tick(_)) { self.recover(!who) } else { Ok(()) }
    }

    /// Ticks until syncs succeed again. A death during a sync counts as a failed sync: one tick
    /// detects it, and the next ones write everything again.
    fn recover(&mut self, who: Who) -> Result<(), String> {
        let database = self.database(who)?;
        for _ in 0..3 {
            database.tick().map_err(|error| describe("tick after a crash", &error))?;
        }
        database.sync().map_err(|error| describe("sync after a crash", &error))
    }
}
