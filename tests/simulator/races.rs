//! Two processes at once, each at something that the other must not tear apart.

use std::collections::BTreeSet;

use tracklite::storage::simulated::{Random, SimulatedDisk, run_together};
use tracklite::{Database, ErrorKind, MetricPoint, Run, RunStatus, Timestamp};

use crate::engine::{self, Opening};
use crate::rules::{CREATE, KEY, filled_run, open, said};
use crate::world::Verdict;

type Job<'a, T> = Box<dyn FnOnce() -> Verdict<T> + Send + 'a>;

fn count(run: &Run, key: &str, what: &str) -> Verdict<usize> {
    said(run.history(key), what).map(|history| history.len())
}

/// Rule 6: a process defines series, logs a point to each, and dies; another one ticks meanwhile.
/// What was defined just before the death is known to whoever seals the dead.
pub fn dying_definer(seed: u64) -> Verdict<()> {
    const SERIES_MOST: usize = 200;
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (janitor, _control) = open(&disk, CREATE)?;
    let (dying, control) = open(&disk, Opening::WRITE)?;
    let run = said(filled_run(&dying, "dying", 0, 1), "logging")?;
    let id = run.id();
    control.kill_after(random.below(400) as u64);
    let log = move || {
        let point = |it: usize| run.log_metric(&format!("s{it}"), it as f64, 0).is_ok();
        let logged = (0..SERIES_MOST).take_while(|it| point(*it)).count();
        drop((run, dying));
        Ok(logged)
    };
    // A process that dies in its sync is no reason to fail here, nor the one that is waited for.
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
        said(janitor.tick(), "the tick after a death")?;
    }
    let run = said(janitor.run(id), "finding the run")?;
    for series in 0..logged {
        if count(&run, &format!("s{series}"), "reading a dead one\'s series")? != 1 {
            return Err(format!("the point of series {series} of {logged} is lost"));
        }
    }
    Ok(())
}

/// Rule 19: one process purges what is deleted, another one restores and resumes a run: either it
/// is there with all its points, or it is gone and that is said.
pub fn gc_beside_restore(seed: u64) -> Verdict<()> {
    const COUNT: usize = 400;
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (filler, _control) = open(&disk, CREATE)?;
    let wanted = said(filled_run(&filler, "wanted", 0, COUNT), "logging")?.id();
    let other = said(filled_run(&filler, "other", COUNT, 3 * COUNT), "logging")?.id();
    said(filler.close(), "closing")?;
    let (purging, _purging) = open(&disk, Opening::WRITE)?;
    let (restoring, _restoring) = open(&disk, Opening::WRITE)?;
    for id in [wanted, other] {
        said(purging.delete_run(id), "deleting")?;
    }
    let gc = || said(purging.gc(), "gc").map(|report| report.runs == 1);
    let resume = || {
        match restoring.restore_run(wanted) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return said(Err(error), "restoring"),
        }
        let run = said(restoring.resume_run(wanted), "resuming")?;
        let point = MetricPoint { step: -1, time: Timestamp::from_nanos(0), value: 0.0 };
        let metric = said(run.metric(KEY), "a metric of the restored run")?;
        said(metric.log_points(&[point]), "logging to the restored run")?;
        let found = count(&run, KEY, "reading beside gc")?;
        if found == COUNT + 1 { Ok(true) } else { Err(format!("{found} points beside gc")) }
    };
    let jobs: Vec<Job<'_, bool>> = vec![Box::new(gc), Box::new(resume)];
    let results = run_together(random.bits(), jobs).into_iter().collect::<Verdict<Vec<bool>>>()?;
    let [purged_one, is_restored] = results[..] else { return Err("two results".to_owned()) };
    if purged_one != is_restored {
        return Err(format!("purged but one: {purged_one}, restored: {is_restored}"));
    }
    let look = |database: &Database| match database.run(wanted) {
        Ok(run) => Ok(Some((run.info()?.status, run.history(KEY)?.len()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let expected = is_restored.then_some((RunStatus::Running, COUNT + 1));
    for _ in 0..2 {
        let found = said(engine::with_reader(&disk, look), "reading after gc")?;
        if found != expected {
            return Err(format!("the run is {found:?}, expected {expected:?}"));
        }
        said(purging.gc(), "gc again")?;
    }
    Ok(())
}

/// A move of an alias that was acknowledged: from this version to that one.
type Move = (Option<u64>, u64);

/// Two processes make versions of one model and move its alias to them by compare-and-set: no
/// version goes to both, only one moves it from the same version, and no move is lost.
pub fn alias_movers(seed: u64) -> Verdict<()> {
    const ROUNDS: usize = 4;
    const ALIAS: &str = "champion";
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (first, _control) = open(&disk, CREATE)?;
    said(first.registry().create_model("m"), "creating a model")?;
    let (second, _other) = open(&disk, Opening::WRITE)?;
    let work = |database: Database| {
        move || {
            let model = said(database.registry().model("m"), "finding the model")?;
            let (mut versions, mut moves): (Vec<u64>, Vec<Move>) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let before = said(model.info(), "looking")?.aliases.get(ALIAS).copied();
                let version = said(model.new_version("s3://m").create(), "a version")?.version();
                versions.push(version);
                match model.move_alias(ALIAS, before, version) {
                    Ok(()) => moves.push((before, version)),
                    Err(error) if error.kind() == ErrorKind::Conflict => {}
                    Err(error) => return said(Err(error), "moving the alias"),
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
    let info = said(engine::with_reader(&disk, info), "reading the alias")?;
    let champion = info.aliases.get(ALIAS).copied();
    let is_sound = distinct.len() == versions.len()
        && left.len() == moves.len()
        && !left.contains(&champion)
        && moves.iter().any(|(_, version)| Some(*version) == champion);
    if is_sound { Ok(()) } else { Err(format!("{versions:?}, {moves:?}, now {champion:?}")) }
}
