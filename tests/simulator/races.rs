//! Pairs of concurrent processes whose calls must not break each other.

use std::collections::BTreeSet;

use tracklite::internals::storage::simulated::{Random, SimulatedDisk, run_together};
use tracklite::{Database, ErrorKind, MetricPoint, Run, RunStatus, Timestamp};

use crate::engine::{self, Opening};
use crate::rules::{CREATE, KEY, context, filled_run, open};
use crate::world::Verdict;

type Job<'a, T> = Box<dyn FnOnce() -> Verdict<T> + Send + 'a>;

fn count(run: &Run, key: &str, what: &str) -> Verdict<usize> {
    context(run.history(key), what).map(|history| history.len())
}

/// Rule 6: a process defines series, logs a point to each, and dies, while another one ticks. The
/// process that seals for the dead one must know its last definitions.
pub fn dying_definer(seed: u64) -> Verdict<()> {
    const SERIES_MAX: usize = 200;
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (janitor, _control) = open(&disk, CREATE)?;
    let (dying, control) = open(&disk, Opening::WRITE)?;
    let run = context(filled_run(&dying, "dying", 0, 1), "logging")?;
    let id = run.id();
    control.kill_after(random.below(400) as u64);
    let log = move || {
        let is_logged =
            |series: &usize| run.log_metric(&format!("s{series}"), *series as f64, 0).is_ok();
        let logged = (0..SERIES_MAX).take_while(is_logged).count();
        drop((run, dying));
        Ok(logged)
    };
    // These ticks may fail, because the other process may die during a sync.
    let tend = || {
        (0..6).for_each(|_| drop(janitor.tick()));
        Ok(0)
    };
    let jobs: Vec<Job<'_, usize>> = vec![Box::new(log), Box::new(tend)];
    let logged = *run_together(random.bits(), jobs)
        .into_iter()
        .collect::<Verdict<Vec<usize>>>()?
        .first()
        .ok_or("no result")?;
    control.kill();
    for _ in 0..4 {
        context(janitor.tick(), "the tick after a death")?;
    }
    let run = context(janitor.run(id), "finding the run")?;
    for series in 0..logged {
        if count(&run, &format!("s{series}"), "reading a series of the dead process")? != 1 {
            return Err(format!("the point of series {series} of {logged} is missing"));
        }
    }
    Ok(())
}

/// Rule 19: one process purges deleted runs, another one restores and resumes a run. The run must
/// either keep all its points, or be reported as missing.
pub fn gc_during_restore(seed: u64) -> Verdict<()> {
    const COUNT: usize = 400;
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (filler, _control) = open(&disk, CREATE)?;
    let wanted = context(filled_run(&filler, "wanted", 0, COUNT), "logging")?.id();
    let other = context(filled_run(&filler, "other", COUNT, 3 * COUNT), "logging")?.id();
    context(filler.close(), "closing")?;
    let (purging, _purging) = open(&disk, Opening::WRITE)?;
    let (restoring, _restoring) = open(&disk, Opening::WRITE)?;
    for id in [wanted, other] {
        context(purging.delete_run(id), "deleting")?;
    }
    let gc = || context(purging.gc(), "gc").map(|report| report.runs == 1);
    let resume = || {
        match restoring.restore_run(wanted) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return context(Err(error), "restoring"),
        }
        let run = context(restoring.resume_run(wanted), "resuming")?;
        let point = MetricPoint { step: -1, time: Timestamp::from_nanos(0), value: 0.0 };
        let metric = context(run.metric(KEY), "defining a metric of the restored run")?;
        context(metric.log_points(&[point]), "logging to the restored run")?;
        let found = count(&run, KEY, "reading during gc")?;
        if found == COUNT + 1 {
            Ok(true)
        } else {
            Err(format!("{found} points during gc, expected {}", COUNT + 1))
        }
    };
    let jobs: Vec<Job<'_, bool>> = vec![Box::new(gc), Box::new(resume)];
    let results = run_together(random.bits(), jobs).into_iter().collect::<Verdict<Vec<bool>>>()?;
    let [purged_one, is_restored] = results[..] else { return Err("not two results".to_owned()) };
    if purged_one != is_restored {
        return Err(format!(
            "only one run purged: {purged_one}, the other restored: {is_restored}"
        ));
    }
    let look = |database: &Database| match database.run(wanted) {
        Ok(run) => Ok(Some((run.info()?.status, run.history(KEY)?.len()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let expected = is_restored.then_some((RunStatus::Running, COUNT + 1));
    for _ in 0..2 {
        let found = context(engine::with_reader(&disk, look), "reading after gc")?;
        if found != expected {
            return Err(format!("the run is {found:?}, expected {expected:?}"));
        }
        context(purging.gc(), "gc again")?;
    }
    Ok(())
}

/// An acknowledged move of an alias: from the first version to the second.
type Move = (Option<u64>, u64);

/// Two processes create versions of one model and move its alias to them by compare-and-set. Each
/// version belongs to one process, is the origin of at most one move, and no move is lost.
pub fn alias_movers(seed: u64) -> Verdict<()> {
    const ROUNDS: usize = 4;
    const ALIAS: &str = "champion";
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (first, _control) = open(&disk, CREATE)?;
    context(first.registry().create_model("m"), "creating a model")?;
    let (second, _other) = open(&disk, Opening::WRITE)?;
    let work = |database: Database| {
        move || {
            let model = context(database.registry().model("m"), "finding the model")?;
            let (mut versions, mut moves): (Vec<u64>, Vec<Move>) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let info = context(model.info(), "reading the alias before a move")?;
                let before = info.aliases.get(ALIAS).copied();
                let created = model.new_version("s3://m").create();
                let version = context(created, "creating a version")?.version();
                versions.push(version);
                match model.move_alias(ALIAS, before, version) {
                    Ok(()) => moves.push((before, version)),
                    Err(error) if error.kind() == ErrorKind::Conflict => {}
                    Err(error) => return context(Err(error), "moving the alias"),
                }
            }
            Ok((versions, moves))
        }
    };
    let jobs: Vec<Job<'_, (Vec<u64>, Vec<Move>)>> =
        vec![Box::new(work(first.clone())), Box::new(work(second))];
    let results = run_together(random.bits(), jobs).into_iter().collect::<Verdict<Vec<_>>>()?;
    let (versions, moves): (Vec<Vec<u64>>, Vec<Vec<Move>>) = results.into_iter().unzip();
    let (versions, moves) = (versions.concat(), moves.concat());
    let distinct: BTreeSet<u64> = versions.iter().copied().collect();
    let left: BTreeSet<Option<u64>> = moves.iter().map(|(before, _)| *before).collect();
    let info = |database: &Database| database.registry().model("m")?.info();
    let info = context(engine::with_reader(&disk, info), "reading the alias")?;
    let champion = info.aliases.get(ALIAS).copied();
    let is_sound = distinct.len() == versions.len()
        && left.len() == moves.len()
        && !left.contains(&champion)
        && moves.iter().any(|(_, version)| Some(*version) == champion);
    if is_sound {
        Ok(())
    } else {
        Err(format!("versions {versions:?}, moves {moves:?}, the alias is {champion:?}"))
    }
}
