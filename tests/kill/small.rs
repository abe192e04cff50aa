//! The small things of a writer: an access token, a saved view, a webhook, a catalog, a
//! folder and a table.

use std::collections::HashMap;

use tracklite::registry::RegistrySearch;
use tracklite::table::{Column, ColumnType, StoredTable, Table, TableSpec, Values};
use tracklite::webhook::{WebhookEvent, WebhookInfo};
use tracklite::{Database, ErrorKind, Result};

use crate::models::{Facts, Things};
use crate::random::Random;
use crate::script::Life;
use crate::writer::tolerate_failed_sync;

/// The rows of each write to a table.
const TABLE_ROWS: i64 = 30;
/// An upper bound for the number of webhooks in a round.
const WEBHOOKS_MAX: usize = 1000;

/// A change of a small thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SmallChange {
    CreateToken {
        token: u32,
    },
    RevokeToken {
        token: u32,
    },
    /// Saves the view above this revision. 0 creates it.
    SaveView {
        above: u64,
    },
    DeleteView {
        above: u64,
    },
    CreateWebhook,
    ChangeWebhook,
    DeleteWebhook,
    /// Creates the catalog, then its schema, then a model in it.
    Catalog {
        step: u32,
    },
    RenameCatalog {
        name: u32,
    },
    MakeFolder,
    RemoveFolder,
    CreateTable,
    MergeRows,
    DropTable,
}

/// The expected counts of one writer. The facts are with its other things.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Small {
    /// The number of tokens, of which only the last one may be live.
    tokens: u32,
    has_live_token: bool,
    /// The highest revision of the view, also one that deleted it.
    view: u64,
    /// The steps of the creation of the catalog, and the number in its name.
    catalog: u32,
    name: u32,
    /// The number of writes to the table.
    version: u64,
}

fn token_name(life: Life, token: u32) -> String {
    format!("{life} token {token}")
}

fn view_name(life: Life) -> String {
    format!("{life} view")
}

fn webhook_name(life: Life) -> String {
    format!("{life}-webhook")
}

/// The comment of a catalog, which stays when it is renamed.
fn catalog_comment(life: Life) -> String {
    format!("{life} catalog")
}

fn catalog_name(life: Life, name: u32) -> String {
    format!("{}-{}-{name}", life.number, life.child)
}

fn folder(life: Life) -> String {
    format!("/{life} folder")
}

/// The description of a table, which names its writer.
fn table_text(life: Life) -> String {
    format!("{life} table")
}

fn table_name(life: Life) -> String {
    format!("{}-{}.s.t", life.number, life.child)
}

/// The facts of a table: its version, and the number that the last write gave all rows.
fn table_facts(version: u64, number: Option<u64>) -> Facts {
    let number = number.map_or_else(|| "none".to_owned(), |number| number.to_string());
    facts([("version", version.to_string()), ("number", number)])
}

fn view_state(number: u64) -> String {
    format!("{{\"number\": {number}}}")
}

fn webhook_url(number: u64) -> String {
    format!("https://example.com/{number}")
}

fn facts<const N: usize>(facts: [(&str, String); N]) -> Facts {
    facts.map(|(fact, value)| (fact.to_owned(), value)).into()
}

impl Small {
    /// Draws the next change.
    pub(crate) fn draw(self, life: Life, things: &Things, random: &mut Random) -> SmallChange {
        let has = |name: String| things.contains_key(&name);
        match random.below(7) {
            0 if self.has_live_token => SmallChange::RevokeToken { token: self.tokens - 1 },
            0 => SmallChange::CreateToken { token: self.tokens },
            1 if !has(view_name(life)) => SmallChange::SaveView { above: 0 },
            1 if random.below(4) == 0 => SmallChange::DeleteView { above: self.view },
            1 => SmallChange::SaveView { above: self.view },
            2 if !has(webhook_name(life)) => SmallChange::CreateWebhook,
            2 if random.below(3) == 0 => SmallChange::DeleteWebhook,
            2 => SmallChange::ChangeWebhook,
            3 if self.catalog < 3 => SmallChange::Catalog { step: self.catalog },
            3 => SmallChange::RenameCatalog { name: self.name + 1 },
            4 if has(folder(life)) => SmallChange::RemoveFolder,
            4 => SmallChange::MakeFolder,
            _ if !has(table_text(life)) => SmallChange::CreateTable,
            _ if random.below(12) == 0 => SmallChange::DropTable,
            _ => SmallChange::MergeRows,
        }
    }

