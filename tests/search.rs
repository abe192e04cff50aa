//! Searching runs: each answer is compared with one that is worked out by plain code.

mod plain;

use proptest::prelude::*;
use proptest::sample::select;
use tracklite::{
    Database, Dataset, DatasetInput, ErrorKind, IndexPlace, Run, RunRecord, RunSearch, RunStatus,
    Timestamp, View,
};

/// What a run is made of; every list is short, so that values often meet.
#[derive(Clone, Debug)]
struct Made {
    name: &'static str,
    started: i64,
    status: Option<RunStatus>,
    is_deleted: bool,
    metrics: Vec<(&'static str, f64)>,
    params: Vec<(&'static str, &'static str)>,
    tags: Vec<(&'static str, &'static str)>,
    /// Name and digest, and context when it has one.
    datasets: Vec<(&'static str, &'static str, Option<&'static str>)>,
}

const METRICS: [&str; 3] = ["loss", "val/loss", "top 5"];
const PARAMS: [&str; 3] = ["model", "lr", "a.b-c"];
const DATASETS: [&str; 3] = ["digits", "Digits", "ab"];
const TEXTS: [&str; 8] = ["", "a", "A", "ab", "a%b", "a_b", "\u{e4}b", "it's"];
const NUMBERS: [f64; 9] =
    [0.0, -0.0, 1.0, -1.0, 0.5, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];

fn made() -> impl Strategy<Value = Made> {
    let pair = |keys: &'static [&'static str]| (select(keys), select(&TEXTS[..]));
    let status = select(vec![
        None,
        Some(RunStatus::Finished),
        Some(RunStatus::Failed),
        Some(RunStatus::Killed),
    ]);
    (
        (select(vec!["one", "two", "Two"]), 0..4_i64, status, any::<bool>()),
        prop::collection::vec((select(&METRICS[..]), select(&NUMBERS[..])), 0..5),
        prop::collection::vec(pair(&PARAMS), 0..4),
        prop::collection::vec(pair(&PARAMS), 0..4),
        prop::collection::vec(
            (select(&DATASETS[..]), select(&DATASETS[..]), prop::option::of(select(&TEXTS[1..]))),
            0..3,
        ),
    )
        .prop_map(|((name, started, status, is_deleted), metrics, params, tags, datasets)| {
            Made {
                name,
                started: started * 1_000_000,
                status,
                is_deleted,
                metrics,
                params,
                tags,
                datasets,
            }
        })
}

fn make(database: &Database, made: &Made) -> Run {
    let experiment = database.default_experiment().unwrap();
    let time = Timestamp::from_nanos(made.started);
    let run = experiment.new_run().name(made.name).started(time).start().unwrap();
    for (key, value) in &made.params {
        // The second value of a param is refused.
        let _ = run.log_param(key, value);
    }
    for (key, value) in &made.tags {
        run.set_tag(key, value).unwrap();
    }
    for (step, (key, value)) in (0..).zip(&made.metrics) {
        run.log_metric(key, *value, step / 2).unwrap();
    }
    for (name, digest, context) in &made.datasets {
        let input = DatasetInput::new(Dataset::new(*name, *digest, "local", "here"));
        let input = context.iter().fold(input, |input, context| input.context(*context));
        run.log_inputs(&[input], &[]).unwrap();
    }
    if let Some(status) = made.status {
        run.set_status(status).unwrap();
    }
    if made.is_deleted {
        database.delete_run(run.id()).unwrap();
    }
    run
}

/// All pages of a search, of so many runs each.
fn all_pages(database: &Database, search: &RunSearch, results: usize) -> Vec<RunRecord> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let search = search.clone().max_results(results).page_token(&token);
        let page = database.search_runs(&search).unwrap();
        assert!(page.items.len() <= results);
        found.extend(page.items);
        match page.next_page_token {
            Some(next) => token = next,
            None => return found,
        }
    }
}

