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
import traceback
import venv

import worker

REQUIREMENTS = "requirements.txt"
# Raise this when environments are made in another way.
FORM = 2
# Lines that name packages and where they are searched, but no files.
PLAIN = re.compile(
    r"\s*(#.*|[\w.-]+(\[[\w ,.-]*\])?\s*([<>=!~][\w.*+!<>=~, -]*)?(;[^/#]*)?(\s#.*)?"
    r"|--no-index|--(extra-)?index-url[ =]https?://\S+)?\s*"
)
FILES = re.compile(r"\.(whl|zip|tar|gz|bz2|xz|txt)\b")


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
    if re.search(r"(?m)^\s*(-e|--editable)", requirements):
        raise UnusableError(
            "requirements.txt has an editable package, whose files are not kept: build a wheel of "
            "it"
        )
    lines = requirements.splitlines()
    is_plain = all(PLAIN.fullmatch(line) and not FILES.search(line) for line in lines)
    # Other lines may lead to any file of the model, so all of them count.
    names = [REQUIREMENTS] if is_plain else files_in(model)
    hashes = {name: hash_of(os.path.join(model, name)) for name in names}
    facts = json.dumps([FORM, sys.version, sys.base_prefix, hashes], sort_keys=True)
    return {"key": hashlib.sha256(facts.encode()).hexdigest()[:32]}


def files_in(model: str) -> list[str]:
    """Returns the files of the model."""
    found = [os.path.join(folder, file) for folder, _, files in os.walk(model) for file in files]
    return [os.path.relpath(path, model) for path in found]


def hash_of(path: str) -> str:
    hashed = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            hashed.update(part)
    return hashed.hexdigest()


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
    certificates = [os.environ["SSL_CERT_FILE"]] if "SSL_CERT_FILE" in os.environ else []
    worker.restrict([model, "/bin", *programs, *names, *certificates], [folder])
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
        # A configuration in the folder of the model must not change what is installed.
        os.environ.update(UV_NO_CONFIG="1", UV_NO_CACHE="1", UV_LINK_MODE="copy")
        os.environ.update(UV_PYTHON_DOWNLOADS="never", UV_COMPILE_BYTECODE="1")
        return [found, "pip", "install", "--python", python, "-r", REQUIREMENTS]
    options = ["--no-input", "--no-cache-dir", "--disable-pip-version-check"]
    # It compiles the modules, because the models cannot write there.
    options += ["--progress-bar=off", "--no-warn-script-location"]
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
    code = 1
    try:
        code = build(sys.argv[2], sys.argv[3])
    except Exception:
        traceback.print_exc()
    with open(os.path.join(sys.argv[2], "code"), "w", encoding="utf-8") as file:
        file.write(str(code))
    # With whatever the packages have left behind.
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
