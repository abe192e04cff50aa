"""The webhooks of MLflow's model registry store. The server delivers them."""

from __future__ import annotations

from typing import Any

from mlflow.entities.webhook import (
    Webhook,
    WebhookEvent,
    WebhookStatus,
    WebhookTestResult,
)
from mlflow.store.entities.paged_list import PagedList
from mlflow.utils.validation import (
    _validate_webhook_events,
    _validate_webhook_name,
    _validate_webhook_url,
)

from tracklite.mlflow import handles
from tracklite.mlflow.errors import translated, wrong_argument

_RESULTS_DEFAULT = 100
_RESULTS_MAX = 1000


class RegistryWebhooks:
    """The webhooks of a file. Their secrets are sealed with the pepper of the user."""

    _stored: handles.StoredFile

    @translated
    def create_webhook(
        self,
        name: str,
        url: str,
        events: list[WebhookEvent],
        description: str | None = None,
        secret: str | None = None,
        status: WebhookStatus | None = None,
    ) -> Webhook:
        """Creates a webhook."""
        _validate_webhook_name(name)
        _validate_webhook_url(url)
        _validate_webhook_events(events)
        value = self._stored.present.webhooks.create(
            name,
            url,
            [str(event) for event in events],
            description,
            secret,
            (status or WebhookStatus.ACTIVE).value,
        )
        return _webhook(value)

    @translated
    def get_webhook(self, webhook_id: str) -> Webhook:
        """Returns a webhook with its secret."""
        return _webhook(self._stored.handle.webhooks.get(webhook_id))

    @translated
    def list_webhooks(
        self, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList[Webhook]:
        """Returns one page of the webhooks, the newest first."""
        return self._page(None, max_results, page_token)

    @translated
    def list_webhooks_by_event(
        self,
        event: WebhookEvent,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList[Webhook]:
        """Returns one page of the webhooks that wait for an event. A server asks for each event."""
        return self._page(str(event), max_results, page_token)

    @translated
    def update_webhook(
        self,
        webhook_id: str,
        name: str | None = None,
        description: str | None = None,
        url: str | None = None,
        events: list[WebhookEvent] | None = None,
        secret: str | None = None,
        status: WebhookStatus | None = None,
    ) -> Webhook:
        """Changes the fields that are not None."""
        webhooks = self._stored.present.webhooks
        # MLflow looks the webhook up before it checks the fields. Its secret is not needed.
        webhooks.check(webhook_id)
        if name is not None:
            _validate_webhook_name(name)
        if url is not None:
            _validate_webhook_url(url)
        if events is not None:
            _validate_webhook_events(events)
        named = None if events is None else [str(event) for event in events]
        state = None if status is None else status.value
        value = webhooks.update(webhook_id, name, url, named, description, secret, state)
        return _webhook(value)

    @translated
    def delete_webhook(self, webhook_id: str) -> None:
        """Deletes a webhook."""
        self._stored.present.webhooks.delete(webhook_id)

    @translated
    def test_webhook(
        self, webhook_id: str, event: WebhookEvent | None = None
    ) -> WebhookTestResult:
        """Sends an example of an event, by default of the first one of the webhook."""
        # The module starts threads, which only deliveries need.
        from mlflow.webhooks.delivery import test_webhook

        return test_webhook(self.get_webhook(webhook_id), event)

    def _page(
        self, event: str | None, max_results: int | None, page_token: str | None
    ) -> PagedList[Webhook]:
        most = max_results or _RESULTS_DEFAULT
        if not 1 <= most <= _RESULTS_MAX:
            raise wrong_argument(f"max_results must be between 1 and {_RESULTS_MAX}.")
        webhooks = self._stored.handle.webhooks
        values, token = webhooks.list(event, most, page_token or "")
        return PagedList([_webhook(value) for value in values], token)


def _webhook(value: tuple[Any, ...]) -> Webhook:
    webhook_id, name, url, events, description, status, secret, created, updated = value
    return Webhook(
        webhook_id=webhook_id,
        name=name,
        url=url,
        events=[WebhookEvent.from_str(event) for event in events],
        creation_timestamp=created,
        last_updated_timestamp=updated,
        description=description,
        status=WebhookStatus(status),
        secret=secret,
    )
