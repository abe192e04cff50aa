"""Feature specs and functions in the registry of the file: versions without a model."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Callable
from typing import Any

from tracklite._tracklite import Database
from tracklite.exceptions import AlreadyExistsError, InvalidInputError, NotFoundError

SPEC_FILE = "tracklite_features.json"
"""The file of a model, or of a feature spec, that holds its lookups."""
SPEC_TAG = "tracklite.feature_spec"
FUNCTION_FILE = "tracklite_function.json"
FUNCTION_TAG = "tracklite.function"
EXPERIMENT = "/Shared/tracklite features"
"""The experiment whose logged models hold the files."""


def publish(
    database: Database, name: str, file: str, value: dict[str, Any], tag: str, signature: str
) -> int:
    """Registers a JSON file as the next version of a name. Returns its number."""
    registry = database.registry()
    try:
        registered = registry.create_model(name)
    except AlreadyExistsError:
        registered = registry.model(name)
        newest = registered.versions()
        if newest and tag not in newest[-1].tags:
            raise InvalidInputError(
                f"{name!r} is registered already, and something else: choose another name"
            ) from None
    model = database.experiment(EXPERIMENT).create_logged_model(
        name.rsplit(".", 1)[-1], model_type=tag, signature=signature
    )
    model.artifacts().log_text(json.dumps(value, indent=2), file)
    model.set_status("READY")
    version = registered.create_version(
        f"models:/{model.id}", logged_model=model.id, tags={tag: "1"}, signature=signature
    )
    return int(version.version)


def newest(database: Database, name: str, file: str, tag: str) -> tuple[int, dict[str, Any]]:
    """Returns the newest version of a name and its content."""
    versions = database.registry().model(name).versions()
    if not versions or tag not in versions[-1].tags:
        raise NotFoundError(f"{name!r} is registered, but not as a {tag.rsplit('.', 1)[-1]}")
    version = versions[-1]
    if version.logged_model is None:
        raise NotFoundError(f"version {version.version} of {name!r} has no file {file}")
    content = database.logged_model(version.logged_model).artifacts().read(file)
    return version.version, json.loads(content)


def signature_of(inputs: list[str], outputs: list[str]) -> str:
    """Returns a signature in which each column may have any type."""

    def fields(names: list[str]) -> str:
        return json.dumps([{"name": name, "type": "any", "required": False} for name in names])

    return json.dumps({"inputs": fields(inputs), "outputs": fields(outputs), "params": None})


def source_of(function: Callable[..., Any] | str, name: str | None) -> dict[str, Any]:
    """Returns the source text of a function, its name, and its parameters."""
    if isinstance(function, str):
        source = textwrap.dedent(function)
        names: dict[str, Any] = {"__name__": "tracklite_function"}
        exec(compile(source, "<the function>", "exec"), names)
        defined = [key for key, value in names.items() if inspect.isfunction(value)]
        name = name or (defined[-1] if defined else None)
        if name not in defined:
            raise InvalidInputError(f"the source defines no function {name or ''}".rstrip())
        call = names[name]
    else:
        try:
            source, call = textwrap.dedent(inspect.getsource(function)), function
        except (OSError, TypeError) as error:
            raise InvalidInputError(
                f"the source of {function!r} is not known ({error}): pass it as a text"
            ) from error
        name = call.__name__
        if not source.startswith("def ") or call.__closure__:
            raise InvalidInputError(
                f"{name} is not a plain function: write it with def, without decorators and"
                " without values from around it"
            )
    parameters = list(inspect.signature(call).parameters)
    return {"name": name, "source": source, "parameters": parameters}
