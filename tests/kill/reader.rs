//! The live reader: observes writers while they write and die, and compares with earlier reads.

use std::collections::HashMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use tracklite::{Database, ErrorKind, IndexPlace, Run};

use crate::check::{Complaint, Fault, check_series};
use crate::ledger::{self, Page};
use crate::random::Random;
use crate::script::{Fate, Life, Model, Replay};
use crate::settings::Settings;

/// How long a dead writer may still look alive. Its threads are gone when it is marked dead. But a
/// child that it was forking keeps inherited locks until it runs and closes them.
const LIVENESS_PATIENCE: Duration = Duration::from_secs(10);
/// The number of looks before the reader opens the file again.
const LOOKS_PER_OPENING: u64 = 500;

struct Reader {
    settings: Settings,
    random: Random,
    replays: HashMap<Life, Replay>,
    /// The number of points of each series at the last look.
    seen: HashMap<(Life, u32, String), u64>,
    looks: u64,
    points: u64,
}

type Verdict = Result<(), Complaint>;
type Look = Result<(), Stop>;

/// Runs the reader process.
pub(crate) fn main(settings: &Settings) -> ! {
    let mut reader = Reader {
        settings: settings.clone(),
        random: Random::new(settings.seed ^ 0x5EED),
        replays: HashMap::new(),
        seen: HashMap::new(),
        looks: 0,
        points: 0,
    };
    let verdict = reader.read_on();
    let text = match &verdict {
        Ok(()) => format!("{} {}", reader.looks, reader.points),
        Err(complaint) => complaint.to_string(),
    };
    let name = if verdict.is_ok() { "reader.done" } else { "reader.error" };
    fs::write(settings.ledger.join(name), text).expect("write into the folder of the ledger");
    std::process::exit(i32::from(verdict.is_err()));
}

/// The reason why a look ended early.
enum Stop {
    Wrong(Complaint),
    /// Another file replaced the open one.
    Replaced,
    /// The run does not exist.
    Gone(String),
}

impl From<Complaint> for Stop {
    fn from(complaint: Complaint) -> Self {
        Stop::Wrong(complaint)
    }
}

/// Converts an error. `Poisoned` means that the vacuum of the last writer replaced the file.
fn stopped(error: &tracklite::Error) -> Stop {
    match error.kind() {
        ErrorKind::Poisoned => Stop::Replaced,
        ErrorKind::NotFound => Stop::Gone(error.to_string()),
        _ => Stop::Wrong(failed(error)),
    }
}

fn failed(error: &tracklite::Error) -> Complaint {
    Complaint::new(Fault::Other, format!("the reader: {:?}: {error}", error.kind()))
}

impl Reader {
    fn read_on(&mut self) -> Verdict {
        while !ledger::is_stopped(&self.settings.ledger) {
            if !self.settings.file.exists() {
                thread::sleep(Duration::from_millis(5));
                continue;
            }
            let place = match self.random.below(4) {
                0 => IndexPlace::InMemory,
                _ => IndexPlace::Directory(self.settings.index_folder()),
            };
            let builder = Database::builder().read_only(true).index(place);
            let database = builder.open(&self.settings.file).map_err(|error| failed(&error))?;
            for _ in 0..LOOKS_PER_OPENING {
                if ledger::is_stopped(&self.settings.ledger) {
                    break;
                }
                match self.look(&database) {
                    Ok(()) => {}
                    Err(Stop::Replaced) => break,
                    Err(Stop::Wrong(complaint)) => return Err(complaint),
                    Err(Stop::Gone(text)) => return Err(Complaint::new(Fault::Lost, text)),
                }
                thread::sleep(Duration::from_millis(self.random.below(20)));
            }
        }
        Ok(())
    }

    /// Looks at one run of one writer, usually a recent one.
    fn look(&mut self, database: &Database) -> Look {
        let lives = ledger::lives(&self.settings.ledger);
        let few = if self.random.below(3) > 0 { 24 } else { u64::MAX };
        let Some(back) = (lives.len() as u64).min(few).checked_sub(1) else { return Ok(()) };
        let life = lives[lives.len() - 1 - self.random.below(back + 1) as usize];
        let is_dead = ledger::is_dead(&self.settings.ledger, life);
        let Some(page) = Page::read(&self.settings.ledger, life) else { return Ok(()) };
        let before = self.model(life, &page);
        if before.runs.is_empty() {
            return Ok(());
        }
        let number = self.random.below(before.runs.len() as u64) as u32;
        let holding = self.holding(life, number, &page);
        let look = match database.run(page.run(number)) {
            Ok(run) => self.look_at(life, number, &run, &before, is_dead, holding),
            Err(error) => Err(stopped(&error)),
        };
        match look {
            Err(Stop::Gone(text)) if !self.may_be_purged(life, number) => {
                let text =
                    format!("writer {life}: run {number} was started but is missing: {text}");
                Err(Stop::Wrong(Complaint::new(Fault::Lost, text)))
            }
            Err(Stop::Gone(_)) => Ok(()),
            other => other,
        }
    }

