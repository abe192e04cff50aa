//! Registered models, versions, aliases, logged models, endpoints and jobs: the changes that
//! writers make, the expected result, and the observed state.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tracklite::artifact::{ArtifactOwner, Artifacts};
use tracklite::logged_model::{LoggedModelMetric, LoggedModelStatus};
use tracklite::registry::{ModelVersionStatus, RegisteredModel, RegistrySearch};
use tracklite::{Database, ErrorKind, LoggedModelId, Result, Run, SqlValue};

use crate::check::{Complaint, Fault, unless_purged};
use crate::endpoints::{self, Endpoint};
use crate::files;
use crate::jobs::{self, Job};
use crate::ledger::{Ledger, Page};
use crate::random::Random;
use crate::script::Life;
use crate::small::{self, Small, SmallChange};
use crate::writer::{tolerate_failed_sync, until_recovered};

/// The name of the registered model that all writers share, and of its alias.
pub(crate) const SHARED: &str = "shared";
pub(crate) const CHAMPION: &str = "champion";
/// The maximum number of logged models of one writer.
const LOGGED_MAX: u32 = 4;
/// How many versions of the shared model a writer makes champion in a row. Several in a row make it
/// likely that two writers collide within the microseconds between reading and moving the alias.
const SHARED_AT_ONCE: usize = 16;
/// How often a writer tries to move the alias before it stops.
const MOVES_TRIED: usize = 20;
/// The fact of a version whose files follow.
const PENDING: &str = "pending";
/// An upper bound for the number of models in a round.
const MODELS_MAX: usize = 1000;

/// The known facts about a thing, each under a name such as `tag/last`.
pub(crate) type Facts = BTreeMap<String, String>;
/// Facts by the name of the thing.
pub(crate) type Things = BTreeMap<String, Facts>;

/// A change that a writer makes to its registered model, to its logged models, or to the shared
/// model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Register,
    /// A version with the files of a run.
    Version {
        run: u32,
    },
    /// A version with the files of a logged model.
    VersionOf {
        model: u32,
    },
    Alias {
        version: u64,
    },
    Tag {
        version: u64,
    },
    DeleteVersion {
        version: u64,
    },
    Log,
    Annotate {
        model: u32,
    },
    File {
        model: u32,
    },
    DeleteLogged {
        model: u32,
    },
    /// A version whose files follow.
    Pending,
    /// Writes a file of a pending version.
    Upload {
        version: u64,
    },
    Finalize {
        version: u64,
    },
    /// Changes the endpoint of the writer.
    Endpoint(endpoints::Step),
    /// Changes the job of the writer.
    Job(jobs::Step),
    Small(SmallChange),
    /// Creates versions of the shared model, and moves its alias to each by compare-and-set.
    Shared,
}

/// The expected models of one writer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Models {
    pub(crate) things: Things,
    is_registered: bool,
    last_version: u64,
    logged: u32,
    endpoint: Endpoint,
    job: Job,
    small: Small,
}

fn logged_name(life: Life, model: u32) -> String {
    format!("{}-{}-{model}", life.number, life.child)
}

fn version_name(life: Life, version: u64) -> String {
    format!("{life}/{version}")
}

fn alias_fact() -> String {
    format!("alias/{CHAMPION}")
}

fn label(number: u64) -> String {
    format!("v{number}")
}

fn model_file(life: Life, model: u32, number: u64) -> (String, Vec<u8>) {
    let (_, bytes) = files::artifact(life, model, number);
    (format!("{}.bin", number % 2), bytes)
}

fn version_file(life: Life, version: u64, number: u64) -> (String, Vec<u8>) {
    model_file(life, version as u32, number)
}

