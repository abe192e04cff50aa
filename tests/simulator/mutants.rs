//! Tests of the simulator itself: it must detect each broken rule of the protocol.

use tracklite::internals::mutant::{Mutant, with_mutant};

use crate::explore::Statistics;
use crate::world::Verdict;
use crate::{artifacts, judge_seed, models, races, rules, scenarios, schedulers};

/// The number of seeds to try before a mutant counts as missed.
const SEEDS_MAX: u64 = 300;
/// The number of seeds for which a scenario must pass without the mutant.
const SEEDS_SOUND: u64 = 40;

/// Requires that the workloads of the simulator detect the mutant.
fn must_be_caught(mutant: Mutant) {
    let statistics = Statistics::default();
    must_be_caught_by(mutant, |seed| judge_seed(seed, &statistics));
}

/// Finds a seed that detects the mutant, and requires that the same seed passes without it.
fn must_be_caught_by(mutant: Mutant, judge: impl Fn(u64) -> Verdict<()>) {
    let caught = (0..SEEDS_MAX)
        .find_map(|seed| with_mutant(mutant, || judge(seed)).err().map(|error| (seed, error)));
    let Some((seed, error)) = caught else { panic!("{mutant:?} was not caught") };
    println!("{mutant:?} caught by seed {seed}: {error}");
    judge(seed).unwrap_or_else(|error| {
        panic!("seed {seed} fails without {mutant:?} as well: {error}");
    });
}

/// Like [`must_be_caught_by`], for a fast scenario.
fn must_be_caught_in(mutant: Mutant, scenario: fn(u64) -> Verdict<()>) {
    must_be_caught_by(mutant, scenario);
    for seed in 0..SEEDS_SOUND {
        scenario(seed).unwrap_or_else(|error| panic!("seed {seed}, without {mutant:?}: {error}"));
    }
}

#[test]
fn mutant_no_checksum_is_caught() {
    must_be_caught(Mutant::NoChecksum);
}

#[test]
fn mutant_unseeded_checksum_is_caught() {
    must_be_caught_in(Mutant::UnseededChecksum, rules::copied_slots);
}

#[test]
fn mutant_trusted_length_is_caught() {
    must_be_caught(Mutant::TrustedLength);
}

#[test]
fn mutant_definition_after_use_is_caught() {
    must_be_caught(Mutant::DefinitionAfterUse);
}

#[test]
fn mutant_rule_1_counter_incarnation_is_caught() {
    must_be_caught_in(Mutant::Rule1CounterIncarnation, rules::writers_in_turn);
}

#[test]
fn mutant_rule_6_catch_up_before_probe_is_caught() {
    must_be_caught_in(Mutant::Rule6CatchUpBeforeProbe, races::dying_definer);
}

#[test]
fn mutant_rule_8_damage_is_end_is_caught() {
    must_be_caught_by(Mutant::Rule8DamageIsEnd, scenarios::damaged_chain);
}

#[test]
fn mutant_mark_after_sync_is_caught() {
    must_be_caught_in(Mutant::MarkAfterSync, rules::synced_during_an_append);
}

#[test]
fn mutant_rule_18_no_recheck_is_caught() {
    must_be_caught_in(Mutant::Rule18NoRecheck, rules::sealed_while_read);
}

#[test]
fn mutant_rule_24_trust_index_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    must_be_caught_by(Mutant::Rule24TrustIndex, |seed| {
        scenarios::index_of_another_branch(seed, folder.path())
    });
}

#[test]
fn mutant_rule_14_punch_before_sync_is_caught() {
    must_be_caught(Mutant::Rule14PunchBeforeSync);
}

#[test]
fn mutant_rule_14_moved_before_sync_is_caught() {
    must_be_caught(Mutant::Rule14MovedBeforeSync);
}

#[test]
fn mutant_rule_14_freed_before_sync_is_caught() {
    must_be_caught_in(Mutant::Rule14FreedBeforeSync, artifacts::freed_before_a_power_cut);
}

#[test]
fn mutant_rule_19_named_before_sync_is_caught() {
    must_be_caught(Mutant::Rule19NamedBeforeSync);
}

#[test]
fn mutant_rule_14_janitor_before_sync_is_caught() {
    must_be_caught(Mutant::Rule14JanitorBeforeSync);
}

#[test]
fn mutant_undecided_append_is_caught() {
    must_be_caught_in(Mutant::UndecidedAppend, races::alias_movers);
}

#[test]
fn mutant_unsynced_registry_is_caught() {
    must_be_caught(Mutant::UnsyncedRegistry);
}

#[test]
fn mutant_reused_version_is_caught() {
    must_be_caught_in(Mutant::ReusedVersion, models::models_alone);
}

#[test]
fn mutant_rule_21_no_poison_is_caught() {
    must_be_caught_in(Mutant::Rule21NoPoison, rules::failed_sync);
}

#[test]
fn mutant_fire_after_now_is_caught() {
    must_be_caught_in(Mutant::FireAfterNow, schedulers::schedulers);
}

#[test]
fn mutant_repeated_notice_is_caught() {
    must_be_caught_in(Mutant::RepeatedNotice, schedulers::schedulers);
}

#[test]
fn mutant_stale_grants_is_caught() {
    must_be_caught_in(Mutant::StaleGrants, schedulers::schedulers);
}

#[test]
fn schedulers_that_do_not_look_again_or_do_not_sync_are_caught() {
    must_be_caught_in(Mutant::UndecidedAppend, schedulers::schedulers);
    must_be_caught_in(Mutant::UnsyncedRegistry, schedulers::schedulers);
}
