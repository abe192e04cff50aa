"""Webhooks of the registry over HTTP, with MLflow's own client and a receiver on this machine."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities.webhook import WebhookStatus
from mlflow.exceptions import RestException

SECRET = "only-the-receiver-knows-it"


class Receiver(ThreadingHTTPServer):
    """A server that keeps the headers and bodies that it gets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.deliveries: queue.Queue[tuple[Any, bytes]] = queue.Queue()
        self.url = f"http://127.0.0.1:{self.server_port}/hook"

    def next(self) -> dict[str, Any]:
        """Returns the next body, after a check of its signature."""
        headers, body = self.deliveries.get(timeout=30)
        signed = b".".join(
            [
                headers["X-MLflow-Delivery-Id"].encode(),
                headers["X-MLflow-Timestamp"].encode(),
                body,
            ]
        )
        code = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
        wanted = f"v1,{base64.b64encode(code).decode()}"
        assert headers["X-MLflow-Signature"] == wanted
        value: dict[str, Any] = json.loads(body)
        return value


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.deliveries.put((self.headers, body))
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"thanks")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[MlflowClient]:
    """A client of a server that sends to this machine."""
    file = str(tmp_path / "hooks.tracklite")
    log = tmp_path / "hooks.log"
    environment = {**os.environ, "TRACKLITE_PEPPER_FILE": str(tmp_path / "pepper")}
    arguments = ["serve", file, "--port", "0", "--webhooks-to-this-machine"]
    with log.open("wb") as lines:
        server = subprocess.Popen(
            [os.environ["TRACKLITE_PROGRAM"], *arguments],
            stdout=subprocess.PIPE,
            stderr=lines,
            text=True,
            env=environment,
        )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        yield MlflowClient(tracking_uri=url, registry_uri=url)
    finally:
        server.terminate()
        code = server.wait(30)
    text = log.read_text()
    assert code == 0, text
    assert "panicked" not in text and SECRET not in text, text


def test_a_webhook_is_set_tested_and_delivered(client: MlflowClient, receiver: Receiver) -> None:
    events = ["registered_model.created", "model_version_alias.created"]
    hook = client.create_webhook("ci", receiver.url, events, "reports", SECRET)
    assert (hook.name, hook.url, hook.description) == ("ci", receiver.url, "reports")
    assert [str(event) for event in hook.events] == events
    assert hook.status == WebhookStatus.ACTIVE
    result = client.test_webhook(hook.webhook_id)
    assert (result.success, result.response_status) == (True, 200)
    assert (result.response_body, result.error_message) == ("thanks", None)
    assert receiver.next()["entity"] == "registered_model"
    assert client.test_webhook(hook.webhook_id, "prompt_tag.set").success
    assert receiver.next()["entity"] == "prompt_tag"

    client.create_registered_model("churn", {"team": "growth"}, "who leaves")
    body = receiver.next()
    assert body["data"] == {
        "name": "churn",
        "tags": {"team": "growth"},
        "description": "who leaves",
    }
    client.create_model_version("churn", "s3://models/churn")
    client.set_registered_model_alias("churn", "champion", 1)
    body = receiver.next()
    assert (body["entity"], body["action"]) == ("model_version_alias", "created")
    assert body["data"] == {"name": "churn", "alias": "champion", "version": "1"}


def test_webhooks_are_listed_changed_and_deleted(client: MlflowClient) -> None:
    hooks = [
        client.create_webhook(f"h{number}", "https://a.com/", ["prompt.created"])
        for number in range(3)
    ]
    page = client.list_webhooks(max_results=2)
    assert len(page) == 2
    rest = client.list_webhooks(max_results=2, page_token=page.token)
    assert {hook.name for hook in [*page, *rest]} == {"h0", "h1", "h2"}
    assert rest.token in (None, "")
    changed = client.update_webhook(
        hooks[0].webhook_id, name="new", events=["prompt_tag.set"], status="DISABLED"
    )
    assert (changed.name, changed.status) == ("new", WebhookStatus.DISABLED)
    again = client.get_webhook(hooks[0].webhook_id)
    assert [str(event) for event in again.events] == ["prompt_tag.set"]
    client.delete_webhook(hooks[0].webhook_id)
    with pytest.raises(RestException, match="not found") as error:
        client.get_webhook(hooks[0].webhook_id)
    assert error.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(RestException, match="URL"):
        client.create_webhook("bad", "http://a.com/", ["prompt.created"])
    private = client.create_webhook("private", "https://10.0.0.1/", ["prompt.created"])
    result = client.test_webhook(private.webhook_id)
    assert not result.success
    assert "not public" in result.error_message