impl Models {
    /// Draws the next change.
    pub(crate) fn draw(&self, life: Life, run: u32, random: &mut Random) -> Change {
        if !self.is_registered {
            return Change::Register;
        }
        let versions: Vec<u64> = (1..=self.last_version)
            .filter(|version| self.things.contains_key(&version_name(life, *version)))
            .collect();
        let logged: Vec<u32> = (0..self.logged)
            .filter(|model| self.fact(life, *model, "lifecycle") == Some("active"))
            .collect();
        let mut version = || versions.get(random.below(versions.len().max(1) as u64) as usize);
        let (one, other) = (version().copied(), version().copied());
        let model = logged.get(random.below(logged.len().max(1) as u64) as usize).copied();
        match (random.below(21), one, other, model) {
            (19 | 20, ..) => Change::Job(self.job.draw(random)),
            (14..17, ..) => Change::Small(self.small.draw(life, &self.things, random)),
            (18, Some(version), ..) if !self.is_pending(life, version) => {
                Change::Endpoint(self.endpoint.draw(version, random))
            }
            (17, ..) => Change::Pending,
            (1 | 2, Some(version), _, _) if self.is_pending(life, version) => {
                let is_whole = random.below(3) == 0;
                if is_whole { Change::Finalize { version } } else { Change::Upload { version } }
            }
            (0 | 1, Some(version), _, _) => Change::Alias { version },
            (2, Some(version), _, _) => Change::Tag { version },
            (3, Some(version), Some(other), _) if version != other => {
                Change::DeleteVersion { version }
            }
            (4, _, _, Some(model)) => Change::VersionOf { model },
            (5, _, _, Some(model)) => Change::Annotate { model },
            (6, _, _, Some(model)) => Change::File { model },
            (7, _, _, Some(model)) => Change::DeleteLogged { model },
            (8 | 9, ..) if self.logged < LOGGED_MAX => Change::Log,
            (8..12, ..) => Change::Shared,
            _ => Change::Version { run },
        }
    }

    fn is_pending(&self, life: Life, version: u64) -> bool {
        let facts = self.things.get(&version_name(life, version));
        facts.is_some_and(|facts| facts.contains_key(PENDING))
    }

    fn fact(&self, life: Life, model: u32, fact: &str) -> Option<&str> {
        self.things.get(&logged_name(life, model))?.get(fact).map(String::as_str)
    }

    fn add_version(&mut self, life: Life, number: u64, files: Facts) {
        self.last_version += 1;
        let mut facts = files;
        facts.insert("description".to_owned(), label(number));
        facts.insert("run".to_owned(), label(number));
        self.things.insert(version_name(life, self.last_version), facts);
    }

    fn files_of(&self, life: Life, model: u32) -> Facts {
        let facts = self.things.get(&logged_name(life, model)).into_iter().flatten();
        let files = facts.filter(|(fact, _)| fact.starts_with("file/"));
        files.map(|(path, label)| (path.clone(), label.clone())).collect()
    }

    /// Applies a change. `run_files` are the files of the run that a version is made from.
    pub(crate) fn apply(&mut self, life: Life, change: Change, number: u64, run_files: &Facts) {
        match change {
            Change::Register => {
                self.is_registered = true;
                self.things.insert(life.to_string(), Facts::new());
            }
            Change::Version { .. } => {
                let files = run_files.iter();
                let files = files.map(|(path, label)| (format!("file/{path}"), label.clone()));
                self.add_version(life, number, files.collect());
            }
            Change::VersionOf { model } => {
                self.add_version(life, number, self.files_of(life, model));
            }
            Change::Alias { version } => {
                let facts = self.things.entry(life.to_string()).or_default();
                facts.insert(alias_fact(), version.to_string());
            }
            Change::Tag { version } => {
                let facts = self.things.entry(version_name(life, version)).or_default();
                facts.insert("tag/last".to_owned(), label(number));
            }
            Change::DeleteVersion { version } => {
                self.things.remove(&version_name(life, version));
                let facts = self.things.entry(life.to_string()).or_default();
                facts.retain(|_, named| *named != version.to_string());
            }
            Change::Log => {
                let facts = [("lifecycle", "active".to_owned()), ("param/first", label(number))];
                let facts = facts.map(|(fact, value)| (fact.to_owned(), value)).into();
                self.things.insert(logged_name(life, self.logged), facts);
                self.logged += 1;
            }
            Change::Annotate { .. } | Change::File { .. } | Change::DeleteLogged { .. } => {
                self.apply_to_logged(life, change, number);
            }
            Change::Pending => {
                self.add_version(life, number, [(PENDING.to_owned(), String::new())].into());
            }
            Change::Upload { version } => {
                let (path, bytes) = version_file(life, version, number);
                let label = files::file_label(&bytes).unwrap_or_default();
                let facts = self.things.entry(version_name(life, version)).or_default();
                facts.insert(format!("file/{path}"), label);
            }
            Change::Finalize { version } => {
                let facts = self.things.entry(version_name(life, version)).or_default();
                facts.remove(PENDING);
            }
            Change::Endpoint(step) => {
                match self.endpoint.apply(step) {
                    Some(facts) => self.things.insert(endpoints::name(life), facts),
                    None => self.things.remove(&endpoints::name(life)),
                };
            }
            Change::Job(step) => {
                match self.job.apply(step) {
                    Some(facts) => self.things.insert(jobs::name(life), facts),
                    None => self.things.remove(&jobs::name(life)),
                };
            }
            Change::Small(change) => self.small.apply(life, change, number, &mut self.things),
            Change::Shared => {}
        }
    }

