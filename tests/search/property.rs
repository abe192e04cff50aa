//! SQL, columns and plain code find the same runs after changes by any process.

use proptest::prelude::*;
use proptest::sample::select;
use tracklite::internals::Way;
use tracklite::{Database, RunRecord, RunSearch, View};

use super::plain::{self, Clause, IdClause, SortKey};
use super::world::{self, Change, EXPERIMENTS, World};

/// Changes to the file, and the search that follows them.
#[derive(Clone, Debug)]
struct Query {
    changes: Vec<Change>,
    clauses: Vec<Clause>,
    id_clause: Option<IdClause>,
    order: Vec<SortKey>,
    view: View,
    experiments: Option<Vec<&'static str>>,
    results: usize,
}

fn query() -> impl Strategy<Value = Query> {
    let views = vec![View::ActiveOnly, View::DeletedOnly, View::All];
    let paths = prop::collection::vec(select(&EXPERIMENTS[..]), 0..3);
    (
        prop::collection::vec(world::change(), 0..5),
        prop::collection::vec(plain::clause(), 0..4),
        prop::option::weighted(0.2, plain::id_clause()),
        plain::order(),
        select(views),
        prop::option::weighted(0.3, paths),
        1..7_usize,
    )
        .prop_map(|(changes, clauses, id_clause, order, view, experiments, results)| Query {
            changes,
            clauses,
            id_clause,
            order,
            view,
            experiments,
            results,
        })
}

/// Returns the runs from all pages of a search, with at most `results` runs a page.
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

/// Formats the runs, so that NaN equals itself.
fn formatted(runs: &[RunRecord]) -> Vec<String> {
    runs.iter().map(|run| format!("{run:?}")).collect()
}

fn check(world: &World, round: usize, query: Query) -> Result<(), TestCaseError> {
    let Query { mut clauses, id_clause, order, view, experiments, results, .. } = query;
    clauses.extend(id_clause.map(|clause| clause.clause(&world.ids)));
    let filter = plain::filter_of(&clauses);
    let mut search = RunSearch::new().filter(&filter).view(view);
    for key in &order {
        search = search.order_by(&key.text);
    }
    let experiments = experiments.map(|paths| world.experiments(&paths));
    if let Some(experiments) = &experiments {
        search = search.experiments(experiments.iter().copied());
    }
    // This process keeps no columns.
    let records = world.writer(1).all_runs().unwrap();
    let wanted = plain::search(&records, &clauses, &order, view, experiments.as_deref());
    let wanted = formatted(&wanted);
    for way in [Way::Cheapest, Way::Sql, Way::Columns] {
        let found = formatted(&all_pages(world.reader(), &search.clone().way(way), results));
        prop_assert_eq!(&found, &wanted, "{:?}: {} {:?} {:?}", way, filter, order, view);
    }
    let way = [Way::Sql, Way::Columns][round % 2];
    let found = formatted(&all_pages(world.writer(0), &search.way(way), results));
    prop_assert_eq!(&found, &wanted, "a writer, {:?}: {} {:?}", way, filter, order);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(super::cases())
    })]

    #[test]
    fn searches_find_the_same_runs_as_plain_code(
        sealed in prop::collection::vec(world::new_run(), 0..12),
        live in prop::collection::vec((0..2_usize, world::new_run()), 0..6),
        queries in prop::collection::vec(query(), 1..12),
    ) {
        let mut world = World::new();
        sealed.iter().for_each(|run| world.start(0, run));
        // Closing seals the points of these runs. Those of later runs stay in extents.
        world.reopen(0);
        live.iter().for_each(|(by, run)| world.start(*by, run));
        for (round, query) in queries.into_iter().enumerate() {
            query.changes.iter().for_each(|change| world.apply(change));
            check(&world, round, query)?;
        }
    }
}
