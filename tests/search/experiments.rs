//! Searching experiments: each answer is compared with one that is worked out by plain code.

use std::cmp::Ordering;

use proptest::prelude::*;
use proptest::sample::select;
use tracklite::{
    Database, ErrorKind, ExperimentInfo, ExperimentSearch, IndexPlace, Lifecycle, Page, View,
};

use super::is_like;

const PATHS: [&str; 7] = ["/a", "/A", "/a/b", "/b_c", "/b%c", "/it's", "/\u{e4}"];
const KEYS: [&str; 2] = ["team", "a b"];
const TEXTS: [&str; 5] = ["", "a", "A", "ab", "it's"];
const PATTERNS: [&str; 6] = ["%", "/a%", "/A", "/_", "%b%", "/b_c"];

#[derive(Clone, Debug)]
enum Clause {
    Name(&'static str, &'static str),
    Id(&'static str, usize),
    IdIn(bool, Vec<usize>),
    /// Whether it is the time of creation, the operator, and whose time is meant.
    Time(bool, &'static str, usize),
    Tag(&'static str, &'static str, &'static str),
    TagIsNull(&'static str, bool),
}

fn clause() -> impl Strategy<Value = Clause> {
    let text_operator = || select(vec!["=", "!=", "LIKE", "ilike"]);
    let number_operator = select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let names: Vec<&str> = PATHS.into_iter().chain(PATTERNS).chain(["Default"]).collect();
    prop_oneof![
        (text_operator(), select(names)).prop_map(|(how, text)| Clause::Name(how, text)),
        (select(vec!["=", "!="]), 0..9_usize).prop_map(|(how, id)| Clause::Id(how, id)),
        (any::<bool>(), prop::collection::vec(0..9_usize, 1..4))
            .prop_map(|(is_in, ids)| Clause::IdIn(is_in, ids)),
        (any::<bool>(), number_operator, 0..9_usize)
            .prop_map(|(created, how, of)| Clause::Time(created, how, of)),
        (select(&KEYS[..]), text_operator(), select(&TEXTS[..]))
            .prop_map(|(key, how, text)| Clause::Tag(key, how, text)),
        (select(&KEYS[..]), any::<bool>()).prop_map(|(key, is)| Clause::TagIsNull(key, is)),
    ]
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') { '"' } else { '\'' };
    format!("{quote}{text}{quote}")
}

fn text_passes(found: &str, how: &str, text: &str) -> bool {
    match how {
        "=" => found == text,
        "!=" => found != text,
        "LIKE" => is_like(text, found),
        _ => is_like(&text.to_ascii_lowercase(), &found.to_ascii_lowercase()),
    }
}

fn time(created: bool, of: &ExperimentInfo) -> i64 {
    if created { of.created.as_millis() } else { of.updated.as_millis() }
}

impl Clause {
    fn text(&self, all: &[ExperimentInfo]) -> String {
        match self {
            Clause::Name(how, text) => format!("attribute.name {how} {}", quoted(text)),
            Clause::Id(how, id) => format!("experiment_id {how} '{id}'"),
            Clause::IdIn(is_in, ids) => {
                let ids: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
                let how = if *is_in { "IN" } else { "NOT IN" };
                format!("experiment_id {how} ({})", ids.join(", "))
            }
            Clause::Time(created, how, of) => {
                let field = if *created { "creation_time" } else { "attributes.last_update_time" };
                format!("{field} {how} {}", time(*created, &all[of % all.len()]))
            }
            Clause::Tag(key, how, text) => format!("tags.`{key}` {how} {}", quoted(text)),
            Clause::TagIsNull(key, is) => {
                format!("tag.\"{key}\" IS {}", if *is { "NULL" } else { "NOT NULL" })
            }
        }
    }

    fn passes(&self, it: &ExperimentInfo, all: &[ExperimentInfo]) -> bool {
        let id = usize::try_from(it.id.get()).unwrap();
        match self {
            Clause::Name(how, text) => text_passes(&it.path, how, text),
            Clause::Id(how, wanted) => (id == *wanted) == (*how == "="),
            Clause::IdIn(is_in, ids) => ids.contains(&id) == *is_in,
            Clause::Time(created, how, of) => {
                let verdict = time(*created, it).cmp(&time(*created, &all[of % all.len()]));
                match *how {
                    "=" => verdict.is_eq(),
                    "!=" => verdict.is_ne(),
                    "<" => verdict.is_lt(),
                    "<=" => verdict.is_le(),
                    ">" => verdict.is_gt(),
                    _ => verdict.is_ge(),
                }
            }
            Clause::Tag(key, how, text) => {
                it.tags.get(*key).is_some_and(|found| text_passes(found, how, text))
            }
            Clause::TagIsNull(key, is) => it.tags.contains_key(*key) != *is,
        }
    }
}

/// Fields of an order, each once, with whether it is descending.
fn order() -> impl Strategy<Value = Vec<(&'static str, bool)>> {
    let fields = vec!["name", "experiment_id", "creation_time", "last_update_time"];
    let some = prop::sample::subsequence(fields, 0..4).prop_shuffle();
    some.prop_flat_map(|fields| {
        let count = fields.len();
        (Just(fields), prop::collection::vec(any::<bool>(), count))
            .prop_map(|(fields, ways)| fields.into_iter().zip(ways).collect())
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
    let turned = order.iter().map(
        |(field, descending)| {
            if *descending { by(field).reverse() } else { by(field) }
        },
    );
    turned.fold(Ordering::Equal, Ordering::then).then(by("experiment_id").reverse())
}

/// What is made: path, tags, and whether it is deleted.
type Made = (&'static str, Vec<(&'static str, &'static str)>, bool);

fn made() -> impl Strategy<Value = Made> {
    let tag = (select(&KEYS[..]), select(&TEXTS[..]));
    (select(&PATHS[..]), prop::collection::vec(tag, 0..3), any::<bool>())
}

fn make(database: &Database, made: &[Made]) {
    for (path, tags, is_deleted) in made {
        // A path that is deleted already takes nothing.
        let Ok(experiment) = database.experiment(path) else { continue };
        for (key, text) in tags {
            experiment.set_tag(key, text).unwrap();
        }
        // So that not all times are the same.
        std::thread::sleep(std::time::Duration::from_micros(400));
        if *is_deleted {
            experiment.delete().unwrap();
        }
    }
}

fn all_pages(database: &Database, search: &ExperimentSearch, results: usize) -> Vec<u64> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let search = search.clone().max_results(results).page_token(&token);
        let Page { items, next_page_token, .. } = database.search_experiments(&search).unwrap();
        assert!(items.len() <= results);
        found.extend(items.iter().map(|it| it.id.get()));
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
    fn search_finds_the_experiments_that_plain_code_finds(
        made in prop::collection::vec(made(), 0..10),
        queries in prop::collection::vec(
            (prop::collection::vec(clause(), 0..3), order(), 0..3_usize, 1..5_usize),
            1..16,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let builder = Database::builder().create(true).index(IndexPlace::InMemory);
        let database = builder.background(false).open(folder.path().join("e.tracklite")).unwrap();
        make(&database, &made);
        let all = database.experiments().unwrap();
        for (clauses, order, view, results) in queries {
            let view = [View::ActiveOnly, View::DeletedOnly, View::All][view];
            let texts: Vec<String> = clauses.iter().map(|it| it.text(&all)).collect();
            let filter = texts.join(" and ");
            let mut search = ExperimentSearch::new().filter(&filter).view(view);
            for (field, descending) in &order {
                let way = if *descending { " DESC" } else { "" };
                search = search.order_by(format!("{field}{way}"));
            }
            let mut wanted: Vec<&ExperimentInfo> = all
                .iter()
                .filter(|it| match view {
                    View::ActiveOnly => it.lifecycle == Lifecycle::Active,
                    View::DeletedOnly => it.lifecycle == Lifecycle::Deleted,
                    View::All => true,
                })
                .filter(|it| clauses.iter().all(|clause| clause.passes(it, &all)))
                .collect();
            wanted.sort_by(|left, right| compare(left, right, &order));
            let wanted: Vec<u64> = wanted.iter().map(|it| it.id.get()).collect();
            let found = all_pages(&database, &search, results);
            prop_assert_eq!(found, wanted, "{} {:?} {:?}", filter, order, view);
        }
    }
}

fn three() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create(folder.path().join("runs.tracklite")).unwrap();
    for path in ["/a", "/b"] {
        database.experiment(path).unwrap();
    }
    (folder, database)
}

fn ids(page: &Page<ExperimentInfo>) -> Vec<u64> {
    page.items.iter().map(|it| it.id.get()).collect()
}

#[test]
fn a_page_token_is_bound_to_its_search_of_experiments() {
    let (_folder, database) = three();
    let search = ExperimentSearch::new().order_by("experiment_id").max_results(2);
    let page = database.search_experiments(&search).unwrap();
    assert_eq!(ids(&page), [0, 1]);
    let token = page.next_page_token.unwrap();
    let next = database.search_experiments(&search.clone().page_token(&token)).unwrap();
    assert_eq!((ids(&next), next.next_page_token), (vec![2], None));
    let refused = |search: ExperimentSearch| {
        let error = database.search_experiments(&search).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{search:?}");
        error.to_string()
    };
    let message = refused(ExperimentSearch::new().order_by("name").page_token(&token));
    assert!(message.contains("another query"), "{message}");
    refused(search.clone().filter("name = 'a'").page_token(&token));
    refused(search.clone().view(View::All).page_token(&token));
    refused(search.clone().page_token("x"));
    // Of a search of runs.
    let runs = tracklite::RunSearch::new().max_results(1);
    for name in ["one", "two"] {
        database.default_experiment().unwrap().start_run(name).unwrap();
    }
    let token = database.search_runs(&runs).unwrap().next_page_token.unwrap();
    refused(ExperimentSearch::new().max_results(1).page_token(token));
    // MLflow's own token, {"offset": 1}, and one beyond the end, {"offset": 9}.
    let theirs = search.clone().page_token("eyJvZmZzZXQiOiAxfQ==");
    assert_eq!(ids(&database.search_experiments(&theirs).unwrap()), [1, 2]);
    let beyond = search.page_token("eyJvZmZzZXQiOiA5fQ==");
    assert_eq!(ids(&database.search_experiments(&beyond).unwrap()), [0; 0]);
}

#[test]
fn bad_searches_of_experiments_are_refused() {
    let (_folder, database) = three();
    for bad in [0, 50_001, usize::MAX] {
        let search = ExperimentSearch::new().max_results(bad);
        let error = database.search_experiments(&search).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("1 to 50000"), "{error}");
    }
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
