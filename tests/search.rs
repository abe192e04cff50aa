//! Searching runs: each answer is compared with one that is worked out by plain code.

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
mod world;

use tracklite::{Database, ErrorKind, ExperimentId, RunRecord, RunSearch};

fn cases() -> u32 {
    std::env::var("TRACKLITE_SEARCH_CASES").map_or(200, |count| count.parse().unwrap())
}

/// By trying every length that `%` could take.
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

#[test]
fn a_long_list_of_experiments_is_answered() {
    let (_folder, database) = small();
    // The first search of a process is answered by SQL, which takes 32,766 values.
    let ids = (0..40_000).rev().chain(0..40_000).map(ExperimentId::new);
    let search = RunSearch::new().experiments(ids).order_by("run_name");
    for _ in 0..3 {
        assert_eq!(names(&database.search_runs(&search).unwrap().items), ["a", "b", "c"]);
    }
    let none = RunSearch::new().experiments((2..40_000).map(ExperimentId::new));
    assert_eq!(database.search_runs(&none).unwrap().items, []);
}

#[test]
fn a_run_whose_name_tag_is_gone_has_no_name_to_search_by() {
    let (_folder, database) = small();
    let id =
        database.search_runs(&RunSearch::new().filter("run_name = 'a'")).unwrap().items[0].info.id;
    database.run(id).unwrap().delete_tag("mlflow.runName").unwrap();
    let found = |filter: &str| {
        // The second time from columns.
        let search = RunSearch::new().filter(filter).order_by("run_name");
        let [first, second] = [0, 1].map(|_| database.search_runs(&search).unwrap().items);
        assert_eq!(first, second, "{filter}");
        names(&first).join(" ")
    };
    assert_eq!(found("run_name = 'a'"), "");
    assert_eq!(found("run_name != 'b'"), "c");
    assert_eq!(found("attributes.`Run Name` LIKE '%'"), "b c");
    // It keeps its name, by which it is sorted.
    assert_eq!(found(""), "a b c");
}