fn cases() -> u32 {
    std::env::var("TRACKLITE_SEARCH_CASES").map_or(200, |count| count.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases())
    })]

    #[test]
    fn search_finds_what_plain_code_finds(
        sealed in prop::collection::vec(made(), 0..12),
        live in prop::collection::vec(made(), 0..6),
        more in prop::collection::vec(
            (0..20_usize, select(&METRICS[..]), select(&NUMBERS[..])),
            0..6,
        ),
        queries in prop::collection::vec(
            (prop::collection::vec(plain::clause(), 0..4), plain::order(), 0..3_usize, 1..7_usize),
            1..12,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.tracklite");
        let open = || {
            let builder = Database::builder().create(true).index(IndexPlace::InMemory);
            builder.background(false).open(&path).unwrap()
        };
        let database = open();
        let ids: Vec<_> = sealed.iter().map(|it| make(&database, it).id()).collect();
        // Closing seals their points; those of the others stay in the extent.
        database.close().unwrap();
        let database = open();
        for (at, key, value) in more {
            let Some(id) = ids.get(at) else { continue };
            let run = database.run(*id).unwrap();
            // Refused when the run is deleted.
            let _ = run.log_metric(key, value, 1);
        }
        let _live: Vec<Run> = live.iter().map(|it| make(&database, it)).collect();
        let records = database.all_runs().unwrap();
        for (clauses, order, view, results) in queries {
            let view = [View::ActiveOnly, View::DeletedOnly, View::All][view];
            let filter = plain::filter_of(&clauses);
            let mut search = RunSearch::new().filter(&filter).view(view);
            for key in &order {
                search = search.order_by(&key.text);
            }
            let wanted = plain::search(&records, &clauses, &order, view);
            let found = all_pages(&database, &search, results);
            // Too long for a statement, and the same otherwise.
            let long = format!("{filter}{}", " and params.none IS NULL".repeat(101));
            prop_assert_eq!(&found, &all_pages(&database, &search.filter(long), results));
            let told = |runs: &[RunRecord]| -> Vec<String> {
                runs.iter().map(|run| run.info.id.to_string()).collect()
            };
            prop_assert_eq!(told(&found), told(&wanted), "{} {:?} {:?}", filter, order, view);
            let wanted: Vec<String> = wanted.iter().map(|run| format!("{run:?}")).collect();
            let found: Vec<String> = found.iter().map(|run| format!("{run:?}")).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}

fn small() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create(folder.path().join("runs.tracklite")).unwrap();
    for (name, loss) in [("a", 3.0), ("b", 1.0), ("c", 2.0)] {
        let run = database.experiment("/search").unwrap().start_run(name).unwrap();
        run.log_metric("loss", loss, 0).unwrap();
    }
    (folder, database)
}

fn names(runs: &[RunRecord]) -> Vec<&str> {
    runs.iter().map(|run| run.info.name.as_str()).collect()
}

#[test]
fn a_page_token_of_another_search_is_refused() {
    let (_folder, database) = small();
    let search = RunSearch::new().order_by("metrics.loss").max_results(2);
    let page = database.search_runs(&search).unwrap();
    assert_eq!(names(&page.items), ["b", "c"]);
    let token = page.next_page_token.unwrap();
    let next = database.search_runs(&search.clone().page_token(&token)).unwrap();
    assert_eq!((names(&next.items), next.next_page_token), (vec!["a"], None));
    let other = RunSearch::new().order_by("metrics.loss DESC").page_token(&token);
    for search in [other, search.clone().filter("metrics.loss > 0").page_token(&token)] {
        assert_eq!(database.search_runs(&search).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    for forged in ["x", "e30=", "eyJvZmZzZXQiOiAtMX0=", "eyJvZmZzZXQiOiAxfQ"] {
        let search = search.clone().page_token(forged);
        let refused = database.search_runs(&search).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{forged}");
    }
    // MLflow's own token, {"offset": 1}.
    let theirs = search.page_token("eyJvZmZzZXQiOiAxfQ==");
    assert_eq!(names(&database.search_runs(&theirs).unwrap().items), ["c", "a"]);
}

#[test]
fn the_number_of_results_has_bounds() {
    let (_folder, database) = small();
    for bad in [0, 50_001, usize::MAX] {
        let error = database.search_runs(&RunSearch::new().max_results(bad)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("1 to 50000"), "{error}");
    }
    assert_eq!(database.search_runs(&RunSearch::new().max_results(50_000)).unwrap().items.len(), 3);
}

#[test]
fn experiments_can_be_chosen_also_none() {
    let (_folder, database) = small();
    let other = database.experiment("/other").unwrap();
    other.start_run("d").unwrap();
    let in_experiments = |ids: Vec<_>| {
        let page = database.search_runs(&RunSearch::new().experiments(ids)).unwrap();
        page.items.len()
    };
    let id = database.experiment("/search").unwrap().id();
    assert_eq!(in_experiments(vec![id]), 3);
    assert_eq!(in_experiments(vec![id, other.id()]), 4);
    assert_eq!(in_experiments(vec![]), 0);
}

#[test]
fn very_long_filters_are_answered() {
    let (_folder, database) = small();
    let many: Vec<String> = (0..9_000).map(|at| format!("params.p{at} IS NULL")).collect();
    let page = database.search_runs(&RunSearch::new().filter(many.join(" AND "))).unwrap();
    assert_eq!(page.items.len(), 3);
    let id = page.items[0].info.id;
    let ids: Vec<String> = (0..20_000).map(|at| format!("'{at:032x}'")).collect();
    let filter = format!("run_id IN ({}, '{id}')", ids.join(", "));
    let page = database.search_runs(&RunSearch::new().filter(filter)).unwrap();
    assert_eq!(page.items.len(), 1);
    let mut search = RunSearch::new();
    for at in 0..200 {
        search = search.order_by(format!("metrics.m{at} DESC"));
    }
    assert_eq!(database.search_runs(&search).unwrap().items.len(), 3);
}

#[test]
fn an_error_points_at_the_place_and_names_the_file() {
    let (_folder, database) = small();
    let search = RunSearch::new().filter("metrcs.loss < 1");
    let error = database.search_runs(&search).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let text = error.to_string();
    assert!(text.contains("metrcs.loss < 1\n"), "{text}");
    assert!(text.contains("metrics.loss"), "{text}");
    assert!(error.path().is_some());
}
