//! Searches of experiments, checked by plain code.

use std::cmp::Ordering;

use proptest::prelude::*;
use proptest::sample::select;
use tracklite::{Database, ErrorKind, ExperimentInfo, ExperimentSearch, Lifecycle, Page, View};

use super::is_like;
use crate::common::{TestDatabase, builder, error_message, start_run};

const PATHS: [&str; 7] = ["/a", "/A", "/a/b", "/b_c", "/b%c", "/it's", "/\u{e4}"];
const KEYS: [&str; 2] = ["team", "a b"];
const TEXTS: [&str; 5] = ["", "a", "A", "ab", "it's"];
const PATTERNS: [&str; 6] = ["%", "/a%", "/A", "/_", "%b%", "/b_c"];

#[derive(Clone, Debug)]
enum Clause {
    Name(&'static str, &'static str),
    Id(&'static str, usize),
    IdIn(bool, Vec<usize>),
    /// Whether to compare the creation time, the operator, and the experiment to compare with.
    Time(bool, &'static str, usize),
    Tag(&'static str, &'static str, &'static str),
    TagIsNull(&'static str, bool),
}

fn clause() -> impl Strategy<Value = Clause> {
    let text_operator = || select(vec!["=", "!=", "LIKE", "ilike"]);
    let number_operator = select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let names: Vec<&str> = PATHS.into_iter().chain(PATTERNS).chain(["Default"]).collect();
    prop_oneof![
        (text_operator(), select(names)).prop_map(|(operator, text)| Clause::Name(operator, text)),
        (select(vec!["=", "!="]), 0..9_usize).prop_map(|(operator, id)| Clause::Id(operator, id)),
        (any::<bool>(), prop::collection::vec(0..9_usize, 1..4))
            .prop_map(|(is_in, ids)| Clause::IdIn(is_in, ids)),
        (any::<bool>(), number_operator, 0..9_usize)
            .prop_map(|(created, operator, other)| Clause::Time(created, operator, other)),
        (select(&KEYS[..]), text_operator(), select(&TEXTS[..]))
            .prop_map(|(key, operator, text)| Clause::Tag(key, operator, text)),
        (select(&KEYS[..]), any::<bool>()).prop_map(|(key, is)| Clause::TagIsNull(key, is)),
    ]
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') { '"' } else { '\'' };
    format!("{quote}{text}{quote}")
}

fn text_passes(found: &str, operator: &str, text: &str) -> bool {
    match operator {
        "=" => found == text,
        "!=" => found != text,
        "LIKE" => is_like(text, found),
        _ => is_like(&text.to_ascii_lowercase(), &found.to_ascii_lowercase()),
    }
}

fn time(created: bool, info: &ExperimentInfo) -> i64 {
    if created { info.created.as_millis() } else { info.updated.as_millis() }
}

impl Clause {
    fn text(&self, all: &[ExperimentInfo]) -> String {
        match self {
            Clause::Name(operator, text) => format!("attribute.name {operator} {}", quoted(text)),
            Clause::Id(operator, id) => format!("experiment_id {operator} '{id}'"),
            Clause::IdIn(is_in, ids) => {
                let ids: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
                let operator = if *is_in { "IN" } else { "NOT IN" };
                format!("experiment_id {operator} ({})", ids.join(", "))
            }
            Clause::Time(created, operator, other) => {
                let field = if *created { "creation_time" } else { "attributes.last_update_time" };
                format!("{field} {operator} {}", time(*created, &all[other % all.len()]))
            }
            Clause::Tag(key, operator, text) => {
                format!("tags.`{key}` {operator} {}", quoted(text))
            }
            Clause::TagIsNull(key, is) => {
                format!("tag.\"{key}\" IS {}", if *is { "NULL" } else { "NOT NULL" })
            }
        }
    }

    fn passes(&self, info: &ExperimentInfo, all: &[ExperimentInfo]) -> bool {
        let id = usize::try_from(info.id.get()).unwrap();
        match self {
            Clause::Name(operator, text) => text_passes(&info.path, operator, text),
            Clause::Id(operator, wanted) => (id == *wanted) == (*operator == "="),
            Clause::IdIn(is_in, ids) => ids.contains(&id) == *is_in,
            Clause::Time(created, operator, other) => {
                let other = time(*created, &all[other % all.len()]);
                let ordering = time(*created, info).cmp(&other);
                match *operator {
                    "=" => ordering.is_eq(),
                    "!=" => ordering.is_ne(),
                    "<" => ordering.is_lt(),
                    "<=" => ordering.is_le(),
                    ">" => ordering.is_gt(),
                    _ => ordering.is_ge(),
                }
            }
            Clause::Tag(key, operator, text) => {
                info.tags.get(*key).is_some_and(|found| text_passes(found, operator, text))
            }
            Clause::TagIsNull(key, is) => info.tags.contains_key(*key) != *is,
        }
    }
}

/// Fields of an order, each at most once, and whether the field is descending.
fn order() -> impl Strategy<Value = Vec<(&'static str, bool)>> {
    let fields = vec!["name", "experiment_id", "creation_time", "last_update_time"];
    let chosen = prop::sample::subsequence(fields, 0..4).prop_shuffle();
    chosen.prop_flat_map(|fields| {
        let count = fields.len();
        (Just(fields), prop::collection::vec(any::<bool>(), count))
            .prop_map(|(fields, directions)| fields.into_iter().zip(directions).collect())
    })
}

fn compare(left: &ExperimentInfo, right: &ExperimentInfo, order: &[(&str, bool)]) -> Ordering {
    let by = |field: &str| match field {
        "name" => left.path.cmp(&right.path),
        "experiment_id" => left.id.cmp(&right.id),
        "creation_time" => left.created.as_millis().cmp(&right.created.as_millis()),
        _ => left.updated.as_millis().cmp(&right.updated.as_millis()),
    };
    if order.is_empty() {
        return by("creation_time").reverse().then(by("experiment_id"));
    }
    let orderings = order.iter().map(
        |(field, descending)| {
            if *descending { by(field).reverse() } else { by(field) }
        },
    );
    orderings.fold(Ordering::Equal, Ordering::then).then(by("experiment_id").reverse())
}

/// An experiment to create: path, tags, and whether it is deleted.
type NewExperiment = (&'static str, Vec<(&'static str, &'static str)>, bool);

fn new_experiment() -> impl Strategy<Value = NewExperiment> {
    let tag = (select(&KEYS[..]), select(&TEXTS[..]));
    (select(&PATHS[..]), prop::collection::vec(tag, 0..3), any::<bool>())
}

fn create(database: &Database, experiments: &[NewExperiment]) {
    for (path, tags, is_deleted) in experiments {
        // An experiment that is already deleted cannot be changed.
        let Ok(experiment) = database.experiment(path) else { continue };
        for (key, text) in tags {
            experiment.set_tag(key, text).unwrap();
        }
        // Wait so that not all times are equal.
        std::thread::sleep(std::time::Duration::from_micros(400));
        if *is_deleted {
            experiment.delete().unwrap();
        }
    }
}

/// Returns the ids from all pages of a search, with at most `results` experiments a page.
fn all_pages(database: &Database, search: &ExperimentSearch, results: usize) -> Vec<u64> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let search = search.clone().max_results(results).page_token(&token);
        let Page { items, next_page_token, .. } = database.search_experiments(&search).unwrap();
        assert!(items.len() <= results);
        found.extend(items.iter().map(|info| info.id.get()));
        match next_page_token {
            Some(next) => token = next,
            None => return found,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(super::cases() / 4)
    })]

    #[test]
    fn searches_find_the_same_experiments_as_plain_code(
        experiments in prop::collection::vec(new_experiment(), 0..10),
        queries in prop::collection::vec(
            (prop::collection::vec(clause(), 0..3), order(), 0..3_usize, 1..5_usize),
            1..16,
        ),
    ) {
        let database = TestDatabase::build(builder().background(false));
        create(&database, &experiments);
        let all = database.experiments().unwrap();
        for (clauses, order, view, results) in queries {
            let view = [View::ActiveOnly, View::DeletedOnly, View::All][view];
            let texts: Vec<String> = clauses.iter().map(|clause| clause.text(&all)).collect();
            let filter = texts.join(" and ");
            let mut search = ExperimentSearch::new().filter(&filter).view(view);
            for (field, descending) in &order {
                let direction = if *descending { " DESC" } else { "" };
                search = search.order_by(format!("{field}{direction}"));
            }
            let mut wanted: Vec<&ExperimentInfo> = all
                .iter()
                .filter(|info| match view {
                    View::ActiveOnly => info.lifecycle == Lifecycle::Active,
                    View::DeletedOnly => info.lifecycle == Lifecycle::Deleted,
                    View::All => true,
                })
                .filter(|info| clauses.iter().all(|clause| clause.passes(info, &all)))
                .collect();
            wanted.sort_by(|left, right| compare(left, right, &order));
            let wanted: Vec<u64> = wanted.iter().map(|info| info.id.get()).collect();
            let found = all_pages(&database, &search, results);
            prop_assert_eq!(found, wanted, "{} {:?} {:?}", filter, order, view);
        }
    }
}

/// Creates two experiments next to the default one, with the index in a folder.
fn three_experiments() -> TestDatabase {
    let database = TestDatabase::build(Database::builder().create(true));
    for path in ["/a", "/b"] {
        database.experiment(path).unwrap();
    }
    database
}

fn ids(page: &Page<ExperimentInfo>) -> Vec<u64> {
    page.items.iter().map(|info| info.id.get()).collect()
}

fn two_by_id() -> ExperimentSearch {
    ExperimentSearch::new().order_by("experiment_id").max_results(2)
}

#[test]
fn a_page_token_leads_to_the_next_page_of_experiments() {
    let database = three_experiments();
    let search = two_by_id();
    let page = database.search_experiments(&search).unwrap();
    assert_eq!(ids(&page), [0, 1]);
    let token = page.next_page_token.unwrap();
    let next = database.search_experiments(&search.clone().page_token(&token)).unwrap();
    assert_eq!((ids(&next), next.next_page_token), (vec![2], None));

    // MLflow's own token, {"offset": 1}, and one beyond the end, {"offset": 9}.
    let theirs = search.clone().page_token("eyJvZmZzZXQiOiAxfQ==");
    assert_eq!(ids(&database.search_experiments(&theirs).unwrap()), [1, 2]);
    let beyond = search.page_token("eyJvZmZzZXQiOiA5fQ==");
    assert_eq!(ids(&database.search_experiments(&beyond).unwrap()), [0; 0]);
}

#[test]
fn forged_page_tokens_and_tokens_of_another_search_of_experiments_are_rejected() {
    let database = three_experiments();
    let search = two_by_id();
    let token = database.search_experiments(&search).unwrap().next_page_token.unwrap();
    let rejection = |search: ExperimentSearch| {
        error_message(database.search_experiments(&search), ErrorKind::InvalidInput)
    };
    let message = rejection(ExperimentSearch::new().order_by("name").page_token(&token));
    assert!(message.contains("another query"), "{message}");
    rejection(search.clone().filter("name = 'a'").page_token(&token));
    rejection(search.clone().view(View::All).page_token(&token));
    rejection(search.page_token("x"));

    let runs = tracklite::RunSearch::new().max_results(1);
    for name in ["one", "two"] {
        start_run(&database, name);
    }
    let token = database.search_runs(&runs).unwrap().next_page_token.unwrap();
    rejection(ExperimentSearch::new().max_results(1).page_token(token));
}

#[test]
fn the_number_of_experiments_must_be_between_1_and_50_000() {
    let database = three_experiments();
    for bad in [0, 50_001, usize::MAX] {
        let search = ExperimentSearch::new().max_results(bad);
        let error = database.search_experiments(&search).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let rule = if bad == 0 { "a positive integer" } else { "at most 50000" };
        assert!(error.to_string().contains(rule), "{error}");
    }
}

#[test]
fn invalid_filters_and_orders_of_experiments_are_rejected() {
    let database = three_experiments();
    for (filter, order, hint) in [
        ("nam = 'a'", "name", "name"),
        ("metrics.loss > 1", "name", "metrics"),
        ("experiment_id = 1", "name", "experiment_id"),
        ("creation_time > 1.5", "name", "1.5"),
        ("name = 'a'", "tags.team", "tags"),
        ("name = 'a'", "name, experiment_id", "name"),
    ] {
        let search = ExperimentSearch::new().filter(filter).order_by(order);
        let error = database.search_experiments(&search).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{filter} {order}");
        let text = error.to_string();
        assert!(text.contains(hint) && text.contains('^'), "{text}");
        assert!(error.path().is_some());
    }
}
