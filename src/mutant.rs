//! Faults that the project's tests switch on in the engine, to see whether they would be noticed.
//!
//! A test that has never failed proves nothing. Each variant breaks one rule of the storage
//! protocol; the simulator must report a violation when it is on. Without the feature `internals`
//! `is_active` is a constant, so that nothing of this is left in a release.

/// A rule of the storage protocol, deliberately broken.
#[cfg_attr(not(feature = "internals"), allow(dead_code, reason = "none can be switched on"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Mutant {
    /// Slots and frames pass whatever their checksum says.
    NoChecksum,
    /// The checksum of a slot is not seeded with file, unit and incarnation.
    UnseededChecksum,
    /// The end of an extent is taken from a stored length, not from a scan.
    TrustedLength,
    /// A series is defined in the chain after its first slot is stored.
    DefinitionAfterUse,
    /// An incarnation is counted from what the chain names, not drawn at random.
    Rule1CounterIncarnation,
    /// The janitor reads what a writer has defined before it sees that this one is dead.
    Rule6CatchUpBeforeProbe,
    /// A damaged commit word before the durable mark is taken for the end of the chain.
    Rule8DamageIsEnd,
    /// An extent is punched before the frame that seals it is synced.
    Rule14PunchBeforeSync,
    /// A block that gc has moved is punched before the frame that says so is synced.
    Rule14MovedBeforeSync,
    /// Chunks that gc has freed are punched before the frame that says so is synced.
    Rule14FreedBeforeSync,
    /// The janitor punches before the frames are synced that sealed a dead writer's extents.
    Rule14JanitorBeforeSync,
    /// The durable mark is that of the end of a sync, not of its beginning.
    MarkAfterSync,
    /// A reader does not look again whether an extent was sealed while it read it.
    Rule18NoRecheck,
    /// Chunks are named in the chain before their bytes are synced.
    Rule19NamedBeforeSync,
    /// A failed sync leaves no poison behind.
    Rule21NoPoison,
    /// An index is believed whose position is not on the chain.
    Rule24TrustIndex,
    /// What was decided on the index is appended whatever came between.
    UndecidedAppend,
    /// A change of the registry is not synced before it returns.
    UnsyncedRegistry,
    /// The number of a version that was deleted is given out again.
    ReusedVersion,
}

#[cfg(feature = "internals")]
impl Mutant {
    /// Every mutant once.
    pub const ALL: [Mutant; 19] = [
        Mutant::NoChecksum,
        Mutant::UnseededChecksum,
        Mutant::TrustedLength,
        Mutant::DefinitionAfterUse,
        Mutant::Rule1CounterIncarnation,
        Mutant::Rule6CatchUpBeforeProbe,
        Mutant::Rule8DamageIsEnd,
        Mutant::Rule14PunchBeforeSync,
        Mutant::Rule14MovedBeforeSync,
        Mutant::Rule14FreedBeforeSync,
        Mutant::Rule14JanitorBeforeSync,
        Mutant::MarkAfterSync,
        Mutant::Rule18NoRecheck,
        Mutant::Rule19NamedBeforeSync,
        Mutant::Rule21NoPoison,
        Mutant::Rule24TrustIndex,
        Mutant::UndecidedAppend,
        Mutant::UnsyncedRegistry,
        Mutant::ReusedVersion,
    ];
}

#[cfg(feature = "internals")]
mod switch {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static ACTIVE: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Whether the mutant is on in this thread.
    #[inline]
    pub(crate) fn is_active(mutant: Mutant) -> bool {
        ACTIVE.get() == Some(mutant)
    }

    /// The mutant that is on in this thread, to be handed to threads that it starts.
    #[must_use]
    pub fn active_mutant() -> Option<Mutant> {
        ACTIVE.get()
    }

    /// Calls `work` with the mutant on in this thread (or with none), then as it was before.
    pub fn with_mutant<T>(mutant: impl Into<Option<Mutant>>, work: impl FnOnce() -> T) -> T {
        struct Restore(Option<Mutant>);
        impl Drop for Restore {
            fn drop(&mut self) {
                ACTIVE.set(self.0);
            }
        }
        let _restore = Restore(ACTIVE.replace(mutant.into()));
        work()
    }
}

#[cfg(feature = "internals")]
pub(crate) use switch::is_active;
#[cfg(feature = "internals")]
pub use switch::{active_mutant, with_mutant};

/// Whether the mutant is on: never, in a build without the feature `internals`.
#[cfg(not(feature = "internals"))]
#[inline]
pub(crate) const fn is_active(_mutant: Mutant) -> bool {
    false
}

#[cfg(all(test, feature = "internals"))]
mod tests {
    use super::*;

    #[test]
    fn mutant_is_on_only_within_its_call_and_thread() {
        assert!(!is_active(Mutant::NoChecksum));
        with_mutant(Mutant::NoChecksum, || {
            assert!(is_active(Mutant::NoChecksum));
            assert!(!is_active(Mutant::Rule18NoRecheck));
            let elsewhere = std::thread::spawn(|| is_active(Mutant::NoChecksum)).join();
            assert!(!elsewhere.unwrap());
            with_mutant(None, || assert!(!is_active(Mutant::NoChecksum)));
            assert_eq!(active_mutant(), Some(Mutant::NoChecksum));
        });
        assert!(Mutant::ALL.iter().all(|&mutant| !is_active(mutant)));
    }
}
