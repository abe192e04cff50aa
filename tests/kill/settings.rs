//! The settings of a process, passed by its parent process in environment variables.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tracklite::{Database, DatabaseBuilder, IndexPlace, WritePath};

use crate::ledger::Phase;
use crate::script::Life;

/// A deliberate fault of a writer, to check that the oracle detects it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deceit {
    None,
    /// Records each call before making it.
    AcknowledgesEarly,
    /// Sometimes skips a call.
    SkipsCalls,
    /// Sometimes makes a call twice.
    RepeatsCalls,
    /// Sometimes logs another value.
    AltersValues,
    /// Uses an engine that writes definitions after their first use.
    DefinesLate,
    /// Uses an engine that does not repeat a decision if a record was appended in between.
    NeverLooksAgain,
}

impl Deceit {
    pub(crate) const ALL: [Deceit; 7] = [
        Deceit::None,
        Deceit::AcknowledgesEarly,
        Deceit::SkipsCalls,
        Deceit::RepeatsCalls,
        Deceit::AltersValues,
        Deceit::DefinesLate,
        Deceit::NeverLooksAgain,
    ];
}

/// When a writer kills itself: a time after it entered a phase for the nth time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Doom {
    pub(crate) phase: Phase,
    pub(crate) nth: u64,
    pub(crate) micros: u64,
}

/// The files and options of one round.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The file under test.
    pub(crate) file: PathBuf,
    /// The folder for pages and marks of the oracle.
    pub(crate) ledger: PathBuf,
    pub(crate) seed: u64,
    pub(crate) deceit: Deceit,
    pub(crate) is_positioned: bool,
}

const ROLE: &str = "TRACKLITE_KILL_ROLE";
const SETTINGS: &str = "TRACKLITE_KILL_SETTINGS";
const LIFE: &str = "TRACKLITE_KILL_LIFE";

/// The role of this process.
pub(crate) enum Role {
    Coordinator,
    Writer { settings: Settings, life: Life, doom: Option<Doom> },
    Reader { settings: Settings },
}

impl Settings {
    fn encode(&self) -> String {
        let Settings { file, ledger, seed, deceit, is_positioned } = self;
        let (file, ledger) = (file.display(), ledger.display());
        format!("{file}\n{ledger}\n{seed}\n{}\n{is_positioned}", *deceit as usize)
    }

    fn decode(text: &str) -> Option<Settings> {
        let fields: Vec<&str> = text.lines().collect();
        let [file, ledger, seed, deceit, is_positioned] = fields[..] else { return None };
        Some(Settings {
            file: file.into(),
            ledger: ledger.into(),
            seed: seed.parse().ok()?,
            deceit: Deceit::ALL[deceit.parse::<usize>().ok()?],
            is_positioned: is_positioned.parse().ok()?,
        })
    }

    fn command(&self, role: &str) -> Command {
        let mut command = Command::new(env::current_exe().expect("find this program"));
        command.env(ROLE, role).env(SETTINGS, self.encode());
        command
    }

    /// Returns the command that starts a writer.
    pub(crate) fn writer(&self, life: Life, doom: Option<Doom>) -> Command {
        let mut command = self.command("writer");
        let doom = doom.map(|Doom { phase, nth, micros }| {
            let phase = phase as usize;
            format!(" {phase} {nth} {micros}")
        });
        command.env(LIFE, format!("{life}{}", doom.unwrap_or_default()));
        command
    }

    /// Returns the command that starts the reader.
    pub(crate) fn reader(&self) -> Command {
        self.command("reader")
    }

    /// Returns how a writer opens the file. Most share one index, some keep it in memory.
    pub(crate) fn builder_of(&self, life: Life) -> DatabaseBuilder {
        let builder = self.builder();
        match life.number % 5 {
            0 => builder,
            _ => builder.index(IndexPlace::Directory(self.index_folder())),
        }
    }

    /// Returns the folder of the index that writers and the reader share.
    pub(crate) fn index_folder(&self) -> PathBuf {
        self.ledger.with_extension("index")
    }

    /// Returns how to open the file with a private index.
    pub(crate) fn builder(&self) -> DatabaseBuilder {
        let write_path =
            if self.is_positioned { WritePath::Positioned } else { WritePath::Automatic };
        // Generous, because sixteen writers share a slow disk and two processors.
        let patience = Duration::from_secs(60);
        let builder = Database::builder().index(IndexPlace::InMemory);
        let builder = builder.pepper_file(self.ledger.with_extension("pepper"));
        builder.write_path(write_path).lock_timeout(patience)
    }
}

/// Reads the role of this process from the environment.
pub(crate) fn role() -> Role {
    let Ok(role) = env::var(ROLE) else { return Role::Coordinator };
    let settings = env::var(SETTINGS).ok().and_then(|text| Settings::decode(&text));
    let settings = settings.expect("the settings come with the role");
    if role == "reader" {
        return Role::Reader { settings };
    }
    let text = env::var(LIFE).expect("a writer has an id");
    let mut fields = text.split(' ');
    let life = fields.next().and_then(|text| text.parse().ok()).expect("parse the writer's id");
    let numbers: Vec<u64> = fields.filter_map(|text| text.parse().ok()).collect();
    let doom = match numbers[..] {
        [phase, nth, micros] => Some(Doom { phase: Phase::ALL[phase as usize], nth, micros }),
        _ => None,
    };
    Role::Writer { settings, life, doom }
}
