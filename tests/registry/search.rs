//! Searches of the registry, checked by plain code, and their pages.

use proptest::prelude::*;
use tracklite::registry::{ModelVersionInfo, RegisteredModelInfo, Registry, RegistrySearch};
use tracklite::{Database, ErrorKind, RunId};

use crate::common::{TestDatabase, error_kind, open_read_only};

/// The tag that hides a model.
const PROMPT: &str = "mlflow.prompt.is_prompt";

/// Creates models `m0` to `M5` with versions that differ in source, run and tags.
fn filled() -> TestDatabase {
    let database = TestDatabase::new();
    let registry = database.registry();
    for number in 0..6_u64 {
        let mut model = registry.new_model(&format!("{}{number}", ["m", "M"][number as usize % 2]));
        if number % 3 != 0 {
            model = model.tag("team", ["a", "A", "b"][number as usize % 3]);
        }
        if number >= 4 {
            model = model.tag(PROMPT, number == 5);
        }
        let model = model.create().unwrap();
        for version in 0..number {
            let mut builder = model.new_version(&format!("s3://{}/x", version % 2));
            if version % 2 == 0 {
                builder = builder.run(RunId::from_bits(u128::from(version)));
            }
            if version % 3 != 0 {
                builder = builder.tag("stage", ["dev", "prod"][version as usize % 2]);
            }
            builder.create().unwrap();
        }
    }
    registry.model("m4").unwrap().version(2).unwrap().set_description(Some("touched")).unwrap();
    registry.model("m4").unwrap().version(1).unwrap().delete().unwrap();
    database
}

fn all_versions(registry: &Registry) -> Vec<ModelVersionInfo> {
    let names = ["m0", "M1", "m2", "M3", "m4", "M5"];
    let versions = names.iter().flat_map(|name| registry.model(name).unwrap().versions().unwrap());
    versions.collect()
}

