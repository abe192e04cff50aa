//! Searches of runs and experiments, checked by plain code.

#[cfg(feature = "internals")]
mod document;
mod experiments;
#[cfg(feature = "internals")]
mod live;
#[cfg(feature = "internals")]
mod plain;
#[cfg(feature = "internals")]
mod property;
#[cfg(feature = "internals")]
mod statistics;
#[cfg(feature = "internals")]
mod world;

use tracklite::{Database, ErrorKind, ExperimentId, RunRecord, RunSearch};

use crate::common::{TestDatabase, error_kind};

/// The number of random cases of a property test.
fn cases() -> u32 {
    std::env::var("TRACKLITE_SEARCH_CASES").map_or(200, |count| count.parse().unwrap())
}

/// Matches a `LIKE` pattern by trying every length for each `%`.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut characters = pattern.chars();
    match characters.next() {
        None => text.is_empty(),
        Some('%') => (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .any(|at| is_like(characters.as_str(), &text[at..])),
        Some(wanted) => {
            let mut rest = text.chars();
            rest.next().is_some_and(|found| wanted == '_' || found == wanted)
                && is_like(characters.as_str(), rest.as_str())
        }
    }
}

/// Creates three runs, with the index in a folder.
fn three_runs() -> TestDatabase {
    let database = TestDatabase::build(Database::builder().create(true));
    for (name, loss) in [("a", 3.0), ("b", 1.0), ("c", 2.0)] {
        let run = database.experiment("/search").unwrap().start_run(name).unwrap();
        run.log_metric("loss", loss, 0).unwrap();
    }
    database
}

fn names(runs: &[RunRecord]) -> Vec<&str> {
    runs.iter().map(|run| run.info.name.as_str()).collect()
}

#[test]
fn a_page_token_leads_to_the_next_page() {
    let database = three_runs();
    let search = RunSearch::new().order_by("metrics.loss").max_results(2);
    let page = database.search_runs(&search).unwrap();
    assert_eq!(names(&page.items), ["b", "c"]);
    let token = page.next_page_token.unwrap();
    let next = database.search_runs(&search.clone().page_token(&token)).unwrap();
    assert_eq!((names(&next.items), next.next_page_token), (vec!["a"], None));

    // MLflow's own token, {"offset": 1}.
    let theirs = search.page_token("eyJvZmZzZXQiOiAxfQ==");
    assert_eq!(names(&database.search_runs(&theirs).unwrap().items), ["c", "a"]);
}

#[test]
fn forged_page_tokens_and_tokens_of_another_search_are_rejected() {
    let database = three_runs();
    let search = RunSearch::new().order_by("metrics.loss").max_results(2);
    let token = database.search_runs(&search).unwrap().next_page_token.unwrap();
    let other = RunSearch::new().order_by("metrics.loss DESC").page_token(&token);
    for search in [other, search.clone().filter("metrics.loss > 0").page_token(&token)] {
        assert_eq!(error_kind(database.search_runs(&search)), ErrorKind::InvalidInput);
    }
    for forged in ["x", "e30=", "eyJvZmZzZXQiOiAtMX0=", "eyJvZmZzZXQiOiAxfQ"] {
        let search = search.clone().page_token(forged);
        assert_eq!(error_kind(database.search_runs(&search)), ErrorKind::InvalidInput, "{forged}");
    }
}

#[test]
fn the_number_of_results_must_be_between_1_and_50_000() {
    let database = three_runs();
    for bad in [0, 50_001, usize::MAX] {
        let error = database.search_runs(&RunSearch::new().max_results(bad)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let rule = if bad == 0 { "a positive integer" } else { "at most 50000" };
        assert!(error.to_string().contains(rule), "{error}");
    }
    assert_eq!(database.search_runs(&RunSearch::new().max_results(50_000)).unwrap().items.len(), 3);
}

#[test]
fn a_search_can_be_limited_to_experiments_even_to_none() {
    let database = three_runs();
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
fn a_filter_may_have_thousands_of_conditions() {
    let database = three_runs();
    let many: Vec<String> = (0..9_000).map(|at| format!("params.p{at} IS NULL")).collect();
    let page = database.search_runs(&RunSearch::new().filter(many.join(" AND "))).unwrap();
    assert_eq!(page.items.len(), 3);
}

#[test]
fn a_filter_may_list_thousands_of_ids() {
    let database = three_runs();
    let id = database.search_runs(&RunSearch::new()).unwrap().items[0].info.id;
    let ids: Vec<String> = (0..20_000).map(|at| format!("'{at:032x}'")).collect();
    let filter = format!("run_id IN ({}, '{id}')", ids.join(", "));
    let page = database.search_runs(&RunSearch::new().filter(filter)).unwrap();
    assert_eq!(page.items.len(), 1);
}

#[test]
fn a_search_may_have_hundreds_of_orders() {
    let database = three_runs();
    let mut search = RunSearch::new();
    for at in 0..200 {
        search = search.order_by(format!("metrics.m{at} DESC"));
    }
    assert_eq!(database.search_runs(&search).unwrap().items.len(), 3);
}

#[test]
fn an_error_marks_the_position_and_names_the_file() {
    let database = three_runs();
    let search = RunSearch::new().filter("metrcs.loss < 1");
    let error = database.search_runs(&search).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let text = error.to_string();
    assert!(text.contains("metrcs.loss < 1\n"), "{text}");
    assert!(text.contains("metrics.loss"), "{text}");
    assert!(error.path().is_some());
}

#[test]
fn a_search_may_list_thousands_of_experiments() {
    let database = three_runs();
    // The first search of a process runs as SQL, which takes at most 32,766 values.
    let ids = (0..40_000).rev().chain(0..40_000).map(ExperimentId::new);
    let search = RunSearch::new().experiments(ids).order_by("run_name");
    for _ in 0..3 {
        assert_eq!(names(&database.search_runs(&search).unwrap().items), ["a", "b", "c"]);
    }
    let none = RunSearch::new().experiments((2..40_000).map(ExperimentId::new));
    assert_eq!(database.search_runs(&none).unwrap().items, []);
}

#[test]
fn filters_on_the_name_skip_runs_whose_name_tag_is_deleted() {
    let database = three_runs();
    let id =
        database.search_runs(&RunSearch::new().filter("run_name = 'a'")).unwrap().items[0].info.id;
    database.run(id).unwrap().delete_tag("mlflow.runName").unwrap();
    let found = |filter: &str| {
        // The second search reads columns.
        let search = RunSearch::new().filter(filter).order_by("run_name");
        let [first, second] = [0, 1].map(|_| database.search_runs(&search).unwrap().items);
        assert_eq!(first, second, "{filter}");
        names(&first).join(" ")
    };
    assert_eq!(found("run_name = 'a'"), "");
    assert_eq!(found("run_name != 'b'"), "c");
    assert_eq!(found("attributes.`Run Name` LIKE '%'"), "b c");
    // The run keeps its name for sorting.
    assert_eq!(found(""), "a b c");
}
