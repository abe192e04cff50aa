"""Webhooks: the store beside MLflow's SQL store, and deliveries by MLflow's own server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities.webhook import (
    VALID_ENTITY_ACTIONS,
    Webhook,
    WebhookEvent,
    WebhookStatus,
)
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from servers import server

from tracklite.mlflow.registry_store import TrackliteRegistryStore

EVENTS = [
    WebhookEvent(entity, action)
    for entity, actions in VALID_ENTITY_ACTIONS.items()
    for action in sorted(actions)
]
CREATED = WebhookEvent("model_version", "created")
URL = "https://example.com/hook"


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the pepper out of the user's folder. Allows addresses that need no name service."""
    monkeypatch.setenv("TRACKLITE_PEPPER_FILE", str(tmp_path / "pepper"))
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")


@pytest.fixture
def store(uri: str) -> TrackliteRegistryStore:
    return TrackliteRegistryStore(uri)


def _facts(webhook: Webhook) -> tuple[Any, ...]:
    """Returns everything except the ID and the times."""
    events = sorted(str(event) for event in webhook.events)
    status = webhook.status.value
    return (webhook.name, webhook.url, events, webhook.description, status, webhook.secret)


class _Side:
    """A store, and its webhooks in the order of their creation."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.ids: list[str] = []

    def answer(self, call: Callable[[_Side], Any]) -> Any:
        """Returns the facts of a result, or the text of an error without IDs."""
        try:
            found = call(self)
        except MlflowException as error:
            text = str(error.message)
            for number, webhook_id in enumerate(self.ids):
                text = text.replace(webhook_id, f"<{number}>")
            return error.error_code, text
        if isinstance(found, Webhook):
            return _facts(found)
        if found is None:
            return None
        return [_facts(webhook) for webhook in found], bool(found.token)

    def create(self, **fields: Any) -> Webhook:
        webhook: Webhook = self.store.create_webhook(**fields)
        self.ids.append(webhook.webhook_id)
        return webhook


def _fields(random: Random) -> dict[str, Any]:
    """Draws the fields of a webhook, few of which are wrong."""
    names = ["ci", "a.b-c_d", "X", "ci", "x" * 63, "", "a b", "-a", "x" * 64]
    urls = [URL, "https://10.0.0.1:8443/a?b#c", "http://example.com", "https://", " ", "ftp://a"]
    return {
        "name": random.choice(names[:4] * 4 + names),
        "url": random.choice(urls[:2] * 6 + urls),
        "events": random.sample(EVENTS, random.randrange(1, 4)) if random.random() < 0.95 else [],
        "description": random.choice([None, "", "a note"]),
        "secret": random.choice([None, "s\u00e9cret", "another"]),
        "status": random.choice([None, *WebhookStatus]),
    }


def _step(random: Random) -> Callable[[_Side], Any]:
    kind, which, most = random.randrange(10), random.random(), random.choice([None, 1, 2, 100])
    fields, event = _fields(random), random.choice(EVENTS)
    kept = {name: value for name, value in fields.items() if random.random() < 0.4}

    def on(side: _Side) -> str:
        return side.ids[int(which * len(side.ids))] if side.ids and which < 0.9 else "unknown"

    steps: list[Callable[[_Side], Any]] = [
        lambda side: side.store.get_webhook(on(side)),
        lambda side: side.store.update_webhook(on(side), **kept),
        lambda side: side.store.update_webhook(on(side), **kept),
        lambda side: side.store.delete_webhook(on(side)),
        lambda side: side.store.list_webhooks(most),
        lambda side: side.store.list_webhooks_by_event(event, most),
        lambda side: side.store.list_webhooks(1001 if which < 0.5 else -1),
    ]
    return steps[kind] if kind < len(steps) else lambda side: side.create(**fields)


@pytest.mark.parametrize("seed", range(3))
def test_both_stores_answer_the_same(seed: int, tmp_path: Path, uri: str) -> None:
    random = Random(seed)
    theirs = _Side(SqlAlchemyStore(f"sqlite:///{tmp_path}/mlflow.db"))
    ours = _Side(TrackliteRegistryStore(uri))
    for number in range(120):
        step = _step(random)
        # MLflow sorts by milliseconds.
        time.sleep(0.002)
        answers = [side.answer(step) for side in (theirs, ours)]
        assert answers[0] == answers[1], f"seed {seed}, step {number}"
    assert len(ours.ids) > 10


def test_pages_have_every_webhook_once(store: TrackliteRegistryStore) -> None:
    names = [f"w{number}" for number in range(5)]
    for name in names:
        store.create_webhook(name, URL, [CREATED])
    for lists in (store.list_webhooks, lambda *page: store.list_webhooks_by_event(CREATED, *page)):
        found: list[str] = []
        token = None
        while token or not found:
            page = lists(2, token)
            found += [webhook.name for webhook in page]
            token = page.token
        assert found == names[::-1]


def test_a_list_works_without_the_pepper(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TrackliteRegistryStore(uri)
    made = store.create_webhook("ci", URL, [CREATED], secret="a secret")
    assert store.get_webhook(made.webhook_id).secret == "a secret"
    assert b"a secret" not in (tmp_path / "runs.tracklite").read_bytes()
    copy = tmp_path / "copy.tracklite"
    store._stored.handle.store.sync()
    copy.write_bytes((tmp_path / "runs.tracklite").read_bytes())
    monkeypatch.setenv("TRACKLITE_PEPPER_FILE", str(tmp_path / "other"))
    other = TrackliteRegistryStore(f"tracklite://{copy}")
    assert [webhook.secret for webhook in other.list_webhooks()] == [None]
    # An unsigned delivery would be wrong, so this fails.
    with pytest.raises(MlflowException, match="there is no pepper"):
        other.list_webhooks_by_event(CREATED)


class _Http(ThreadingHTTPServer):
    """A receiver of webhooks."""

    deliveries: queue.Queue[Any]


class _Receiver(BaseHTTPRequestHandler):
    """Puts each delivery into the queue of its server."""

    server: _Http

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.deliveries.put((self.path, dict(self.headers), body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"thanks")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[tuple[str, queue.Queue[Any]]]:
    http = _Http(("127.0.0.1", 0), _Receiver)
    http.deliveries = queue.Queue()
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}", http.deliveries
    http.shutdown()
    http.server_close()


def _verified(headers: dict[str, str], body: bytes, secret: str) -> Any:
    """Checks the signature as a receiver does, and returns the body."""
    signed = f"{headers['X-MLflow-Delivery-Id']}.{headers['X-MLflow-Timestamp']}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(digest).decode()
    assert hmac.compare_digest(headers["X-MLflow-Signature"], wanted)
    assert abs(time.time() - int(headers["X-MLflow-Timestamp"])) < 300
    return json.loads(body)


def test_a_server_delivers_signed_events(
    uri: str, tmp_path: Path, receiver: tuple[str, queue.Queue[Any]]
) -> None:
    address, deliveries = receiver
    settings = {
        "TRACKLITE_PEPPER_FILE": str(tmp_path / "pepper"),
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    }
    words = ["server", "--backend-store-uri", uri, "--artifacts-destination", uri]
    words += ["--host", "127.0.0.1", "--workers", "1"]
    with server(words, tmp_path / "server.log", "/health", **settings) as served:
        client = MlflowClient(served)
        secret = "the receiver knows it"
        every = [str(event) for event in EVENTS if not str(event).startswith(("prompt", "budget"))]
        hook = client.create_webhook("all", f"{address}/all", every, secret=secret)
        client.create_webhook("off", f"{address}/off", every, status="DISABLED")
        client.create_webhook("tags", f"{address}/tags", ["model_version_tag.set"])
        assert client.get_webhook(hook.webhook_id).name == "all"
        assert [webhook.name for webhook in client.list_webhooks()] == ["tags", "off", "all"]

        client.create_registered_model("churn", tags={"team": "growth"}, description="who leaves")
        client.create_model_version("churn", "s3://models/churn")
        client.set_model_version_tag("churn", "1", "stage", "dev")
        client.delete_model_version_tag("churn", "1", "stage")
        client.set_registered_model_alias("churn", "champion", "1")
        client.delete_registered_model_alias("churn", "champion")
        result = client.test_webhook(hook.webhook_id, "model_version.created")
        assert (result.success, result.response_status) == (True, 200)
        assert result.response_body == "thanks"

        found: dict[str, Any] = {}
        for _ in range(8):
            path, headers, body = deliveries.get(timeout=60)
            if path == "/tags":
                assert "X-MLflow-Signature" not in headers
                assert json.loads(body)["data"]["value"] == "dev"
                continue
            assert path == "/all"
            message = _verified(headers, body, secret)
            found.setdefault(f"{message['entity']}.{message['action']}", []).append(message["data"])
        assert sorted(found) == sorted(every)
        assert found["registered_model.created"][0]["tags"] == {"team": "growth"}
        assert {data["name"] for data in found["model_version.created"]} >= {"churn"}
        assert found["model_version_alias.created"][0]["alias"] == "champion"
        client.update_webhook(hook.webhook_id, name="renamed", status="DISABLED")
        client.delete_webhook(hook.webhook_id)
        with pytest.raises(MlflowException, match=f"Webhook with ID {hook.webhook_id} not found"):
            client.get_webhook(hook.webhook_id)
        assert deliveries.empty()