    fn apply_to_logged(&mut self, life: Life, change: Change, number: u64) {
        let (Change::Annotate { model } | Change::File { model } | Change::DeleteLogged { model }) =
            change
        else {
            return;
        };
        let facts = self.things.entry(logged_name(life, model)).or_default();
        match change {
            Change::Annotate { .. } => {
                facts.insert("tag/last".to_owned(), label(number));
            }
            Change::File { .. } => {
                let (path, bytes) = model_file(life, model, number);
                let label = files::file_label(&bytes).unwrap_or_default();
                facts.insert(format!("file/{path}"), label);
            }
            _ => {
                facts.insert("lifecycle".to_owned(), "deleted".to_owned());
            }
        }
    }
}

/// Makes a change. `run` is the source of a version, `logged` are the logged models so far.
pub(crate) fn perform(
    database: &Database,
    (life, change, number): (Life, Change, u64),
    run: Option<&Run>,
    logged: &mut HashMap<u32, LoggedModelId>,
    ledger: &Ledger,
) -> Result<()> {
    let registry = database.registry();
    let own = || registry.model(&life.to_string());
    let file = |model: &u32| ArtifactOwner::LoggedModel(logged[model]);
    match change {
        Change::Register => {
            tolerate_failed_sync(registry.create_model(&life.to_string()).map(drop))
        }
        Change::Version { .. } => {
            let run = run.expect("the run is open");
            create_version(&own()?, &format!("runs:/{}", run.id()), number)
        }
        Change::VersionOf { model } => {
            create_version(&own()?, &format!("models:/{}", logged[&model]), number)
        }
        Change::Alias { version } => {
            let model = own()?;
            let before = model.info()?.aliases.get(CHAMPION).copied();
            tolerate_failed_sync(model.move_alias(CHAMPION, before, version))
        }
        Change::Tag { version } => {
            tolerate_failed_sync(own()?.version(version)?.set_tag("last", label(number)))
        }
        Change::DeleteVersion { version } => {
            tolerate_failed_sync(own()?.version(version)?.delete())
        }
        Change::Log => {
            let place = logged.len() as u32;
            let model = database.default_experiment()?.new_logged_model();
            let model = model.name(&logged_name(life, place)).param("first", label(number));
            logged.insert(place, model.create()?.id());
            Ok(())
        }
        Change::Annotate { model } => {
            let model = database.logged_model(logged[&model])?;
            model.set_tag("last", label(number))?;
            // Nothing checks these. They only add records between the others.
            model.log_metrics([LoggedModelMetric::new("accuracy", number as f64, 0)])?;
            model.finalize(LoggedModelStatus::Ready)
        }
        Change::File { model } => {
            let (path, bytes) = model_file(life, model, number);
            let artifacts = database.artifacts_of(file(&model))?;
            until_recovered(|| artifacts.log_bytes(&bytes, &path))
        }
        Change::DeleteLogged { model } => database.logged_model(logged[&model])?.delete(),
        Change::Pending => {
            let version = own()?.new_version("elsewhere").files_follow();
            let version = version.description(label(number)).run(label(number));
            tolerate_failed_sync(version.create().map(drop))
        }
        Change::Upload { version } => {
            let (path, bytes) = version_file(life, version, number);
            let artifacts = own()?.version(version)?.artifacts();
            until_recovered(|| artifacts.log_bytes(&bytes, &path))
        }
        Change::Finalize { version } => {
            tolerate_failed_sync(own()?.version(version)?.finalize(None).map(drop))
        }
        Change::Endpoint(step) => endpoints::perform(database, life, step),
        Change::Job(step) => jobs::perform(database, life, step),
        Change::Small(change) => small::perform(database, (life, change, number)),
        Change::Shared => share(database, (life, number), ledger),
    }
}

