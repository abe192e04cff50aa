"""Random requests by the description at `/openapi.json`: no 5xx, and no answer beside its schema."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SECONDS = 40
# Checks that do not fit, each with its reason.
EXCLUDED = {
    "positive_data_acceptance": "a valid request may name a run that does not exist",
    "unsupported_method": "MLflow's client repeats a call for minutes after a status 405",
    "ignored_auth": "a file without tokens asks for none",
}


def test_answers_follow_the_description(url: str, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("schemathesis")
    done = subprocess.run(
        [
            *(str(program), "run", f"{url}/openapi.json", "--no-color"),
            *("--max-time", str(SECONDS), "--phases", "examples,coverage,fuzzing"),
            *("--checks", "all", "--exclude-checks", ",".join(EXCLUDED)),
            *("--suppress-health-check", "all", "--seed", "12", "--no-shrink"),
        ],
        capture_output=True,
        text=True,
        timeout=4 * SECONDS,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated is not None and int(generated[1]) > 100, done.stdout[-2000:]
    selected = re.search(r"Selected: (\d+)/(\d+)\n\s*Tested: (\d+)", done.stdout)
    assert selected is not None and len(set(selected.groups())) == 1, done.stdout[-2000:]
