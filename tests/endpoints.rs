//! Endpoints: their configurations, conflicts, followed aliases, rules and copies.

#[path = "endpoints/copies.rs"]
mod copies;
#[path = "endpoints/requests.rs"]
mod requests;

use std::sync::Barrier;

use tracklite::endpoint::{
    EndpointCapture, EndpointGrant, EndpointInfo, EndpointLevel, EndpointLimits, EndpointPrincipal,
    EndpointRateLimit, EndpointSettings, EndpointSize, EndpointSpec, Endpoints, RateScope,
    ServedModel,
};
use tracklite::{Database, ErrorKind, Timestamp};

use crate::common::{TestDatabase, error_kind, error_message, open_quietly, open_read_only};

/// Creates the model `churn` with this many versions.
fn with_versions(database: &Database, versions: u64) {
    let model = database.registry().create_model("churn").unwrap();
    for version in 1..=versions {
        model.new_version(&format!("s3://models/churn/{version}")).create().unwrap();
    }
}

fn serving(version: u64) -> EndpointSpec {
    EndpointSpec::new().serve(ServedModel::version("churn", version))
}

fn following() -> EndpointSpec {
    EndpointSpec::new().serve(ServedModel::alias("churn", "champion"))
}

fn point_to(database: &Database, version: u64) {
    database.registry().set_alias("churn", "champion", version).unwrap();
}

/// Returns the versions that the active configuration serves.
fn active(info: &EndpointInfo) -> Vec<u64> {
    let active = info.state.active().unwrap();
    active.entities.iter().map(|entity| entity.version).collect()
}

#[test]
fn an_endpoint_keeps_all_its_fields() {
    let database = TestDatabase::quiet();
    with_versions(&database, 2);
    point_to(&database, 2);
    let limits =
        EndpointLimits { timeout_ms: 5000, waiting: 7, workers: 3, ..EndpointLimits::default() };
    let first = ServedModel::version("churn", 1).size(EndpointSize::Large).scale_to_zero(true);
    let spec = EndpointSpec::new()
        .serve(first)
        .serve(ServedModel::alias("churn", "champion").name("best"))
        .route("churn-1", 90)
        .route("best", 10)
        .limits(limits)
        .description("who leaves")
        .tag("team", "growth");
    let before = Timestamp::now();
    let created = database.endpoints().acting_for("ada").create("churn-predictor", &spec).unwrap();
    assert_eq!((created.name.as_str(), created.creator.as_str()), ("churn-predictor", "ada"));
    assert!(before <= created.created && created.created == created.updated);
    assert_eq!((created.author.as_str(), created.revision), ("ada", 1));
    assert_eq!(created.state.description.as_deref(), Some("who leaves"));
    assert_eq!(created.state.tags["team"], "growth");
    assert_eq!((created.state.active, created.state.pending), (None, Some(1)));
    let config = created.state.pending().unwrap();
    assert_eq!((config.number, config.author.as_str(), config.is_followed), (1, "ada", false));
    assert_eq!(config.limits, limits);
    let [one, best] = &config.entities[..] else { panic!("{config:?}") };
    assert_eq!((one.name.as_str(), one.version, &one.alias), ("churn-1", 1, &None));
    assert_eq!((one.size, one.scale_to_zero), (EndpointSize::Large, true));
    assert_eq!((best.name.as_str(), best.version), ("best", 2));
    assert_eq!((best.model_name.as_str(), best.alias.as_deref()), ("churn", Some("champion")));
    let routes = config.routes.iter().map(|route| (route.entity.as_str(), route.percent));
    assert_eq!(routes.collect::<Vec<_>>(), [("churn-1", 90), ("best", 10)]);
    let database = database.reopen();
    assert_eq!(database.endpoints().get("churn-predictor").unwrap(), created);
    assert_eq!(database.endpoints().list().unwrap(), [created]);
}

