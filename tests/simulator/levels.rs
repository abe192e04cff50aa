//! New names of catalogs and schemas: after a power cut, all that is inside has the same levels.

use tracklite::internals::storage::simulated::{Random, SimulatedDisk};
use tracklite::registry::{Registry, RegistrySearch};
use tracklite::{Database, Result};

use crate::engine;
use crate::rules::{CREATE, context, open};
use crate::world::{Verdict, describe};

/// The models in the schema.
const MODELS: [&str; 3] = ["m0", "m1", "m2"];

/// A catalog and its only schema.
type Levels = (String, String);

/// Renames a catalog and its schema until the process dies. Then cuts the power and reads.
pub fn renamed_levels(seed: u64) -> Verdict<()> {
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (database, control) = open(&disk, CREATE)?;
    let mut known: Levels = ("c0".to_owned(), "s0".to_owned());
    context(fill(&database, &known), "filling")?;
    control.kill_after(random.below(120) as u64);
    let registry = database.registry();
    let mut pending = known.clone();
    for number in 1..40 {
        let (catalog, schema) = &known;
        let renamed = if random.one_in(2) {
            pending.0 = format!("c{number}");
            registry.rename_catalog(catalog, &pending.0)
        } else {
            pending.1 = format!("s{number}");
            registry.rename_schema(catalog, schema, &pending.1)
        };
        match renamed {
            Ok(()) => known.clone_from(&pending),
            Err(_) if control.is_dead() => break,
            Err(error) => return Err(describe("renaming", &error)),
        }
    }
    control.kill();
    let image = disk.crash_image(&mut random);
    let seen = engine::with_reader(&image, levels).map_err(|error| describe("a reader", &error))?;
    if [&known, &pending].into_iter().all(|levels| expected(levels) != seen) {
        return Err(format!("found {seen:?} after {known:?} and perhaps {pending:?}"));
    }
    Ok(())
}

fn fill(database: &Database, (catalog, schema): &Levels) -> Result<()> {
    let registry = database.registry();
    registry.create_catalog(catalog, None)?;
    registry.create_schema(catalog, schema, None)?;
    for model in MODELS {
        registry.create_model(&format!("{catalog}.{schema}.{model}"))?;
    }
    database.create_experiment(&volume(catalog, schema))?;
    database.sync()
}

fn volume(catalog: &str, schema: &str) -> String {
    format!("{}/{catalog}/{schema}/files", Registry::VOLUMES)
}

/// Returns all names that a file with these levels has.
fn expected((catalog, schema): &Levels) -> Vec<String> {
    let models = MODELS.iter().map(|model| format!("{catalog}.{schema}.{model}"));
    let levels = [catalog.clone(), format!("{catalog}.{schema}")];
    levels.into_iter().chain(models).chain([volume(catalog, schema)]).collect()
}

/// Reads the names of catalogs, schemas, models and volumes.
fn levels(database: &Database) -> Result<Vec<String>> {
    let registry = database.registry();
    let mut names = Vec::new();
    for catalog in registry.catalogs()? {
        names.push(catalog.name.clone());
        let schemas = registry.schemas(&catalog.name)?.into_iter();
        names.extend(schemas.map(|schema| format!("{}.{}", catalog.name, schema.name)));
    }
    let models = registry.search_models(&RegistrySearch::new())?.items;
    names.extend(models.into_iter().map(|model| model.name));
    let volumes = database.experiments_under(Registry::VOLUMES)?;
    names.extend(volumes.into_iter().map(|volume| volume.path));
    Ok(names)
}
