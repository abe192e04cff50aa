//! Calls that change files, logged models and the registry.

use tracklite::ErrorKind;
use tracklite::artifact::{ArtifactOwner, Artifacts};
use tracklite::logged_model::{LoggedModelMetric, LoggedModelStatus};
use tracklite::registry::RegisteredModel;
use tracklite_fuzz::{Choices, Files, ModelLogged, ModelRegistered, ModelVersionState};

use super::{KEYS, VALUES, World, expect_error};

const NAMES: [&str; 4] = ["churn", "digits", "ml.prod.churn", "\u{3b1}"];
const ALIASES: [&str; 3] = ["champion", "Champion", "c-2"];
const FILES: [&str; 4] = ["a.bin", "model/weights.bin", "model/b.txt", "model"];

/// Returns the bytes of a file. Some files have several chunks, some are equal.
fn bytes(choices: &mut Choices<'_>) -> Vec<u8> {
    let (seed, length) = (choices.byte() % 4, choices.number());
    let length = usize::from(length) * if seed == 3 { 8 } else { 1 };
    (0..length).map(|at| (at / 7) as u8 ^ (at >> 11) as u8 ^ seed).collect()
}

/// Returns whether the path conflicts with a file: one would be a folder of the other.
fn is_conflicting(files: &Files, path: &str) -> bool {
    let is_below =
        |one: &str, other: &str| one.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'));
    files.keys().any(|other| is_below(other, path) || is_below(path, other))
}

fn change_files(
    files: &mut Files,
    artifacts: &Artifacts,
    is_deleted: bool,
    choices: &mut Choices<'_>,
) {
    let path = FILES[choices.below(FILES.len())];
    if choices.byte() < 60 {
        let below = format!("{path}/");
        let is_there = files.keys().any(|known| known == path || known.starts_with(&below));
        let done = artifacts.delete(path);
        if is_deleted {
            return expect_error(done, ErrorKind::InvalidState);
        }
        if !is_there {
            return expect_error(done, ErrorKind::NotFound);
        }
        done.expect("delete files");
        files.retain(|known, _| known != path && !known.starts_with(&below));
        return;
    }
    let bytes = bytes(choices);
    let done = artifacts.log_bytes(&bytes, path);
    if is_deleted {
        expect_error(done, ErrorKind::InvalidState);
    } else if is_conflicting(files, path) {
        expect_error(done, ErrorKind::InvalidInput);
    } else {
        done.expect("log a file");
        files.insert(path.to_owned(), bytes);
    }
}

impl World {
    pub(super) fn change_run_files(&mut self, choices: &mut Choices<'_>) {
        let Some((known, run)) = self.pick_run(choices) else { return };
        change_files(&mut known.files, &run.artifacts(), known.is_deleted, choices);
    }

    pub(super) fn change_logged_model(&mut self, choices: &mut Choices<'_>) {
        let action = choices.below(10);
        if action < 2 || self.model.logged.is_empty() {
            return self.create_logged_model(choices);
        }
        let place = choices.below(self.model.logged.len());
        let experiments = &self.model.experiments;
        let known = &mut self.model.logged[place];
        let model = self.database.logged_model(known.id).expect("find the logged model");
        if action < 4 {
            let done = if action == 2 { model.delete() } else { model.restore() };
            done.expect("change the lifecycle of the logged model");
            known.is_deleted = action == 2;
            return;
        }
        let mut experiments = experiments.iter().filter(|experiment| experiment.is_deleted);
        let is_in_deleted = experiments.any(|experiment| experiment.id == known.experiment);
        let is_deleted = known.is_deleted || is_in_deleted;
        if action == 4 {
            let owner = ArtifactOwner::LoggedModel(known.id);
            let artifacts = self.database.artifacts_of(owner).expect("open its files");
            return change_files(&mut known.files, &artifacts, is_deleted, choices);
        }
        let key = KEYS[choices.below(KEYS.len())].to_owned();
        let value = VALUES[choices.below(VALUES.len())];
        let (status, step) = (LoggedModelStatus::ALL[choices.below(4)], choices.integer());
        let (has_tag, before) = (known.tags.contains_key(&key), known.params.get(&key));
        let is_other = before.is_some_and(|before| before != value);
        let (done, rejection) = match action {
            5 => (model.set_tag(&key, value), None),
            6 => (model.delete_tag(&key), (!has_tag).then_some(ErrorKind::NotFound)),
            7 => {
                let params = [(&key, value)];
                (model.log_params(params), is_other.then_some(ErrorKind::InvalidInput))
            }
            8 => (model.log_metrics([LoggedModelMetric::new(&key, 0.5, step)]), None),
            _ => (model.finalize(status), None),
        };
        if let Some(kind) = is_deleted.then_some(ErrorKind::InvalidState).or(rejection) {
            return expect_error(done, kind);
        }
        done.expect("change the logged model");
        match action {
            5 => drop(known.tags.insert(key, value.to_owned())),
            6 => drop(known.tags.remove(&key)),
            7 => drop(known.params.insert(key, value.to_owned())),
            8 => known.metrics.push((key, step, 0.5_f64.to_bits())),
            _ => known.status = status,
        }
    }

