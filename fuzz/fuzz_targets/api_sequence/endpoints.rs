//! Calls that create, change and delete endpoints.

use tracklite::ErrorKind;
use tracklite::endpoint::{
    EndpointCapture, EndpointInfo, EndpointLimits, EndpointRateLimit, EndpointSettings,
    EndpointSpec, RateScope, ServedModel, ServingLane,
};
use tracklite_fuzz::{Choices, ModelEndpoint};

use super::{World, expect_error};

const NAMES: [&str; 3] = ["churn-endpoint", "b_2", "no good"];
const SHARES: [u32; 4] = [100, 100, 100, 99];

impl World {
    pub(super) fn change_endpoints(&mut self, choices: &mut Choices<'_>) {
        let name = NAMES[choices.below(NAMES.len())];
        let known = self.model.endpoints.get(name).cloned().unwrap_or_default();
        let action = choices.below(8);
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
            (6 | 7, _) => self.set_endpoint(&before, choices),
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
        let lane = match choices.below(3) {
            0 => ServingLane::Auto,
            1 => ServingLane::Exact,
            _ => ServingLane::Native,
        };
        let served = ServedModel::version(model, version).lane(lane);
        let mut spec = EndpointSpec::new().serve(served.clone().name("served"));
        if choices.below(3) == 1 {
            spec = spec.serve(served.name("shadow").shadow(true).variable("REGION", "eu"));
        }
        let spec = spec.limits(EndpointLimits {
            timeout_ms: 1 + u32::from(choices.byte()),
            idle_ms: u32::from(choices.byte()),
            ..EndpointLimits::default()
        });
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

    /// Sets the limits of the rate and the table of requests, or settings that are refused.
    fn set_endpoint(&mut self, before: &EndpointInfo, choices: &mut Choices<'_>) {
        let calls = u64::from(choices.byte());
        let limits = vec![EndpointRateLimit { calls, scope: RateScope::Endpoint }];
        let percent = u32::from(choices.byte());
        let capture = (percent > 0).then(|| EndpointCapture {
            catalog: "ml".to_owned(),
            schema: "live".to_owned(),
            prefix: None,
            is_enabled: choices.below(2) == 0,
            percent,
            is_durable: choices.below(2) == 0,
            is_legacy: choices.below(2) == 0,
        });
        let settings = EndpointSettings::new().rate_limits(limits.clone()).capture(capture.clone());
        let set = self.database.endpoints().set(&before.name, &settings, Some(before.revision));
        if percent > 100 {
            return expect_error(set, ErrorKind::InvalidInput);
        }
        let set = set.expect("set an endpoint");
        assert_eq!((&set.state.rate_limits, &set.state.capture), (&limits, &capture));
        let mut wanted = before.state.clone();
        (wanted.rate_limits, wanted.capture) = (limits, capture);
        match set.revision == before.revision {
            true => assert_eq!(&set, before),
            false => {
                assert_eq!(set.state, wanted);
                self.save_endpoint(set);
            }
        }
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
