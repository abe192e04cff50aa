//! Faults that the tests inject into the engine to prove that they would be noticed.
//!
//! A test that has never failed proves nothing. Each variant breaks one rule of the storage
//! protocol, and the simulator must then report a violation. Without the feature `internals`,
//! `is_active` is constant and the compiler removes the faults.

/// A rule of the storage protocol, deliberately broken.
#[cfg_attr(not(feature = "internals"), allow(dead_code, reason = "none can be switched on"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Mutant {
    /// Slots and frames are accepted regardless of their checksum.
    NoChecksum,
    /// The checksum of a slot is not seeded with file, unit and incarnation.
    UnseededChecksum,
    /// The end of an extent comes from a stored length, not from a scan.
    TrustedLength,
    /// A series is defined in the chain after its first slot is stored.
    DefinitionAfterUse,
    /// An incarnation is a counter over the chain, not a random number.
    Rule1CounterIncarnation,
    /// The janitor reads a writer's definitions before it checks that the writer is dead.
    Rule6CatchUpBeforeProbe,
    /// A damaged commit word before the durable mark counts as the end of the chain.
    Rule8DamageIsEnd,
    /// An extent is punched before the frame that seals it is synced.
    Rule14PunchBeforeSync,
    /// A block that gc moved is punched before the frame that records the move is synced.
    Rule14MovedBeforeSync,
    /// Chunks that gc freed are punched before the frame that records it is synced.
    Rule14FreedBeforeSync,
    /// The janitor punches a dead writer's extents before the frames that seal them are synced.
    Rule14JanitorBeforeSync,
    /// The durable mark is taken at the end of a sync, not at its beginning.
    MarkAfterSync,
    /// A reader does not recheck whether an extent was sealed during the read.
    Rule18NoRecheck,
    /// The chain names chunks before their bytes are synced.
    Rule19NamedBeforeSync,
    /// A failed sync sets no poison.
    Rule21NoPoison,
    /// An index is trusted although its position is not on the chain.
    Rule24TrustIndex,
    /// A decision made on the index is appended even if records came in between.
    UndecidedAppend,
    /// A change of the registry returns before it is synced.
    UnsyncedRegistry,
    /// The number of a deleted version is reused.
    ReusedVersion,
    /// A new scheduler begins with the next fire after now, not with that after the last one.
    FireAfterNow,
    /// A notification is taken again although another process took it.
    RepeatedNotice,
    /// A change of the rights to a job has the revision of the rights that it replaces.
    StaleGrants,
}

#[cfg(feature = "internals")]
impl Mutant {
    /// All mutants, each once.
    pub const ALL: [Mutant; 22] = [
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
        Mutant::FireAfterNow,
        Mutant::RepeatedNotice,
        Mutant::StaleGrants,
    ];
}

#[cfg(feature = "internals")]
mod switch {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static ACTIVE: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Returns whether the mutant is on in this thread.
    #[inline]
    pub(crate) fn is_active(mutant: Mutant) -> bool {
        ACTIVE.get() == Some(mutant)
    }

    /// Returns the mutant that is on in this thread, so that new threads can inherit it.
    #[must_use]
    pub fn active_mutant() -> Option<Mutant> {
        ACTIVE.get()
    }

    /// Calls `work` with the mutant on in this thread (or with none), then restores the setting.
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

/// Returns false: a build without the feature `internals` has no mutants.
#[cfg(not(feature = "internals"))]
#[inline]
pub(crate) const fn is_active(_mutant: Mutant) -> bool {
    false
}

/// Whether a test has put this fault into the engine: `fault!(NoChecksum)`. Always false without
/// the feature `internals`.
macro_rules! fault {
    ($mutant:ident) => {
        $crate::mutant::is_active($crate::mutant::Mutant::$mutant)
    };
}

pub(crate) use fault;

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