    /// Applies a change to the expected things.
    pub(crate) fn apply(
        &mut self,
        life: Life,
        change: SmallChange,
        number: u64,
        things: &mut Things,
    ) {
        let is_revoked = matches!(change, SmallChange::RevokeToken { .. });
        match change {
            SmallChange::CreateToken { token } | SmallChange::RevokeToken { token } => {
                (self.tokens, self.has_live_token) = (token + 1, !is_revoked);
                let facts = facts([("revoked", is_revoked.to_string())]);
                things.insert(token_name(life, token), facts);
            }
            SmallChange::SaveView { .. } => {
                self.view += 1;
                let (revision, state) = (self.view.to_string(), view_state(number));
                let facts = facts([("revision", revision), ("state", state)]);
                things.insert(view_name(life), facts);
            }
            SmallChange::DeleteView { .. } => {
                self.view += 1;
                things.remove(&view_name(life));
            }
            SmallChange::CreateWebhook | SmallChange::ChangeWebhook => {
                things.insert(webhook_name(life), facts([("url", webhook_url(number))]));
            }
            SmallChange::DeleteWebhook => drop(things.remove(&webhook_name(life))),
            SmallChange::Catalog { .. } | SmallChange::RenameCatalog { .. } => {
                match change {
                    SmallChange::RenameCatalog { name } => self.name = name,
                    _ => self.catalog += 1,
                }
                let names = names(&catalog_name(life, self.name));
                let names = names.get(..self.catalog as usize).unwrap_or_default();
                things.insert(catalog_comment(life), facts([("names", names.join(" "))]));
            }
            SmallChange::MakeFolder => drop(things.insert(folder(life), Facts::new())),
            SmallChange::RemoveFolder => drop(things.remove(&folder(life))),
            SmallChange::CreateTable => {
                self.version = 0;
                things.insert(table_text(life), table_facts(0, None));
            }
            SmallChange::MergeRows => {
                self.version += 1;
                things.insert(table_text(life), table_facts(self.version, Some(number)));
            }
            SmallChange::DropTable => drop(things.remove(&table_text(life))),
        }
    }
}

/// Returns the names of a catalog, of its schema and of the model in it.
fn names(catalog: &str) -> [String; 3] {
    [catalog.to_owned(), format!("{catalog}.s"), format!("{catalog}.s.m")]
}

/// Makes a change.
pub(crate) fn perform(
    database: &Database,
    (life, change, number): (Life, SmallChange, u64),
) -> Result<()> {
    let view = view_name(life);
    tolerate_failed_sync(match change {
        SmallChange::CreateToken { token } => {
            database.new_token().user(token_name(life, token)).create().map(drop)
        }
        SmallChange::RevokeToken { token } => {
            let user = token_name(life, token);
            let tokens = database.tokens()?;
            let token = tokens.iter().find(|token| token.user == user);
            database.revoke_token(token.expect("an acknowledged token is there").id)
        }
        SmallChange::SaveView { above } => {
            database.save_view(&view, &view_state(number), above).map(drop)
        }
        SmallChange::DeleteView { above } => database.delete_view(&view, above),
        SmallChange::CreateWebhook => {
            let event: WebhookEvent = "model_version.created".parse()?;
            let webhooks = database.webhooks();
            let webhook = webhooks.new_webhook(webhook_name(life), webhook_url(number));
            webhook.event(event).create().map(drop)
        }
        SmallChange::ChangeWebhook => {
            let webhook = own_webhook(database, life)?;
            database.webhooks().update(webhook.id).url(webhook_url(number)).apply().map(drop)
        }
        SmallChange::DeleteWebhook => database.webhooks().delete(own_webhook(database, life)?.id),
        SmallChange::Catalog { step } => create_level(database, life, step),
        SmallChange::RenameCatalog { name } => {
            let (old, new) = (catalog_name(life, name - 1), catalog_name(life, name));
            database.registry().rename_catalog(&old, &new)
        }
        SmallChange::MakeFolder => database.create_folder(&folder(life)),
        SmallChange::RemoveFolder => database.delete_folder(&folder(life)),
        SmallChange::CreateTable => {
            let spec = TableSpec::new()
                .column("key", ColumnType::Long)
                .column("number", ColumnType::Long)
                .primary_key(["key"])
                .description(table_text(life));
            database.tables().create(&table_name(life), &spec).map(drop)
        }
        SmallChange::MergeRows => {
            let mut rows = Table::new();
            rows.add_column("key", Values::from((0..TABLE_ROWS).collect::<Vec<i64>>()))?;
            let numbers = vec![number.cast_signed(); TABLE_ROWS as usize];
            rows.add_column("number", Values::from(numbers))?;
            database.tables().get(&table_name(life))?.merge(&rows).map(drop)
        }
        SmallChange::DropTable => database.tables().get(&table_name(life))?.drop(),
    })
}

