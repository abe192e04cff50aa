//! Searching runs: each answer is compared with one that is worked out by plain code.

mod experiments;
#[cfg(feature = "internals")]
mod live;
mod plain;

use proptest::prelude::*;
use proptest::sample::select;
#[cfg(feature = "internals")]
use tracklite::internals::Way;
use tracklite::{
    Batch, Database, Dataset, DatasetInput, ErrorKind, IndexPlace, MetricPoint, Run, RunId,
    RunRecord, RunSearch, RunStatus, Timestamp, View,
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

/// What happens between two searches to one of the runs, or to all.
#[derive(Clone, Debug)]
enum Change {
    Tag(usize, &'static str, &'static str),
    DeleteTag(usize, &'static str),
    Param(usize, &'static str, &'static str),
    Metric(usize, &'static str, f64, i64),
    /// Sealed at once.
    Batch(usize, &'static str, f64, i64),
    Dataset(usize, &'static str),
    Rename(usize, &'static str),
    Status(usize, RunStatus),
    Delete(usize),
    Restore(usize),
    Start(Made),
    DeleteAndRestoreAll,
    Purge,
}

fn change() -> impl Strategy<Value = Change> {
    let run = || 0..16_usize;
    let metric = || (run(), select(&METRICS[..]), select(&NUMBERS[..]), 0..3_i64);
    let text = || (run(), select(&PARAMS[..]), select(&TEXTS[..]));
    prop_oneof![
        2 => text().prop_map(|(run, key, text)| Change::Tag(run, key, text)),
        2 => (run(), select(&PARAMS[..])).prop_map(|(run, key)| Change::DeleteTag(run, key)),
        2 => text().prop_map(|(run, key, text)| Change::Param(run, key, text)),
        4 => metric().prop_map(|(run, key, value, step)| Change::Metric(run, key, value, step)),
        2 => metric().prop_map(|(run, key, value, step)| Change::Batch(run, key, value, step)),
        1 => (run(), select(&DATASETS[..])).prop_map(|(run, name)| Change::Dataset(run, name)),
        1 => (run(), select(vec!["one", "three"]))
            .prop_map(|(run, name)| Change::Rename(run, name)),
        1 => (run(), select(vec![RunStatus::Finished, RunStatus::Running]))
            .prop_map(|(run, status)| Change::Status(run, status)),
        1 => run().prop_map(Change::Delete),
        1 => run().prop_map(Change::Restore),
        1 => made().prop_map(Change::Start),
        1 => Just(Change::DeleteAndRestoreAll),
        1 => Just(Change::Purge),
    ]
}

/// Does it; what is refused, because the run is deleted or gone, changes nothing.
fn apply(database: &Database, change: &Change, ids: &mut Vec<RunId>) {
    let run = |at: usize| ids.get(at).and_then(|id| database.run(*id).ok());
    let _ = match change {
        Change::Tag(at, key, text) => run(*at).map(|run| run.set_tag(key, text)),
        Change::DeleteTag(at, key) => run(*at).map(|run| run.delete_tag(key)),
        Change::Param(at, key, text) => run(*at).map(|run| run.log_param(key, text)),
        Change::Metric(at, key, value, step) => {
            run(*at).map(|run| run.log_metric(key, *value, *step))
        }
        Change::Batch(at, key, value, step) => {
            let point = MetricPoint { step: *step, time: Timestamp::now(), value: *value };
            run(*at).map(|run| run.log_batch(Batch::new().point(key, point)))
        }
        Change::Dataset(at, name) => run(*at).map(|run| {
            let dataset = Dataset::new(*name, "ab", "local", "here");
            run.log_inputs(&[DatasetInput::new(dataset)], &[])
        }),
        Change::Rename(at, name) => run(*at).map(|run| run.set_name(name)),
        Change::Status(at, status) => run(*at).map(|run| run.set_status(*status)),
        Change::Delete(at) => ids.get(*at).map(|id| database.delete_run(*id)),
        Change::Restore(at) => ids.get(*at).map(|id| database.restore_run(*id)),
        Change::Start(made) => {
            ids.push(make(database, made).id());
            None
        }
        Change::DeleteAndRestoreAll => {
            let experiment = database.default_experiment().unwrap();
            Some(experiment.delete().and_then(|()| experiment.restore()))
        }
        Change::Purge => Some(database.gc().map(drop)),
    };
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
        queries in prop::collection::vec(
            (
                prop::collection::vec(change(), 0..4),
                prop::collection::vec(plain::clause(), 0..4),
                plain::order(),
                0..3_usize,
                1..7_usize,
            ),
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
        let mut ids: Vec<_> = sealed.iter().map(|it| make(&database, it).id()).collect();
        // Closing seals their points; those of the others stay in the extent.
        database.close().unwrap();
        let database = open();
        ids.extend(live.iter().map(|it| make(&database, it).id()));
        for (changes, clauses, order, view, results) in queries {
            changes.iter().for_each(|change| apply(&database, change, &mut ids));
            let records = database.all_runs().unwrap();
            let view = [View::ActiveOnly, View::DeletedOnly, View::All][view];
            let filter = plain::filter_of(&clauses);
            let mut search = RunSearch::new().filter(&filter).view(view);
            for key in &order {
                search = search.order_by(&key.text);
            }
            let wanted = plain::search(&records, &clauses, &order, view);
            let found = all_pages(&database, &search, results);
            #[cfg(feature = "internals")]
            for way in [Way::Sql, Way::Columns] {
                prop_assert_eq!(&found, &all_pages(&database, &search.clone().way(way), results));
            }
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
