"""The web page of the installed MLflow, served over a file."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import mlflow.server
import requests

PAGE = Path(mlflow.server.__file__).parent / "js" / "build"


def test_the_page_of_the_installed_mlflow_is_served(path: Path) -> None:
    program = os.environ["TRACKLITE_PROGRAM"]
    words = [program, "serve", str(path), "--port", "0", "--quiet", "--mlflow-ui", str(PAGE)]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        check(server.stdout.readline().strip())
    finally:
        server.terminate()
        assert server.wait(30) == 0


def check(address: str) -> None:
    page = requests.get(address, timeout=10)
    assert page.content == (PAGE / "index.html").read_bytes()
    found = re.findall(r'(?:src|href)="(static-files/[^"]+)"', page.text)
    assert any(name.endswith(".js") for name in found) and len(found) >= 2
    for name in found:
        answer = requests.get(f"{address}/{name}", timeout=10)
        assert answer.status_code == 200, name
        assert answer.content == (PAGE / name.removeprefix("static-files/")).read_bytes()
    # The page asks for these before it shows anything.
    for call in ("3.0/mlflow/server-info", "2.0/mlflow/experiments/search?max_results=25"):
        answer = requests.get(f"{address}/ajax-api/{call}", timeout=10)
        assert answer.status_code == 200, (call, answer.text)
