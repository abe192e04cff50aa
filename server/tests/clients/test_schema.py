"""Random requests by the description at `/openapi.json`, and answers that must follow it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

SECONDS = 40
# Checks that do not fit, each with its reason.
EXCLUDED = {
    "positive_data_acceptance": "a valid request may name a run that does not exist",
    "unsupported_method": "MLflow's client repeats a call for minutes after a status 405",
    "allow_header_conformance": "routes that stream files are not in the description",
}
# The token of the test would be among those that random requests delete.
LEFT_OUT = ["/api/2.0/token/delete"]
# 501 is the answer to what is left out on purpose.
CONFIGURATION = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 501]
"""


def _token(path: Path) -> str:
    """Creates a token. Without one, the first token that a random request creates locks it out."""
    command = [os.environ["TRACKLITE_PROGRAM"], "token", "create", str(path), "--scope", "admin"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    token = re.search(r"tlk_\w+", printed)
    assert token is not None, printed
    return token[0]


def test_answers_follow_the_description(url: str, path: Path) -> None:
    program = Path(sys.executable).with_name("schemathesis")
    configuration = path.with_name("schemathesis.toml")
    configuration.write_text(CONFIGURATION)
    excluded = [word for left_out in LEFT_OUT for word in ("--exclude-path", left_out)]
    done = subprocess.run(
        [
            *(str(program), "--config-file", str(configuration)),
            *("run", f"{url}/openapi.json", "--no-color"),
            *("--header", f"Authorization: Bearer {_token(path)}"),
            *excluded,
            *("--max-time", str(SECONDS), "--phases", "examples,coverage,fuzzing"),
            *("--checks", "all", "--exclude-checks", ",".join(EXCLUDED)),
            *("--suppress-health-check", "all", "--seed", "12", "--no-shrink"),
        ],
        capture_output=True,
        text=True,
        timeout=4 * SECONDS,
    )
    failures = done.stdout.partition("= FAILURES =")[2] or done.stdout
    assert done.returncode == 0, failures[:20_000] + done.stderr
    generated = re.search(r"(\d+) generated", done.stdout)
    assert "Authentication failed" not in done.stdout, done.stdout[-6000:]
    assert generated is not None and int(generated[1]) > 100, done.stdout[-2000:]
    selected = re.search(r"Selected: (\d+)/(\d+)\n\s*Tested: (\d+)", done.stdout)
    assert selected is not None, done.stdout[-2000:]
    chosen, known, tested = map(int, selected.groups())
    assert chosen == tested == known - len(LEFT_OUT), selected[0]
