"""The shortest ways to log: `run` for a `with` block, `init`, `log` and `finish` for a program.

The three work like those of W&B and trackio, with these differences:

- Everything is in one local file: `file`, or the variable TRACKLITE_FILE, or "runs.tracklite".
- A project is an experiment of that file. `config` becomes params, flattened and kept as text.
- `log` takes numbers and nested dicts of numbers. Use the methods of the run for files and images.
- `tags` is a dict. There is no `resume`: `Database.resume_run` continues a run by its ID.
"""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Mapping
from typing import Any

from tracklite._tracklite import Database, Run
from tracklite.exceptions import InvalidStateError, TrackliteError

_active: Run | None = None
_step = 0


def run(
    file: str | os.PathLike[str], experiment: str = "Default", name: str = "", **options: Any
) -> Run:
    """Starts a run in a file. Creates the file and the experiment if they do not exist.

    The options are those of `Experiment.start_run`: `params`, `tags`, `parent`, `capture` and
    others. The file stays open while the run exists; `run.database` is its database.

    >>> with tracklite.run(folder / "runs.tracklite", "churn", params={"rate": 0.1}) as training:
    ...     training.log({"loss": 0.5})
    >>> training.info().status
    <RunStatus.FINISHED: 'FINISHED'>
    """
    return Database.create(file).experiment(experiment).start_run(name, **options)


def init(
    project: str = "Default",
    name: str = "",
    config: Any = None,
    *,
    tags: Mapping[str, object] | None = None,
    capture: Any = True,
    file: str | os.PathLike[str] | None = None,
) -> Run:
    """Starts the run of this program, and finishes an earlier one.

    The end of the program finishes the run, and an uncaught exception fails it.

    >>> file = folder / "runs.tracklite"
    >>> run = tracklite.init("churn", config={"rate": 0.1}, capture=False, file=file)
    >>> tracklite.log({"loss": 0.5})
    >>> tracklite.log({"loss": 0.4, "accuracy": 0.9})
    >>> tracklite.finish()
    >>> run.metrics()["accuracy"].step
    1
    """
    global _active, _step
    finish()
    place = file or os.environ.get("TRACKLITE_FILE") or "runs.tracklite"
    _active = run(place, project, name, params=config, tags=tags, capture=capture)
    _step = 0
    return _active


def log(metrics: Mapping[str, Any], step: int | None = None) -> None:
    """Logs metrics of the run that `init` started. Without a step, at the step after the last."""
    global _step
    if _active is None:
        raise InvalidStateError("no run is active: call tracklite.init() first")
    at = _step if step is None else step
    _active.log(metrics, step=at)
    _step = max(_step, at + 1)


def finish(exit_code: int | None = None) -> None:
    """Finishes the run that `init` started, if any. An exit code other than 0 fails it."""
    global _active
    ended, _active = _active, None
    # The program may have finished, deleted or closed it.
    with contextlib.suppress(InvalidStateError):
        if ended is not None:
            ended.finish("FAILED" if exit_code else "FINISHED")


def _finish_at_exit() -> None:
    # A forked child leaves the run to its parent.
    with contextlib.suppress(TrackliteError):
        finish()


atexit.register(_finish_at_exit)
