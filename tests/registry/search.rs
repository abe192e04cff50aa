//! Searches of the registry against plain code, and their pages.

use proptest::prelude::*;
use tracklite::{
    Database, ErrorKind, IndexPlace, ModelVersionInfo, RegisteredModelInfo, Registry,
    RegistrySearch, RunId,
};

use super::{kind, new};

/// The tag that hides a model.
const PROMPT: &str = "mlflow.prompt.is_prompt";

/// Models `m0` to `m5` with versions that differ in source, run and tags.
fn filled() -> (tempfile::TempDir, Database) {
    let (folder, database) = new();
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
    (folder, database)
}

fn all_versions(registry: &Registry) -> Vec<ModelVersionInfo> {
    let names = ["m0", "M1", "m2", "M3", "m4", "M5"];
    let versions = names.iter().flat_map(|name| registry.model(name).unwrap().versions().unwrap());
    versions.collect()
}

/// A condition as text, and what it means of a version, in plain code.
#[derive(Clone, Debug)]
enum Asked {
    Name(&'static str, &'static str),
    Run(&'static str, u128),
    Source(&'static str, &'static str),
    Number(&'static str, u64),
    Tag(&'static str, &'static str),
}

impl Asked {
    fn text(&self) -> String {
        match self {
            Asked::Name(operator, value) => format!("name {operator} '{value}'"),
            Asked::Run(operator, value) => format!("run_id {operator} '{value:032x}'"),
            Asked::Source(operator, value) => format!("source_path {operator} '{value}'"),
            Asked::Number(operator, value) => format!("version_number {operator} {value}"),
            Asked::Tag(operator, value) => format!("tags.stage {operator} '{value}'"),
        }
    }

    fn holds(&self, it: &ModelVersionInfo) -> bool {
        match self {
            Asked::Name(operator, value) => text_holds(operator, value, Some(&it.name)),
            Asked::Run(operator, value) => {
                let run = it.run.map(|run| run.to_string());
                text_holds(operator, &format!("{value:032x}"), run.as_deref())
            }
            Asked::Source(operator, value) => text_holds(operator, value, Some(&it.source)),
            Asked::Tag(operator, value) => {
                text_holds(operator, value, it.tags.get("stage").map(String::as_str))
            }
            Asked::Number(operator, value) => match *operator {
                "=" => it.version == *value,
                "!=" => it.version != *value,
                "<" => it.version < *value,
                "<=" => it.version <= *value,
                ">" => it.version > *value,
                _ => it.version >= *value,
            },
        }
    }
}

/// Patterns here have a `%` at the end only.
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

fn asked() -> impl Strategy<Value = Asked> {
    let texts = prop::sample::select(vec!["=", "!=", "LIKE", "ILIKE"]);
    let numbers = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let names = prop::sample::select(vec!["m4", "M5", "m%", "M%", "m9"]);
    let sources = prop::sample::select(vec!["s3://0/x", "s3://1%", "S3://%", "other"]);
    let stages = prop::sample::select(vec!["dev", "prod", "PROD", "p%", "never"]);
    let equal = prop::sample::select(vec!["=", "!="]);
    prop_oneof![
        (texts.clone(), names).prop_map(|(operator, value)| Asked::Name(operator, value)),
        (equal, 0_u128..5).prop_map(|(operator, value)| Asked::Run(operator, value)),
        (texts.clone(), sources).prop_map(|(operator, value)| Asked::Source(operator, value)),
        (numbers, 0_u64..6).prop_map(|(operator, value)| Asked::Number(operator, value)),
        (texts, stages).prop_map(|(operator, value)| Asked::Tag(operator, value)),
    ]
}

/// All pages of a search one after the other.
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
fn versions_are_found_as_plain_code_finds_them() {
    let (_folder, database) = filled();
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
    let cases = (prop::collection::vec(asked(), 0..4), prop::sample::select(orders.to_vec()));
    proptest!(ProptestConfig::with_cases(400), |((asked, order) in cases, page in 1_usize..9)| {
        let filter: Vec<String> = asked.iter().map(Asked::text).collect();
        let mut wanted = all.clone();
        wanted.retain(|it| asked.iter().all(|one| one.holds(it)));
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
        // From the second search on that finds nothing changed, columns in memory answer.
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
fn what_is_kept_in_memory_follows_every_change() {
    let (_folder, database) = filled();
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
    found.into_iter().map(|it| it.name).collect()
}

#[test]
fn models_are_found_by_name_and_tag() {
    let (_folder, database) = filled();
    let registry = database.registry();
    assert_eq!(names(&registry, ""), ["M1", "M3", "m0", "m2", "m4"]);
    assert_eq!(names(&registry, "name LIKE 'm%'"), ["m0", "m2", "m4"]);
    assert_eq!(names(&registry, "name ILIKE 'M%' AND tags.team != 'b'"), ["M1", "m4"]);
    assert_eq!(names(&registry, "tags.team = 'A'"), ["M1", "m4"]);
    assert_eq!(names(&registry, "name IN ('m0', 'M3', 'x')"), ["M3", "m0"]);
    assert_eq!(names(&registry, "name NOT IN ('m0', 'M3')"), ["M1", "m2", "m4"]);
    // Prompts are hidden unless they are asked for.
    assert_eq!(names(&registry, &format!("tags.`{PROMPT}` = 'true'")), ["M5"]);
    assert_eq!(names(&registry, &format!("tags.`{PROMPT}` != 'false'")), ["M5"]);
    let others = names(&registry, &format!("tags.`{PROMPT}` = 'false'"));
    assert_eq!(others, ["M1", "M3", "m0", "m2", "m4"]);
    let search = RegistrySearch::new().order_by("timestamp DESC").max_results(1);
    assert_eq!(registry.search_models(&search).unwrap().items[0].name, "m4");
}

#[test]
fn tokens_lead_to_the_next_page_of_their_query_alone() {
    let (_folder, database) = filled();
    let registry = database.registry();
    let search = RegistrySearch::new().max_results(2);
    let page = registry.search_models(&search).unwrap();
    let token = page.next_page_token.unwrap();
    let next = registry.search_models(&search.clone().page_token(&token)).unwrap();
    assert_eq!(next.items[0].name, "m0");
    let other = RegistrySearch::new().filter("name LIKE '%'").page_token(&token);
    assert_eq!(kind(registry.search_models(&other)), ErrorKind::InvalidInput);
    let versions = RegistrySearch::new().page_token(&token);
    assert_eq!(kind(registry.search_versions(&versions)), ErrorKind::InvalidInput);
    for forged in ["x", "e30=", "eyJvZmZzZXQiOiAtMX0=", &token[1..]] {
        let forged = RegistrySearch::new().page_token(forged);
        assert_eq!(kind(registry.search_models(&forged)), ErrorKind::InvalidInput);
    }
    for (models, versions) in [(0, 0), (1001, 200_001)] {
        let search = RegistrySearch::new().max_results(models);
        assert_eq!(kind(registry.search_models(&search)), ErrorKind::InvalidInput);
        let search = RegistrySearch::new().max_results(versions);
        assert_eq!(kind(registry.search_versions(&search)), ErrorKind::InvalidInput);
    }
}

#[test]
fn bad_filters_are_refused() {
    let (_folder, database) = filled();
    let registry = database.registry();
    for bad in ["name > 'a'", "tags.a IS NULL", "params.a = 'x'", "name = 1", "nme = 'a'"] {
        let search = RegistrySearch::new().filter(bad);
        assert_eq!(kind(registry.search_models(&search)), ErrorKind::InvalidInput, "{bad}");
        assert_eq!(kind(registry.search_versions(&search)), ErrorKind::InvalidInput, "{bad}");
    }
    let long = vec!["name != 'x'"; 101].join(" AND ");
    let search = RegistrySearch::new().filter(long);
    assert_eq!(kind(registry.search_versions(&search)), ErrorKind::InvalidInput);
    let search = RegistrySearch::new().filter(vec!["name != 'x'"; 100].join(" AND "));
    assert_eq!(registry.search_versions(&search).unwrap().items.len(), 14);
}

/// What a reader finds that asks for the first time, so that SQL answers.
fn first_found(database: &Database, search: &RegistrySearch) -> Vec<ModelVersionInfo> {
    let reader = Database::builder().read_only(true).index(IndexPlace::InMemory);
    let reader = reader.open(database.path()).unwrap();
    all_pages(&reader.registry(), search)
}

/// Changes of all kinds between searches, of which each is answered in memory with the models that
/// have changed read again, page by page in each order.
#[test]
fn what_is_kept_in_memory_agrees_with_sql_between_any_changes() {
    let (_folder, database) = filled();
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
            _ => registry.handle(version).set_description(Some("said")).unwrap(),
        }
        if [8, 26].contains(&round) {
            registry.model("copy1").unwrap().rename(&format!("moved{round}")).unwrap();
        }
        if round == 20 {
            registry.model("copy0").unwrap().delete().unwrap();
        }
        for search in &searches {
            assert_eq!(all_pages(&registry, search), first_found(&database, search), "{round}");
        }
    }
    assert!(deleted > 0, "no tag was deleted");
}