    fn create_logged_model(&mut self, choices: &mut Choices<'_>) {
        let (place, experiment) = self.pick_experiment(choices);
        let (key, value) = (KEYS[choices.below(KEYS.len())], VALUES[choices.below(VALUES.len())]);
        let created = experiment.new_logged_model().param(key, value).tag(key, value).create();
        let experiment = &self.model.experiments[place];
        if experiment.is_deleted {
            return expect_error(created, ErrorKind::InvalidState);
        }
        let pair = || [(key.to_owned(), value.to_owned())].into();
        self.model.logged.push(ModelLogged {
            id: created.expect("create a logged model").id(),
            experiment: experiment.id,
            is_deleted: false,
            status: LoggedModelStatus::Pending,
            params: pair(),
            tags: pair(),
            metrics: Vec::new(),
            files: Files::new(),
        });
    }

    pub(super) fn change_registry(&mut self, choices: &mut Choices<'_>) {
        let action = choices.below(12);
        if action == 0 || self.model.registered.is_empty() {
            return self.create_model(choices);
        }
        let place = choices.below(self.model.registered.len());
        let name = self.model.registered[place].name.clone();
        let model = self.database.registry().model(&name).expect("find the model");
        match action {
            1 => self.rename_model(place, &model, choices),
            2 if choices.byte() < 90 => {
                model.delete().expect("delete the model");
                self.model.registered.remove(place);
            }
            3 => self.delete_version(place, &model, choices),
            4..=6 => self.change_alias(place, &model, choices),
            7 => self.tag_registered(place, &model, choices),
            8 => self.copy_version(place, &model, choices),
            _ => self.create_version(place, &model, choices),
        }
    }

    fn create_model(&mut self, choices: &mut Choices<'_>) {
        let name = NAMES[choices.below(NAMES.len())];
        let created = self.database.registry().create_model(name);
        if self.model.registered.iter().any(|known| known.name == name) {
            return expect_error(created, ErrorKind::AlreadyExists);
        }
        let id = created.expect("create a model").id();
        self.model.registered.push(registered(id, name));
    }

    fn rename_model(&mut self, place: usize, model: &RegisteredModel, choices: &mut Choices<'_>) {
        let name = NAMES[choices.below(NAMES.len())];
        let taken = self.model.registered.iter().position(|known| known.name == name);
        let done = model.rename(name);
        if taken.is_some_and(|other| other != place) {
            return expect_error(done, ErrorKind::AlreadyExists);
        }
        done.expect("rename the model");
        name.clone_into(&mut self.model.registered[place].name);
    }

    /// Creates a version from a run, from a logged model, or from an external source.
    fn create_version(&mut self, place: usize, model: &RegisteredModel, choices: &mut Choices<'_>) {
        let mut source = format!("s3://models/{}", choices.byte());
        let (mut files, mut rejection) = (Files::new(), None);
        match choices.below(3) {
            0 if !self.model.runs.is_empty() => {
                let run = &self.model.runs[choices.below(self.model.runs.len())];
                source = format!("runs:/{}", run.id);
                files = run.files.clone();
            }
            1 if !self.model.logged.is_empty() => {
                let logged = &self.model.logged[choices.below(self.model.logged.len())];
                source = format!("models:/{}", logged.id);
                files = logged.files.clone();
                rejection = logged.is_deleted.then_some(ErrorKind::InvalidState);
            }
            _ => {}
        }
        let mut version = model.new_version(&source);
        if choices.byte() < 64 {
            version = version.run(choices.byte());
        }
        let created = version.create();
        if let Some(kind) = rejection {
            return expect_error(created, kind);
        }
        let known = &mut self.model.registered[place];
        known.last += 1;
        assert_eq!(created.expect("create a version").version(), known.last);
        let version = ModelVersionState { location: source, tags: Default::default(), files };
        known.versions.insert(known.last, version);
    }