fn create_version(model: &RegisteredModel, source: &str, number: u64) -> Result<()> {
    let version = model.new_version(source).description(label(number)).run(label(number));
    tolerate_failed_sync(version.create().map(drop))
}

/// Creates versions of the shared model, makes each the champion, and records what was
/// acknowledged.
fn share(database: &Database, (life, number): (Life, u64), ledger: &Ledger) -> Result<()> {
    let registry = database.registry();
    let model = match registry.create_model(SHARED) {
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Poisoned) => {
            registry.model(SHARED)?
        }
        other => other?,
    };
    for _ in 0..SHARED_AT_ONCE {
        let version = model.new_version("s3://models").description(format!("{life} {number}"));
        let version = match version.create() {
            Err(error) if error.kind() == ErrorKind::Poisoned => return Ok(()),
            other => other?.version(),
        };
        make_champion(&model, version, ledger)?;
    }
    Ok(())
}

/// Moves the shared alias to a new version. Retries a lost race immediately, so that colliding
/// writers keep colliding.
fn make_champion(model: &RegisteredModel, version: u64, ledger: &Ledger) -> Result<()> {
    let place = ledger.add_shared_version(version);
    for _ in 0..MOVES_TRIED {
        let before = model.info()?.aliases.get(CHAMPION).copied();
        match model.move_alias(CHAMPION, before, version) {
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) if error.kind() == ErrorKind::Poisoned => return Ok(()),
            Err(error) => return Err(error),
            Ok(()) => {
                ledger.set_shared_move(place, before.unwrap_or(0));
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Reads all models except the shared one, grouped by writer.
pub(crate) fn observe(database: &Database) -> Result<HashMap<Life, Things>> {
    let mut found: HashMap<Life, Things> = HashMap::new();
    let registry = database.registry();
    let search = RegistrySearch::new().max_results(MODELS_MAX);
    for info in registry.search_models(&search)?.items {
        let Ok(life) = info.name.parse::<Life>() else { continue };
        let model = registry.model(&info.name)?;
        let aliases = model.info()?.aliases.into_iter();
        let aliases = aliases.map(|(alias, named)| (format!("alias/{alias}"), named.to_string()));
        let things = found.entry(life).or_default();
        things.insert(info.name, aliases.collect());
        for version in model.versions()? {
            let owner =
                ArtifactOwner::ModelVersion { model: version.model, version: version.version };
            let Some(mut facts) = unless_purged(file_facts(&database.artifacts_of(owner)?))? else {
                continue;
            };
            let description = version.description;
            facts.extend(description.map(|text| ("description".to_owned(), text)));
            facts.extend(version.run.map(|text| ("run".to_owned(), text)));
            if version.status == ModelVersionStatus::PendingRegistration {
                facts.insert(PENDING.to_owned(), String::new());
            }
            facts
                .extend(version.tags.into_iter().map(|(key, value)| (format!("tag/{key}"), value)));
            things.insert(version_name(life, version.version), facts);
        }
    }
    for row in database.sql("SELECT model_id FROM logged_models")?.rows {
        let Some(SqlValue::Text(id)) = row.first() else { continue };
        let id = id.parse()?;
        let info = database.logged_model(id).and_then(|model| model.info());
        let Some(info) = unless_purged(info)? else { continue };
        let artifacts = database.artifacts_of(ArtifactOwner::LoggedModel(id))?;
        let Some(mut facts) = unless_purged(file_facts(&artifacts))? else { continue };
        facts.insert("lifecycle".to_owned(), info.lifecycle.as_str().to_owned());
        facts.extend(info.params.into_iter().map(|(key, value)| (format!("param/{key}"), value)));
        facts.extend(info.tags.into_iter().map(|(key, value)| (format!("tag/{key}"), value)));
        let mut parts = info.name.split('-').filter_map(|part| part.parse().ok());
        if let (Some(number), Some(child)) = (parts.next(), parts.next()) {
            found.entry(Life { number, child }).or_default().insert(info.name, facts);
        }
    }
    for (life, name, facts) in endpoints::observe(database)? {
        found.entry(life).or_default().insert(name, facts);
    }
    for (life, name, facts) in jobs::observe(database)? {
        found.entry(life).or_default().insert(name, facts);
    }
    small::observe(database, &mut found)?;
    Ok(found)
}

fn file_facts(artifacts: &Artifacts) -> Result<Facts> {
    let files = files::file_labels(artifacts)?.into_iter();
    Ok(files.map(|(path, label)| (format!("file/{path}"), label)).collect())
}

/// Returns whether a dead writer's models are the expected ones.
pub(crate) fn agrees(wanted: &Things, found: &Things) -> bool {
    let is_gone =
        |facts: &Facts| facts.get("lifecycle").is_some_and(|lifecycle| lifecycle == "deleted");
    found.keys().all(|name| wanted.contains_key(name))
        && wanted.iter().all(|(name, facts)| match found.get(name) {
            Some(found) => found == facts,
            None => is_gone(facts),
        })
}

/// Finds a model that a living writer created and did not delete, but that is missing.
pub(crate) fn lacking<'a>(lower: &'a Models, upper: &Models, found: &Things) -> Option<&'a str> {
    let is_due = |name: &&String| {
        let later = upper.things.get(*name);
        let lifecycle = later.and_then(|facts| facts.get("lifecycle"));
        later.is_some() && lifecycle.is_none_or(|lifecycle| lifecycle == "active")
    };
    let mut due = lower.things.keys().filter(is_due);
    due.find(|name| !found.contains_key(*name)).map(String::as_str)
}

/// Returns the recorded versions of the shared model, each with its creator. With each comes the
/// version (0: none) from which the alias was moved there.
pub(crate) fn recorded(pages: &[(Life, Page)]) -> Vec<(u64, Life, Option<u64>)> {
    let of = |(life, page): &(Life, Page)| {
        let life = *life;
        page.shared().into_iter().map(move |(version, from)| (version, life, from))
    };
    pages.iter().flat_map(of).collect()
}

/// Checks the shared model. Each version was created by one writer and still exists. The alias
/// was moved from each version at most once, and no move was lost.
pub(crate) fn check_shared(
    database: &Database,
    noted: &[(u64, Life, Option<u64>)],
) -> Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    let mut complain = |fault, text: String| complaints.push(Complaint::new(fault, text));
    if noted.is_empty() {
        return Ok(complaints);
    }
    let model = database.registry().model(SHARED)?;
    let versions: BTreeMap<u64, String> = model
        .versions()?
        .into_iter()
        .map(|version| (version.version, version.description.unwrap_or_default()))
        .collect();
    let (mut given, mut left) = (BTreeSet::new(), BTreeSet::new());
    for (version, life, from) in noted {
        if !given.insert(version) {
            complain(Fault::Altered, format!("two writers created version {version}"));
        }
        match versions.get(version) {
            Some(text) if text.starts_with(&format!("{life} ")) => {}
            found => {
                complain(Fault::Lost, format!("version {version} of writer {life} is {found:?}"));
            }
        }
        if from.is_some_and(|from| !left.insert(from)) {
            complain(Fault::Altered, format!("the alias was moved twice from version {from:?}"));
        }
    }
    let champion = model.info()?.aliases.get(CHAMPION).copied().unwrap_or(0);
    if left.contains(&champion) {
        let text = format!("the alias points to version {champion}, from which it was moved");
        complain(Fault::Lost, text);
    }
    if champion > 0 && model.version_by_alias(CHAMPION).is_err() {
        let text = format!("the alias points to version {champion}, which does not exist");
        complain(Fault::Altered, text);
    }
    Ok(complaints)
}