    /// Returns whether the writer deleted the run, or may be about to.
    fn may_be_purged(&mut self, life: Life, number: u32) -> bool {
        let Some(page) = Page::read(&self.settings.ledger, life) else { return false };
        let (_, in_flight) = self.replay(life, &page);
        in_flight.runs[number as usize].fate != Fate::Kept && !page.is_restored(number)
    }

    fn look_at(
        &mut self,
        life: Life,
        number: u32,
        run: &Run,
        before: &Model,
        is_dead: bool,
        holding: Option<u64>,
    ) -> Look {
        self.looks += 1;
        self.look_at_series(life, number, run, before)?;
        match is_dead {
            // The writer that resumed the run of a dead one keeps it alive.
            true if ledger::is_adopted(&self.settings.ledger, life, number) => Ok(()),
            true => look_at_dead(&self.settings, life, number, run),
            false => self.look_at_living(life, number, run, holding),
        }
    }

    fn model(&mut self, life: Life, page: &Page) -> Model {
        self.replay(life, page).0
    }

    /// Returns the acknowledged state, and the state if the call in flight took effect.
    fn replay(&mut self, life: Life, page: &Page) -> (Model, Model) {
        let seed = self.settings.seed;
        let replay = self.replays.entry(life).or_insert_with(|| Replay::new(seed, life));
        let expected = replay.at(page.progress());
        (expected.acknowledged, expected.in_flight)
    }

    fn look_at_series(&mut self, life: Life, number: u32, run: &Run, before: &Model) -> Look {
        let points = &before.runs[number as usize].points;
        let Some(last) = (points.len() as u64).checked_sub(1) else { return Ok(()) };
        let nth = self.random.below(last + 1) as usize;
        let (key, lower) = points.iter().nth(nth).expect("an index below the number of series");
        let history = run.history(key).map_err(|error| stopped(&error))?;
        let count = check_series(life, number, key, &history)?;
        self.points += count;
        let place = (life, number, key.clone());
        let seen = self.seen.insert(place, count).unwrap_or(0);
        if count < seen.max(*lower) {
            let text = format!(
                "writer {life}, run {number}, {key:?}: the reader sees {count} points; {lower} \
                 were acknowledged, {seen} were seen earlier"
            );
            return Err(Complaint::new(Fault::Lost, text).into());
        }
        let Some(page) = Page::read(&self.settings.ledger, life) else { return Ok(()) };
        let upper = self.replay(life, &page).1.runs[number as usize].points[key];
        if count > upper {
            let text = format!(
                "writer {life}, run {number}, {key:?}: {count} points visible, only {upper} \
                 were logged"
            );
            return Err(Complaint::new(Fault::Altered, text).into());
        }
        Ok(())
    }

    /// Checks liveness. A writer that makes progress after the question was alive when asked.
    fn look_at_living(&mut self, life: Life, number: u32, run: &Run, holding: Option<u64>) -> Look {
        let is_alive = run.is_alive().map_err(|error| stopped(&error))?;
        let deadline = Instant::now() + Duration::from_millis(300);
        let Some(answered) = Page::read(&self.settings.ledger, life) else { return Ok(()) };
        if is_alive || holding.is_none() {
            return Ok(());
        }
        while Instant::now() < deadline {
            let Some(now) = Page::read(&self.settings.ledger, life) else { return Ok(()) };
            let is_active = now.progress() > answered.progress();
            if is_active && self.holding(life, number, &now) == holding {
                let text = format!("run {number} of the active writer {life} is reported as dead");
                return Err(Complaint::new(Fault::Other, text).into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Returns the number of runs that the writer finished, if it holds the run since its first
    /// open. If the number is the same later, the writer held the run all the time.
    fn holding(&mut self, life: Life, number: u32, page: &Page) -> Option<u64> {
        let (acknowledged, in_flight) = self.replay(life, page);
        let holds = acknowledged.held.contains(&number) && in_flight.held.contains(&number);
        let is_settled = acknowledged.openings == 1 && acknowledged.finishes == in_flight.finishes;
        (holds && is_settled).then_some(acknowledged.finishes)
    }
}

fn look_at_dead(settings: &Settings, life: Life, number: u32, run: &Run) -> Look {
    let began = Instant::now();
    while run.is_alive().map_err(|error| stopped(&error))? {
        if ledger::is_adopted(&settings.ledger, life, number) {
            return Ok(());
        }
        if began.elapsed() > LIVENESS_PATIENCE {
            let text = format!("run {number} of the dead writer {life} is reported as alive");
            return Err(Complaint::new(Fault::Other, text).into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