#[test]
fn the_endpoint_of_a_model_is_made_once() {
    let database = TestDatabase::quiet();
    with_versions(&database, 2);
    point_to(&database, 1);
    let endpoints = database.endpoints();
    let address = "models:/churn@champion";
    let made = endpoints.ensure(ServedModel::at(address).unwrap()).unwrap();
    assert_eq!((made.name.as_str(), made.revision), ("churn-champion", 1));
    point_to(&database, 2);
    assert_eq!(endpoints.ensure(ServedModel::at(address).unwrap()).unwrap(), made);
    endpoints.create("churn-2", &serving(1)).unwrap();
    let other = endpoints.ensure(ServedModel::at("models:/churn/2").unwrap());
    assert_eq!(error_kind(other), ErrorKind::AlreadyExists);
    for bad in ["churn", "models:/churn/latest", "models:/churn/1/MLmodel", "runs:/x/model"] {
        assert_eq!(ServedModel::at(bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
    }
}

#[test]
fn settings_are_changed_beside_the_configuration() {
    let database = TestDatabase::quiet();
    with_versions(&database, 1);
    let endpoints = database.endpoints();
    let made = endpoints.create("a", &serving(1).tag("team", "growth")).unwrap();
    let grant = EndpointGrant {
        principal: EndpointPrincipal::User("bob".to_owned()),
        level: EndpointLevel::Query,
    };
    let limit = EndpointRateLimit { calls: 5, scope: RateScope::EachUser };
    let capture = EndpointCapture {
        catalog: "ml".to_owned(),
        schema: "live".to_owned(),
        prefix: None,
        is_enabled: true,
        percent: 10,
        is_durable: false,
        is_legacy: false,
    };
    let settings = EndpointSettings::new()
        .description("new")
        .tag("cost", "low")
        .without_tag("team")
        .grants(vec![grant.clone()])
        .rate_limits(vec![limit.clone()])
        .capture(Some(capture.clone()));
    let set = endpoints.set("a", &settings, Some(made.revision)).unwrap();
    let state = &set.state;
    assert_eq!((state.description.as_deref(), state.tags.len()), (Some("new"), 1));
    assert_eq!((state.tags["cost"].as_str(), &state.grants[..]), ("low", &[grant][..]));
    assert_eq!((&state.rate_limits[..], &state.capture), (&[limit][..], &Some(capture)));
    assert_eq!((state.pending, set.revision), (Some(1), made.revision + 1));
    // The same again writes nothing, and what is not named stays.
    assert_eq!(endpoints.set("a", &settings, None).unwrap(), set);
    let cleared = EndpointSettings::new().description("").capture(None);
    let cleared = endpoints.set("a", &cleared, None).unwrap();
    assert_eq!((cleared.state.description, cleared.state.capture), (None, None));
    assert_eq!(cleared.state.grants, set.state.grants);
    let late = endpoints.set("a", &EndpointSettings::new().tag("x", "y"), Some(made.revision));
    assert_eq!(error_kind(late), ErrorKind::Conflict);
    assert_eq!(error_kind(endpoints.set("b", &settings, None)), ErrorKind::NotFound);
    let blank = EndpointSettings::new().tag(" ", "y");
    assert_eq!(error_kind(endpoints.set("a", &blank, None)), ErrorKind::InvalidInput);
    let database = database.reopen();
    assert_eq!(database.endpoints().get("a").unwrap().state.rate_limits, set.state.rate_limits);
}

#[test]
fn the_active_configuration_stays_until_the_next_one_is_loaded() {
    let database = TestDatabase::quiet();
    with_versions(&database, 3);
    let endpoints = database.endpoints();
    endpoints.create("a", &serving(1)).unwrap();
    let loaded = endpoints.end_update("a", 1, Ok(())).unwrap();
    assert_eq!((active(&loaded), loaded.state.pending), (vec![1], None));
    let begun = endpoints.update("a", &serving(2), None).unwrap();
    assert_eq!((active(&begun), begun.state.pending), (vec![1], Some(2)));
    let failed = endpoints.end_update("a", 2, Err("out of memory")).unwrap();
    assert_eq!((active(&failed), failed.state.pending), (vec![1], None));
    assert_eq!(failed.state.failure.as_deref(), Some("out of memory"));
    // A number is not used again after a failure.
    let begun = endpoints.update("a", &serving(3), None).unwrap();
    assert_eq!((begun.state.pending, begun.state.failure.as_deref()), (Some(3), None));
    let loaded = endpoints.end_update("a", 3, Ok(())).unwrap();
    assert_eq!((active(&loaded), loaded.revision), (vec![3], 6));
}

#[test]
fn one_update_at_a_time_and_only_the_pending_one_ends() {
    let database = TestDatabase::quiet();
    with_versions(&database, 2);
    let endpoints = database.endpoints();
    let created = endpoints.acting_for("ada \"x\"").create("a", &serving(1)).unwrap();
    let message = error_message(endpoints.update("a", &serving(2), None), ErrorKind::Conflict);
    let began = format!("\"ada \\\"x\\\"\" began at {}", created.updated);
    assert!(message.contains(&began), "{message}");
    let message = error_message(endpoints.end_update("a", 2, Ok(())), ErrorKind::Conflict);
    assert!(message.contains("configuration 2") && message.contains("configuration 1 is"));
    endpoints.end_update("a", 1, Ok(())).unwrap();
    let message = error_message(endpoints.end_update("a", 1, Ok(())), ErrorKind::Conflict);
    assert!(message.contains("none is"), "{message}");
    let late = endpoints.update("a", &serving(2), Some(created.revision));
    let message = error_message(late, ErrorKind::Conflict);
    assert!(message.contains("saved revision 2") && message.contains("expected revision 1"));
    assert_eq!(error_kind(endpoints.delete("a", Some(1))), ErrorKind::Conflict);
    endpoints.update("a", &serving(2), Some(2)).unwrap();
}

#[test]
fn an_endpoint_follows_an_alias() {
    let database = TestDatabase::quiet();
    with_versions(&database, 4);
    point_to(&database, 1);
    let endpoints = database.endpoints();
    let created = endpoints.create("a", &following()).unwrap();
    assert_eq!(created.state.pending().unwrap().entities[0].name, "churn-champion");
    endpoints.create("b", &serving(1)).unwrap();
    point_to(&database, 2);
    // Nothing is followed while an update is pending.
    assert_eq!(endpoints.follow().unwrap(), []);
    endpoints.end_update("a", 1, Ok(())).unwrap();
    endpoints.end_update("b", 1, Ok(())).unwrap();
    let followed = endpoints.acting_for("server").follow().unwrap();
    let [info] = &followed[..] else { panic!("{followed:?}") };
    let pending = info.state.pending().unwrap();
    assert_eq!((info.name.as_str(), active(info), pending.number), ("a", vec![1], 2));
    assert_eq!((pending.is_followed, pending.author.as_str()), (true, "server"));
    assert_eq!(
        (pending.entities[0].version, pending.entities[0].name.as_str()),
        (2, "churn-champion")
    );
    assert_eq!(pending.routes, created.state.pending().unwrap().routes);
    let loaded = endpoints.end_update("a", 2, Ok(())).unwrap();
    assert_eq!((active(&loaded), endpoints.follow().unwrap()), (vec![2], vec![]));

    // A version that cannot be loaded is not tried again, but the next one is.
    point_to(&database, 3);
    assert_eq!(endpoints.follow().unwrap().len(), 1);
    endpoints.end_update("a", 3, Err("it is broken")).unwrap();
    assert_eq!(endpoints.follow().unwrap(), []);
    point_to(&database, 4);
    assert_eq!(endpoints.follow().unwrap()[0].state.pending().unwrap().entities[0].version, 4);
    // An update does not wait for an alias.
    let begun = endpoints.update("a", &serving(1), None).unwrap();
    assert_eq!((active(&begun), begun.state.pending), (vec![2], Some(5)));
    endpoints.end_update("a", 5, Ok(())).unwrap();
    assert_eq!(endpoints.follow().unwrap(), []);
}

#[test]
fn an_alias_back_to_an_earlier_version_is_followed() {
    let database = TestDatabase::quiet();
    with_versions(&database, 2);
    point_to(&database, 1);
    let endpoints = database.endpoints();
    endpoints.create("a", &following()).unwrap();
    endpoints.end_update("a", 1, Ok(())).unwrap();
    for (number, version) in [(2, 2), (3, 1), (4, 2)] {
        point_to(&database, version);
        assert_eq!(endpoints.follow().unwrap()[0].state.pending, Some(number));
        assert_eq!(active(&endpoints.end_update("a", number, Ok(())).unwrap()), [version]);
    }
    // A deleted alias, and a renamed model, change nothing.
    database.registry().model("churn").unwrap().rename("leavers").unwrap();
    database.registry().model("leavers").unwrap().delete_alias("champion").unwrap();
    assert_eq!(endpoints.follow().unwrap(), []);
}

#[test]
fn only_some_earlier_configurations_are_kept() {
    let database = TestDatabase::quiet();
    with_versions(&database, 1);
    let endpoints = database.endpoints();
    endpoints.create("a", &serving(1)).unwrap();
    endpoints.end_update("a", 1, Ok(())).unwrap();
    for number in 2..=30 {
        endpoints.update("a", &serving(1), None).unwrap();
        // The first one stays active, so that it must be kept.
        endpoints.end_update("a", number, Err("no")).unwrap();
    }
    let state = endpoints.get("a").unwrap().state;
    let numbers: Vec<u64> = state.configs.iter().map(|config| config.number).collect();
    assert_eq!(numbers, [1, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
    assert_eq!(state.active().unwrap().number, 1);
}

#[test]
fn a_deleted_endpoint_is_gone_and_its_revisions_are_not_used_again() {
    let database = TestDatabase::quiet();
    with_versions(&database, 1);
    let endpoints = database.endpoints();
    let first = endpoints.create("gone", &serving(1)).unwrap();
    endpoints.delete("gone", Some(1)).unwrap();
    assert_eq!(endpoints.list().unwrap(), []);
    for name in ["gone", "never", ""] {
        let message = error_message(endpoints.get(name), ErrorKind::NotFound);
        assert!(message.contains(&format!("'{name}' does not exist")), "{message}");
        assert_eq!(error_kind(endpoints.delete(name, None)), ErrorKind::NotFound);
        assert_eq!(error_kind(endpoints.update(name, &serving(1), None)), ErrorKind::NotFound);
        assert_eq!(error_kind(endpoints.end_update(name, 1, Ok(()))), ErrorKind::NotFound);
    }
    let again = endpoints.create("gone", &serving(1)).unwrap();
    assert_eq!((again.revision, again.state.pending), (3, Some(1)));
    assert_ne!(again.id, first.id);
    let database = database.reopen();
    assert_eq!(database.endpoints().get("gone").unwrap(), again);
}

#[test]
fn one_of_several_servers_ends_an_update() {
    const SERVERS: usize = 4;
    const ROUNDS: u64 = 10;
    let database = TestDatabase::quiet();
    with_versions(&database, 2);
    point_to(&database, 1);
    database.endpoints().create("shared", &following()).unwrap();
    let handles: Vec<Database> = (0..SERVERS).map(|_| open_quietly(database.path())).collect();
    let barrier = Barrier::new(SERVERS);
    let server = |number: usize, handle: &Database| {
        let round = |round| {
            barrier.wait();
            let ended = succeeded(handle.endpoints().end_update("shared", round, Ok(())));
            if barrier.wait().is_leader() {
                point_to(handle, 1 + round % 2);
            }
            barrier.wait();
            let followed = handle.endpoints().acting_for(&format!("{number}")).follow().unwrap();
            (ended, followed.len())
        };
        let found: Vec<(usize, usize)> = (1..=ROUNDS).map(round).collect();
        found.into_iter().fold((0, 0), |sum, (ended, begun)| (sum.0 + ended, sum.1 + begun))
    };
    let found: Vec<(usize, usize)> = std::thread::scope(|scope| {
        let servers = handles.iter().enumerate();
        let servers: Vec<_> =
            servers.map(|(number, handle)| scope.spawn(move || server(number, handle))).collect();
        servers.into_iter().map(|server| server.join().unwrap()).collect()
    });
    let rounds = usize::try_from(ROUNDS).unwrap();
    assert_eq!(found.iter().map(|(ended, _)| ended).sum::<usize>(), rounds);
    assert_eq!(found.iter().map(|(_, begun)| begun).sum::<usize>(), rounds);
}

fn succeeded(result: tracklite::Result<EndpointInfo>) -> usize {
    match result {
        Ok(_) => 1,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            0
        }
    }
}

#[test]
fn bad_input_changes_nothing() {
    let database = TestDatabase::quiet();
    with_versions(&database, 1);
    let endpoints = database.endpoints();
    let kept = endpoints.create("a", &serving(1)).unwrap();
    let refused = |endpoints: &Endpoints, name: &str, spec: &EndpointSpec, kind| {
        assert_eq!(error_kind(endpoints.create(name, spec)), kind, "{name} {spec:?}");
    };
    refused(&endpoints, "a", &serving(1), ErrorKind::AlreadyExists);
    for name in ["", "a b", "a.b", &"n".repeat(64)] {
        refused(&endpoints, name, &serving(1), ErrorKind::InvalidInput);
    }
    refused(&endpoints, "b", &serving(2), ErrorKind::NotFound);
    let unknown = EndpointSpec::new().serve(ServedModel::version("nothing", 1));
    refused(&endpoints, "b", &unknown, ErrorKind::NotFound);
    refused(&endpoints, "b", &following(), ErrorKind::InvalidInput);
    let two = serving(1).serve(ServedModel::version("churn", 1));
    let named = serving(1).serve(ServedModel::version("churn", 1).name("b"));
    for spec in [
        EndpointSpec::new(),
        serving(1).route("churn-1", 99),
        serving(1).route("b", 100),
        two.route("churn-1", 100),
        named,
        serving(1).limits(EndpointLimits { timeout_ms: 0, ..EndpointLimits::default() }),
        serving(1).description("x".repeat(5000)),
        serving(1).tag(" ", "value"),
        serving(1).tag("key", "x".repeat(5000)),
    ] {
        refused(&endpoints, "b", &spec, ErrorKind::InvalidInput);
    }
    for user in ["", "a\u{0}b", &"u".repeat(256)] {
        refused(&endpoints.acting_for(user), "b", &serving(1), ErrorKind::InvalidInput);
        assert_eq!(error_kind(endpoints.acting_for(user).follow()), ErrorKind::InvalidInput);
    }
    assert_eq!(endpoints.list().unwrap(), [kept]);
}

#[test]
fn a_version_without_all_its_files_is_not_served() {
    let database = TestDatabase::quiet();
    let model = database.registry().create_model("churn").unwrap();
    let version = model.new_version("s3://models/churn").files_follow().create().unwrap();
    let message =
        error_message(database.endpoints().create("a", &serving(1)), ErrorKind::InvalidState);
    assert!(message.contains("PENDING_REGISTRATION, expected READY"), "{message}");
    version.artifacts().log_text("x", "MLmodel").unwrap();
    version.finalize(None).unwrap();
    database.endpoints().create("a", &serving(1)).unwrap();
}

#[test]
fn a_read_only_handle_changes_no_endpoint() {
    let database = TestDatabase::quiet();
    with_versions(&database, 2);
    point_to(&database, 1);
    database.endpoints().create("a", &following()).unwrap();
    let loaded = database.endpoints().end_update("a", 1, Ok(())).unwrap();
    let reader = open_read_only(database.path());
    assert_eq!(reader.endpoints().get("a").unwrap(), loaded);
    assert_eq!(reader.endpoints().follow().unwrap(), []);
    point_to(&database, 2);
    assert_eq!(error_kind(reader.endpoints().follow()), ErrorKind::ReadOnly);
    assert_eq!(error_kind(reader.endpoints().delete("a", None)), ErrorKind::ReadOnly);
    let update = reader.endpoints().update("a", &serving(2), None);
    assert_eq!(error_kind(update), ErrorKind::ReadOnly);
}

#[test]
fn a_change_of_an_endpoint_is_one_of_the_registry() {
    let database = TestDatabase::quiet();
    with_versions(&database, 1);
    let seen = database.changes(None).unwrap().cursor;
    database.endpoints().create("a", &serving(1)).unwrap();
    let changes = database.changes(Some(&seen)).unwrap();
    assert!(changes.registry && !changes.runs && !changes.points);
}
