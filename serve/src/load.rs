//! Loading the models of a configuration.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use tracklite::Database;
use tracklite::endpoint::{EndpointConfig, EndpointId, ServedEntity};

use crate::files::Source;
use crate::lookups::Lookups;
use crate::pool::{Pool, Printed};
use crate::shape::Shape;
use crate::table::Table;
use crate::tail::Tail;
use crate::workshop::Workshop;

/// Loads all models of a configuration, one after the other, and warms them up.
///
/// Workers of the configuration before it are used again if they serve the same version. `log`
/// gets what is printed while environments are made.
pub(crate) async fn load(
    database: Database,
    workshop: Arc<Workshop>,
    (name, endpoint): (String, EndpointId),
    config: EndpointConfig,
    (before, log): (Option<Arc<Table>>, Tail),
) -> Result<Table, String> {
    let mut pools: Vec<Arc<Pool>> = Vec::with_capacity(config.entities.len());
    for entity in &config.entities {
        let known = before.as_ref().and_then(|before| before.pool_like(entity, &config));
        let pool = match known {
            Some(pool) => pool,
            None => Arc::new(started(&database, &workshop, (entity, &config), &log).await?),
        };
        pools.push(pool);
    }
    Ok(Table { name, endpoint, config, pools })
}

async fn started(
    database: &Database,
    workshop: &Arc<Workshop>,
    (entity, config): (&ServedEntity, &EndpointConfig),
    log: &Tail,
) -> Result<Pool, String> {
    let failed = |reason: String| {
        format!("version {} of {:?} cannot be served: {reason}", entity.version, entity.model_name)
    };
    let read = {
        let (database, workshop, entity) = (database.clone(), Arc::clone(workshop), entity.clone());
        spawn_blocking(move || {
            let files = workshop.shelf.take(&database, &entity)?;
            let lookups = Lookups::open(&database, files.path());
            Ok::<_, String>((files, lookups))
        })
    };
    let (files, lookups) = read.await.map_err(|error| error.to_string())??;
    let lookups = lookups.map_err(failed)?.map(Arc::new);
    let shape = Shape::new(config.limits, entity);
    let environments = &workshop.environments;
    let environment = match files.has_model() && shape.has_own_environment {
        true => environments.of_model(files.path(), log).await.map_err(failed)?,
        false => Arc::clone(&environments.own),
    };
    let source = Source { files, environment };
    match lookups {
        Some(lookups) if !source.files.has_model() => {
            Ok(Pool::without_workers(Arc::clone(workshop), source, shape, lookups))
        }
        lookups => {
            let installed = log.take();
            let name = format!("version {} of {:?}", entity.version, entity.model_name);
            let printed = Printed { name, installed };
            let pool = Pool::start(Arc::clone(workshop), source, shape, lookups, &printed).await;
            pool.map_err(failed)
        }
    }
}