/// A condition on a version, as text of the search language and as plain code.
#[derive(Clone, Debug)]
enum Condition {
    Name(&'static str, &'static str),
    Run(&'static str, u128),
    Source(&'static str, &'static str),
    Number(&'static str, u64),
    Tag(&'static str, &'static str),
}

impl Condition {
    fn text(&self) -> String {
        match self {
            Condition::Name(operator, value) => format!("name {operator} '{value}'"),
            Condition::Run(operator, value) => format!("run_id {operator} '{value:032x}'"),
            Condition::Source(operator, value) => format!("source_path {operator} '{value}'"),
            Condition::Number(operator, value) => format!("version_number {operator} {value}"),
            Condition::Tag(operator, value) => format!("tags.stage {operator} '{value}'"),
        }
    }

    fn holds(&self, info: &ModelVersionInfo) -> bool {
        match self {
            Condition::Name(operator, value) => text_holds(operator, value, Some(&info.name)),
            Condition::Run(operator, value) => {
                text_holds(operator, &format!("{value:032x}"), info.run.as_deref())
            }
            Condition::Source(operator, value) => text_holds(operator, value, Some(&info.source)),
            Condition::Tag(operator, value) => {
                text_holds(operator, value, info.tags.get("stage").map(String::as_str))
            }
            Condition::Number(operator, value) => match *operator {
                "=" => info.version == *value,
                "!=" => info.version != *value,
                "<" => info.version < *value,
                "<=" => info.version <= *value,
                ">" => info.version > *value,
                _ => info.version >= *value,
            },
        }
    }
}

/// Matches a text. Patterns in these tests have `%` only at their end.
fn text_holds(operator: &str, value: &str, found: Option<&str>) -> bool {
    let Some(found) = found else { return false };
    let like = |found: &str, pattern: &str| match pattern.strip_suffix('%') {
        Some(start) => found.starts_with(start),
        None => found == pattern,
    };
    match operator {
        "=" => found == value,
        "!=" => found != value,
        "LIKE" => like(found, value),
        _ => like(&found.to_lowercase(), &value.to_lowercase()),
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    let texts = prop::sample::select(vec!["=", "!=", "LIKE", "ILIKE"]);
    let numbers = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let names = prop::sample::select(vec!["m4", "M5", "m%", "M%", "m9"]);
    let sources = prop::sample::select(vec!["s3://0/x", "s3://1%", "S3://%", "other"]);
    let stages = prop::sample::select(vec!["dev", "prod", "PROD", "p%", "never"]);
    let equal = prop::sample::select(vec!["=", "!="]);
    prop_oneof![
        (texts.clone(), names).prop_map(|(operator, value)| Condition::Name(operator, value)),
        (equal, 0_u128..5).prop_map(|(operator, value)| Condition::Run(operator, value)),
        (texts.clone(), sources).prop_map(|(operator, value)| Condition::Source(operator, value)),
        (numbers, 0_u64..6).prop_map(|(operator, value)| Condition::Number(operator, value)),
        (texts, stages).prop_map(|(operator, value)| Condition::Tag(operator, value)),
    ]
}

/// Returns the versions from all pages of a search.
fn all_pages(registry: &Registry, search: &RegistrySearch) -> Vec<ModelVersionInfo> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let page = registry.search_versions(&search.clone().page_token(&token)).unwrap();
        found.extend(page.items);
        match page.next_page_token {
            Some(next) => token = next,
            None => return found,
        }
    }
}

#[test]
fn searches_find_the_same_versions_as_plain_code() {
    let database = filled();
    let registry = database.registry();
    let all = all_versions(&registry);
    assert_eq!(all.len(), 14);
    let orders = [
        "name",
        "name DESC",
        "version_number",
        "version_number DESC",
        "creation_timestamp",
        "last_updated_timestamp DESC",
        "",
    ];
    let cases = (prop::collection::vec(condition(), 0..4), prop::sample::select(orders.to_vec()));
    let config = ProptestConfig::with_cases(400);
    proptest!(config, |((conditions, order) in cases, page in 1_usize..9)| {
        let filter: Vec<String> = conditions.iter().map(Condition::text).collect();
        let mut wanted = all.clone();
        wanted.retain(|info| conditions.iter().all(|condition| condition.holds(info)));
        wanted.sort_by(|left, right| {
            let by_name = left.name.cmp(&right.name);
            let by_number = left.version.cmp(&right.version);
            let last = by_name.then(by_number.reverse());
            let updated = left.updated.as_millis().cmp(&right.updated.as_millis());
            match order {
                "name" => last,
                "name DESC" => by_name.reverse().then(by_number.reverse()),
                "version_number" => by_number.then(by_name),
                "version_number DESC" => by_number.reverse().then(by_name),
                "creation_timestamp" => {
                    left.created.as_millis().cmp(&right.created.as_millis()).then(last)
                }
                _ => updated.reverse().then(last),
            }
        });
        let mut search = RegistrySearch::new().filter(filter.join(" AND ")).max_results(page);
        if !order.is_empty() {
            search = search.order_by(order);
        }
        // The second search of an unchanged registry reads columns in memory.
        prop_assert_eq!(&all_pages(&registry, &search), &wanted);
        prop_assert_eq!(&all_pages(&registry, &search), &wanted);
        if filter.len() == 1 {
            registry.model("m0").unwrap().set_tag("touched", page).unwrap();
            let by_sql = registry.search_versions(&search).unwrap().items;
            prop_assert_eq!(&by_sql[..], &wanted[..by_sql.len()]);
        }
    });
}

#[test]
fn searches_in_memory_see_every_change() {
    let database = filled();
    let registry = database.registry();
    let all = RegistrySearch::new();
    let found = |search: &RegistrySearch| registry.search_versions(search).unwrap().items;
    for _ in 0..3 {
        assert_eq!(found(&all).len(), 14);
    }
    let model = registry.model("m4").unwrap();
    model.new_version("s3://new").create().unwrap();
    let new = RegistrySearch::new().filter("source_path = 's3://new'");
    for _ in 0..3 {
        assert_eq!((found(&all).len(), found(&new).len()), (15, 1));
    }
    model.version(5).unwrap().set_tag("stage", "fresh").unwrap();
    let fresh = RegistrySearch::new().filter("tags.stage = 'fresh' AND name = 'm4'");
    for _ in 0..3 {
        assert_eq!(found(&fresh).len(), 1);
    }
    model.rename("m5").unwrap();
    for _ in 0..3 {
        assert_eq!(found(&fresh), []);
    }
    model.version(5).unwrap().delete().unwrap();
    for _ in 0..3 {
        assert_eq!((found(&all).len(), found(&new).len()), (14, 0));
    }
}

fn names(registry: &Registry, filter: &str) -> Vec<String> {
    let search = RegistrySearch::new().filter(filter);
    let found: Vec<RegisteredModelInfo> = registry.search_models(&search).unwrap().items;
    for info in &found {
        assert_eq!(*info, registry.model(&info.name).unwrap().info().unwrap());
    }
    found.into_iter().map(|info| info.name).collect()
}

#[test]
fn models_can_be_searched_by_name_and_tag() {
    let database = filled();
    let registry = database.registry();
    assert_eq!(names(&registry, ""), ["M1", "M3", "m0", "m2", "m4"]);
    assert_eq!(names(&registry, "name LIKE 'm%'"), ["m0", "m2", "m4"]);
    assert_eq!(names(&registry, "name ILIKE 'M%' AND tags.team != 'b'"), ["M1", "m4"]);
    assert_eq!(names(&registry, "tags.team = 'A'"), ["M1", "m4"]);
    assert_eq!(names(&registry, "name IN ('m0', 'M3', 'x')"), ["M3", "m0"]);
    assert_eq!(names(&registry, "name NOT IN ('m0', 'M3')"), ["M1", "m2", "m4"]);
}

#[test]
fn prompts_are_hidden_unless_the_filter_names_their_tag() {
    let database = filled();
    let registry = database.registry();
    assert_eq!(names(&registry, ""), ["M1", "M3", "m0", "m2", "m4"]);
    assert_eq!(names(&registry, &format!("tags.`{PROMPT}` = 'true'")), ["M5"]);
    assert_eq!(names(&registry, &format!("tags.`{PROMPT}` != 'false'")), ["M5"]);
    let others = names(&registry, &format!("tags.`{PROMPT}` = 'false'"));
    assert_eq!(others, ["M1", "M3", "m0", "m2", "m4"]);
}

#[test]
fn models_can_be_sorted_by_their_last_update() {
    let database = filled();
    let registry = database.registry();
    let search = RegistrySearch::new().order_by("timestamp DESC").max_results(1);
    assert_eq!(registry.search_models(&search).unwrap().items[0].name, "m4");
}

#[test]
fn a_page_token_belongs_to_one_query() {
    let database = filled();
    let registry = database.registry();
    let search = RegistrySearch::new().max_results(2);
    let page = registry.search_models(&search).unwrap();
    let token = page.next_page_token.unwrap();
    let next = registry.search_models(&search.clone().page_token(&token)).unwrap();
    assert_eq!(next.items[0].name, "m0");
    let other = RegistrySearch::new().filter("name LIKE '%'").page_token(&token);
    assert_eq!(error_kind(registry.search_models(&other)), ErrorKind::InvalidInput);
    let versions = RegistrySearch::new().page_token(&token);
    assert_eq!(error_kind(registry.search_versions(&versions)), ErrorKind::InvalidInput);
    for forged in ["x", "e30=", "eyJvZmZzZXQiOiAtMX0=", &token[1..]] {
        let forged = RegistrySearch::new().page_token(forged);
        assert_eq!(error_kind(registry.search_models(&forged)), ErrorKind::InvalidInput);
    }
}

#[test]
fn the_number_of_results_is_limited() {
    let database = filled();
    let registry = database.registry();
    for (models, versions) in [(0, 0), (1001, 200_001)] {
        let search = RegistrySearch::new().max_results(models);
        assert_eq!(error_kind(registry.search_models(&search)), ErrorKind::InvalidInput);
        let search = RegistrySearch::new().max_results(versions);
        assert_eq!(error_kind(registry.search_versions(&search)), ErrorKind::InvalidInput);
    }
}

#[test]
fn invalid_filters_are_rejected() {
    let database = filled();
    let registry = database.registry();
    for bad in ["name > 'a'", "tags.a IS NULL", "params.a = 'x'", "name = 1", "nme = 'a'"] {
        let search = RegistrySearch::new().filter(bad);
        assert_eq!(error_kind(registry.search_models(&search)), ErrorKind::InvalidInput, "{bad}");
        assert_eq!(error_kind(registry.search_versions(&search)), ErrorKind::InvalidInput, "{bad}");
    }
}

#[test]
fn a_filter_has_at_most_100_conditions() {
    let database = filled();
    let registry = database.registry();
    let long = vec!["name != 'x'"; 101].join(" AND ");
    let search = RegistrySearch::new().filter(long);
    assert_eq!(error_kind(registry.search_versions(&search)), ErrorKind::InvalidInput);
    let search = RegistrySearch::new().filter(vec!["name != 'x'"; 100].join(" AND "));
    assert_eq!(registry.search_versions(&search).unwrap().items.len(), 14);
}

/// Searches as a new reader. Its first search always runs as SQL.
fn found_by_sql(database: &Database, search: &RegistrySearch) -> Vec<ModelVersionInfo> {
    all_pages(&open_read_only(database.path()).registry(), search)
}

/// Changes the registry in every way between searches. Each search in memory must read the changed
/// models again and return the same pages as SQL.
#[test]
fn searches_in_memory_equal_sql_after_any_change() {
    let database = filled();
    let registry = database.registry();
    let searches = [
        RegistrySearch::new(),
        RegistrySearch::new().filter("version_number > 1").order_by("name DESC").max_results(3),
        RegistrySearch::new().filter("tags.round != '4'").order_by("version_number").max_results(2),
        RegistrySearch::new().filter("name LIKE 'm%'").order_by("creation_timestamp DESC"),
    ];
    let mut deleted = 0;
    for round in 0..30_u64 {
        let model = registry.model(["M1", "m2", "M3", "m4"][round as usize % 4]).unwrap();
        let versions = model.versions().unwrap();
        let version = &versions[round as usize % versions.len()];
        match round % 7 {
            0 | 1 => drop(model.new_version("s3://new").tag("round", round).create().unwrap()),
            2 => registry.handle(version).set_tag("round", round % 5).unwrap(),
            3 if versions.len() > 1 => registry.handle(version).delete().unwrap(),
            4 => model.set_alias("champion", version.version).unwrap(),
            5 => drop(registry.handle(version).copy_to(&format!("copy{}", round % 2)).unwrap()),
            6 if version.tags.contains_key("round") => {
                registry.handle(version).delete_tag("round").unwrap();
                deleted += 1;
            }
            _ => registry.handle(version).set_description(Some("new")).unwrap(),
        }
        if [8, 26].contains(&round) {
            registry.model("copy1").unwrap().rename(&format!("moved{round}")).unwrap();
        }
        if round == 20 {
            registry.model("copy0").unwrap().delete().unwrap();
        }
        for search in &searches {
            assert_eq!(all_pages(&registry, search), found_by_sql(&database, search), "{round}");
        }
    }
    assert!(deleted > 0, "the test must delete at least one tag");
}