fn create_level(database: &Database, life: Life, step: u32) -> Result<()> {
    let (registry, [catalog, _, model]) = (database.registry(), names(&catalog_name(life, 0)));
    match step {
        0 => registry.create_catalog(&catalog, Some(&catalog_comment(life))),
        1 => registry.create_schema(&catalog, "s", None),
        _ => registry.create_model(&model).map(drop),
    }
}

fn own_webhook(database: &Database, life: Life) -> Result<WebhookInfo> {
    let all = database.webhooks().list(WEBHOOKS_MAX, "")?.items;
    let own = all.into_iter().find(|webhook| webhook.name == webhook_name(life));
    Ok(own.expect("an acknowledged webhook is there"))
}

/// Reads all small things, grouped by writer.
pub(crate) fn observe(database: &Database, found: &mut HashMap<Life, Things>) -> Result<()> {
    let mut add = |name: String, facts: Facts| {
        let life = name.trim_start_matches('/').split([' ', '-']).next().map(str::parse::<Life>);
        if let Some(Ok(life)) = life {
            found.entry(life).or_default().insert(name, facts);
        }
    };
    for token in database.tokens()? {
        add(token.user, facts([("revoked", token.revoked.is_some().to_string())]));
    }
    for view in database.views()? {
        add(view.name, facts([("revision", view.revision.to_string()), ("state", view.state)]));
    }
    for webhook in database.webhooks().list(WEBHOOKS_MAX, "")?.items {
        add(webhook.name, facts([("url", webhook.url)]));
    }
    for catalog in database.registry().catalogs()? {
        let names = level_names(database, &catalog.name)?;
        add(catalog.comment.unwrap_or_default(), facts([("names", names.join(" "))]));
    }
    for folder in database.folders()? {
        add(folder, Facts::new());
    }
    for info in database.tables().list("")? {
        let table = database.tables().get(&info.name)?;
        match number_of(&table, info.version) {
            // A living writer has dropped it meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            number => {
                let text = info.state.description.unwrap_or_default();
                add(text, table_facts(info.version, number?));
            }
        }
    }
    Ok(())
}

/// Returns the number that all rows of a version have. Fails if they are not all there.
fn number_of(table: &StoredTable, version: u64) -> Result<Option<u64>> {
    let rows = table.read().version(version).table()?;
    let Some(Column::Integer(numbers)) = rows.column("number") else { panic!("{rows:?}") };
    let numbers = numbers.values();
    assert!(numbers.is_empty() || numbers.len() == TABLE_ROWS as usize, "a write is not whole");
    let first = numbers.first().copied();
    assert!(numbers.iter().all(|number| Some(*number) == first), "two writes are mixed");
    Ok(first.map(i64::cast_unsigned))
}

/// Returns the names of a catalog, of its schemas and of the models in it.
fn level_names(database: &Database, catalog: &str) -> Result<Vec<String>> {
    let registry = database.registry();
    let mut names = vec![catalog.to_owned()];
    match registry.schemas(catalog) {
        // A living writer has renamed it meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(names),
        schemas => {
            names.extend(schemas?.into_iter().map(|schema| format!("{catalog}.{}", schema.name)));
        }
    }
    let search = RegistrySearch::new().filter(format!("name LIKE '{catalog}.%'"));
    let models = registry.search_models(&search)?.items;
    names.extend(models.into_iter().map(|model| model.name));
    Ok(names)
}