    /// Returns the number of an existing or deleted version, or the next number.
    fn pick_version(&self, place: usize, choices: &mut Choices<'_>) -> u64 {
        1 + choices.below(self.model.registered[place].last as usize + 1) as u64
    }

    fn copy_version(&mut self, place: usize, model: &RegisteredModel, choices: &mut Choices<'_>) {
        let number = self.pick_version(place, choices);
        let to = NAMES[choices.below(NAMES.len())];
        let Some(version) = self.model.registered[place].versions.get(&number).cloned() else {
            return expect_error(model.version(number), ErrorKind::NotFound);
        };
        let copied = model.version(number).and_then(|version| version.copy_to(to));
        let copied = copied.expect("copy the version");
        let known = match self.model.registered.iter_mut().find(|known| known.name == to) {
            Some(known) => known,
            None => {
                self.model.registered.push(registered(copied.model_id(), to));
                self.model.registered.last_mut().expect("the pushed model")
            }
        };
        known.last += 1;
        assert_eq!((copied.model_id(), copied.version()), (known.id, known.last));
        known.versions.insert(known.last, version);
    }

    fn delete_version(&mut self, place: usize, model: &RegisteredModel, choices: &mut Choices<'_>) {
        let number = self.pick_version(place, choices);
        let known = &mut self.model.registered[place];
        let done = model.version(number).and_then(|version| version.delete());
        if known.versions.remove(&number).is_none() {
            return expect_error(done, ErrorKind::NotFound);
        }
        done.expect("delete the version");
        known.aliases.retain(|_, named| *named != number);
    }

    /// Sets an alias, moves it by compare-and-set, or deletes it.
    fn change_alias(&mut self, place: usize, model: &RegisteredModel, choices: &mut Choices<'_>) {
        let number = self.pick_version(place, choices);
        let alias = ALIASES[choices.below(ALIASES.len())];
        let known = &mut self.model.registered[place];
        let before = known.aliases.get(alias).copied();
        let expected = if choices.byte() < 60 { Some(2) } else { before };
        let action = choices.below(3);
        if action == 0 {
            model.delete_alias(alias).expect("delete the alias");
            known.aliases.remove(alias);
            return;
        }
        let is_move = action == 1;
        let done = match is_move {
            true => model.move_alias(alias, expected, number),
            false => model.set_alias(alias, number),
        };
        if is_move && expected != before {
            expect_error(done, ErrorKind::Conflict);
        } else if !known.versions.contains_key(&number) {
            expect_error(done, ErrorKind::NotFound);
        } else {
            done.expect("change the alias");
            known.aliases.insert(alias.to_owned(), number);
        }
    }

    /// Sets or deletes a tag of the model or of a version.
    fn tag_registered(&mut self, place: usize, model: &RegisteredModel, choices: &mut Choices<'_>) {
        let number = self.pick_version(place, choices);
        let (key, sets) = (KEYS[choices.below(KEYS.len())], choices.byte() < 160);
        let value = VALUES[choices.below(VALUES.len())];
        let known = &mut self.model.registered[place];
        let (done, tags) = if choices.byte() < 128 {
            let done = if sets { model.set_tag(key, value) } else { model.delete_tag(key) };
            (done, &mut known.tags)
        } else {
            let version = model.version(number);
            let Some(state) = known.versions.get_mut(&number) else {
                return expect_error(version, ErrorKind::NotFound);
            };
            let version = version.expect("find the version");
            let done = if sets { version.set_tag(key, value) } else { version.delete_tag(key) };
            (done, &mut state.tags)
        };
        done.expect("change a tag in the registry");
        match sets {
            true => drop(tags.insert(key.to_owned(), value.to_owned())),
            false => drop(tags.remove(key)),
        }
    }
}

fn registered(id: tracklite::RegisteredModelId, name: &str) -> ModelRegistered {
    ModelRegistered {
        id,
        name: name.to_owned(),
        tags: Default::default(),
        aliases: Default::default(),
        versions: Default::default(),
        last: 0,
    }
}
