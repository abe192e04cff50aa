//! Examples of events, for the test of a webhook.

use std::collections::BTreeMap;

use tracklite::webhook::{WebhookAction, WebhookData, WebhookEntity, WebhookEvent};

static TAGS: BTreeMap<String, String> = BTreeMap::new();

/// Returns an example of an event, unless no change of a file causes it.
pub(crate) fn example(event: WebhookEvent) -> Option<WebhookData<'static>> {
    let is_deleted = event.action() == WebhookAction::Deleted;
    let (name, version, alias) = ("example", 1, "champion");
    let (key, value, tags) = ("team", "growth", &TAGS);
    let description = Some("an example, sent to test the webhook");
    let (source, run_id) = ("models:/m-00000000000000000000000000000000", None);
    let data = match event.entity() {
        WebhookEntity::RegisteredModel => {
            WebhookData::RegisteredModelCreated { name, tags, description }
        }
        WebhookEntity::ModelVersion => {
            WebhookData::ModelVersionCreated { name, version, source, run_id, tags, description }
        }
        WebhookEntity::ModelVersionTag if is_deleted => {
            WebhookData::ModelVersionTagDeleted { name, version, key }
        }
        WebhookEntity::ModelVersionTag => {
            WebhookData::ModelVersionTagSet { name, version, key, value }
        }
        WebhookEntity::ModelVersionAlias if is_deleted => {
            WebhookData::ModelVersionAliasDeleted { name, alias }
        }
        WebhookEntity::ModelVersionAlias => {
            WebhookData::ModelVersionAliasCreated { name, alias, version }
        }
        WebhookEntity::Prompt => WebhookData::PromptCreated { name, tags, description },
        WebhookEntity::PromptVersion => {
            let template = "Hello {{name}}";
            WebhookData::PromptVersionCreated { name, version, template, tags, description }
        }
        WebhookEntity::PromptTag if is_deleted => WebhookData::PromptTagDeleted { name, key },
        WebhookEntity::PromptTag => WebhookData::PromptTagSet { name, key, value },
        WebhookEntity::PromptVersionTag if is_deleted => {
            WebhookData::PromptVersionTagDeleted { name, version, key }
        }
        WebhookEntity::PromptVersionTag => {
            WebhookData::PromptVersionTagSet { name, version, key, value }
        }
        WebhookEntity::PromptAlias if is_deleted => WebhookData::PromptAliasDeleted { name, alias },
        WebhookEntity::PromptAlias => WebhookData::PromptAliasCreated { name, alias, version },
        _ => return None,
    };
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_of_a_file_has_an_example() {
        for &entity in WebhookEntity::ALL {
            for &action in WebhookEvent::actions(entity) {
                let event = WebhookEvent::new(entity, action).unwrap();
                let found = example(event).map(|data| data.event());
                assert_eq!(found, Some(event).filter(|_| entity != WebhookEntity::BudgetPolicy));
            }
        }
    }
}
