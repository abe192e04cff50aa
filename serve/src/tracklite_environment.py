"""Makes the Python environment of a model. The server starts this program.

`inspect MODEL` prints the key of the environment as JSON, or the reason why there can be none. The
same requirements have the same key. `build FOLDER MODEL` makes it in a folder.

Packages may run code while they are installed. So this program gets no variables of the server and,
where the kernel has Landlock, sees only the model and the installed Python. It ends with all its
children when its standard input closes.

This program does not use the package tracklite.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import venv

import worker

REQUIREMENTS = "requirements.txt"
# Raise this when environments are made in another way.
FORM = 1


class UnusableError(Exception):
    """There can be no environment, for this reason."""


def inspect(model: str) -> dict[str, str]:
    """Returns the key of the environment of a model."""
    try:
        with open(os.path.join(model, REQUIREMENTS), encoding="utf-8") as file:
            requirements = file.read()
    except OSError:
        raise UnusableError(
            "the version has no file requirements.txt, which its own environment needs: log the "
            "model with requirements, or serve it in the environment of the server"
        ) from None
    check_python(model)
    names = [REQUIREMENTS, *re.split(r"[\s=,\"']+", requirements)]
    hashes = {name: hash_of(os.path.join(model, name)) for name in files_in(model, names)}
    facts = json.dumps([FORM, sys.version, sys.base_prefix, hashes], sort_keys=True)
    return {"key": hashlib.sha256(facts.encode()).hexdigest()[:32]}


def files_in(model: str, names: list[str]) -> list[str]:
    """Returns the files of the model with these names, and those in folders with these names."""
    root = os.path.realpath(model)
    found = []
    for name in names:
        place = os.path.realpath(os.path.join(root, name))
        # Requirements may name anything, such as a file of the system.
        if not name or os.path.commonpath([root, place]) != root:
            continue
        found += [place] if os.path.isfile(place) else []
        for folder, _, files in os.walk(place):
            found += [os.path.join(folder, file) for file in files]
    return [os.path.relpath(path, root) for path in found]


def hash_of(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def check_python(model: str) -> None:
    """Compares the version of Python, up to the second number, with that of the model."""
    try:
        with open(os.path.join(model, "python_env.yaml"), encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return
    wanted = re.search(r"^python:\s*[\"']?((\d+)\.(\d+)[\w.]*)", text, re.MULTILINE)
    if wanted is None or (int(wanted[2]), int(wanted[3])) == sys.version_info[:2]:
        return
    found = ".".join(map(str, sys.version_info[:3]))
    raise UnusableError(
        f"the model needs Python {wanted[1]}, found Python {found} at {sys.executable}: start the "
        f"server with `--python` and a Python {wanted[2]}.{wanted[3]}"
    )


def build(folder: str, model: str) -> int:
    """Makes the environment, and returns the exit code of the program that installs packages."""
    threading.Thread(target=end_with_server, daemon=True).start()
    os.umask(0o077)
    worker.limit(resource.RLIMIT_CORE, 0)
    place, home = os.path.join(folder, "environment"), os.path.join(folder, "home")
    os.mkdir(home)
    os.environ.update(HOME=home, TMPDIR=home)
    # Requirements may name files of the model.
    os.chdir(model)
    found = uv()
    programs = [os.path.dirname(os.path.realpath(found))] if found else []
    # Names of hosts are looked up with a file that may be a link.
    names = [os.path.dirname(os.path.realpath("/etc/resolv.conf"))]
    worker.restrict([model, "/bin", *programs, *names], [folder])
    show(f"making an environment with Python {sys.version.split()[0]}")
    venv.EnvBuilder(symlinks=True).create(place)
    command = installer(found, os.path.join(place, "bin", "python"))
    show(f"{'uv pip' if found else 'pip'} install -r {REQUIREMENTS}")
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode


def uv() -> str | None:
    """Returns the program uv, if it is installed."""
    own = os.path.dirname(sys.executable)
    return shutil.which("uv", path=os.pathsep.join([own, os.environ.get("PATH", "")]))


def installer(found: str | None, python: str) -> list[str]:
    """Returns the command that installs the requirements."""
    if found:
        os.environ.update(UV_NO_CACHE="1", UV_LINK_MODE="copy", UV_PYTHON_DOWNLOADS="never")
        return [found, "pip", "install", "--python", python, "-r", REQUIREMENTS]
    options = ["--no-input", "--no-cache-dir", "--disable-pip-version-check"]
    options += ["--progress-bar=off", "--no-compile", "--no-warn-script-location"]
    pip = [sys.executable, "-m", "pip", "--python", python]
    return [*pip, "install", *options, "-r", REQUIREMENTS]


def end_with_server() -> None:
    """Ends this process and its children when the server closes standard input."""
    with contextlib.suppress(OSError):
        while os.read(0, 64):
            pass
    os.killpg(0, signal.SIGKILL)


def show(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    if sys.argv[1] == "inspect":
        try:
            print(json.dumps(inspect(sys.argv[2])))
        except UnusableError as error:
            print(json.dumps({"reason": str(error)}))
        return
    sys.exit(build(sys.argv[2], sys.argv[3]))


if __name__ == "__main__":
    main()
