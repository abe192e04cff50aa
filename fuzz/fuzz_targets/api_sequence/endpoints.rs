//! Calls that create, change and delete endpoints.

use tracklite::ErrorKind;
use tracklite::endpoint::{EndpointInfo, EndpointSpec, ServedModel};
use tracklite_fuzz::{Choices, ModelEndpoint};

use super::{World, expect_error};

const NAMES: [&str; 3] = ["churn-endpoint", "b_2", "no good"];
const SHARES: [u32; 4] = [100, 100, 100, 99];

impl World {
    pub(super) fn change_endpoints(&mut self, choices: &mut Choices<'_>) {
        let name = NAMES[choices.below(NAMES.len())];
        let known = self.model.endpoints.get(name).cloned().unwrap_or_default();
        let action = choices.below(6);
        let Some(before) = known.saved else { return self.create_endpoint(name, choices) };
        match (action, before.state.pending) {
            (0, _) => {
                self.database.endpoints().delete(name, None).expect("delete an endpoint");
                let known = self.known_endpoint(name);
                (known.revision, known.saved) = (known.revision + 1, None);
            }
            (1, _) => {
                let late = self.database.endpoints().delete(name, Some(before.revision + 1));
                expect_error(late, ErrorKind::Conflict);
            }
            (2, Some(config)) => self.end_update(&before, config, Err("broken")),
            (3, Some(config)) => {
                let wrong = self.database.endpoints().end_update(name, config + 1, Ok(()));
                expect_error(wrong, ErrorKind::Conflict);
            }
            (_, Some(config)) => self.end_update(&before, config, Ok(())),
            (_, None) => self.update_endpoint(&before, choices),
        }
    }

    fn known_endpoint(&mut self, name: &str) -> &mut ModelEndpoint {
        self.model.endpoints.entry(name.to_owned()).or_default()
    }

    /// Returns a specification, and the kind of error that it causes, if any.
    fn drawn_spec(&self, choices: &mut Choices<'_>) -> (EndpointSpec, Option<ErrorKind>) {
        let share = SHARES[choices.below(SHARES.len())];
        let known = &self.model.registered;
        let drawn = (!known.is_empty()).then(|| &known[choices.below(known.len())]);
        let version = 1 + choices.below(3) as u64;
        let (model, exists) = match drawn {
            Some(model) => (model.name.as_str(), model.versions.contains_key(&version)),
            None => ("missing", false),
        };
        let spec = EndpointSpec::new().serve(ServedModel::version(model, version).name("served"));
        let error = match (exists, share) {
            (false, _) => Some(ErrorKind::NotFound),
            (true, 100) => None,
            (true, _) => Some(ErrorKind::InvalidInput),
        };
        (spec.route("served", share), error)
    }

    fn create_endpoint(&mut self, name: &str, choices: &mut Choices<'_>) {
        let (spec, error) = self.drawn_spec(choices);
        let created = self.database.endpoints().create(name, &spec);
        if name == NAMES[2] {
            return expect_error(created, ErrorKind::InvalidInput);
        }
        if let Some(kind) = error {
            return expect_error(created, kind);
        }
        let created = created.expect("create an endpoint");
        let known = self.known_endpoint(name);
        known.revision += 1;
        assert_eq!((created.revision, created.state.pending), (known.revision, Some(1)));
        known.saved = Some(created);
        let again = self.database.endpoints().create(name, &spec);
        expect_error(again, ErrorKind::AlreadyExists);
    }

    fn update_endpoint(&mut self, before: &EndpointInfo, choices: &mut Choices<'_>) {
        let (spec, error) = self.drawn_spec(choices);
        let updated = self.database.endpoints().update(&before.name, &spec, None);
        if let Some(kind) = error {
            return expect_error(updated, kind);
        }
        let updated = updated.expect("update an endpoint");
        let newest = before.state.newest().expect("an endpoint has a configuration").number;
        assert_eq!(updated.state.pending, Some(newest + 1));
        assert_eq!((updated.state.active, updated.id), (before.state.active, before.id));
        self.save_endpoint(updated);
    }

    fn end_update(&mut self, before: &EndpointInfo, config: u64, outcome: Result<(), &str>) {
        let ended = self.database.endpoints().end_update(&before.name, config, outcome);
        let ended = ended.expect("end an update");
        let active = if outcome.is_ok() { Some(config) } else { before.state.active };
        assert_eq!((ended.state.active, ended.state.pending), (active, None));
        assert_eq!(ended.state.failure.as_deref(), outcome.err());
        self.save_endpoint(ended);
    }

    fn save_endpoint(&mut self, saved: EndpointInfo) {
        let known = self.known_endpoint(&saved.name.clone());
        known.revision += 1;
        assert_eq!(saved.revision, known.revision);
        known.saved = Some(saved);
    }
}
