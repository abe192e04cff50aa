"""The web page of a file: a server in a child process, shown in a notebook or as an address.

The child runs the command `tracklite ui`. It watches its standard input, whose other end is in this
process. So it ends with this process, even if that is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from tracklite import _tracklite
from tracklite.exceptions import InvalidStateError

if TYPE_CHECKING:
    from tracklite import Database

_STOP_SECONDS = 15.0


class WebPage:
    """The web page of a file, and the server behind it. As the value of a cell, a notebook shows it.

    Closing it ends the server, also for other pages of the same file.
    """

    def __init__(self, server: _Server, view: str | None, height: int) -> None:
        self._server = server
        self._view = view
        self._height = height

    @property
    def url(self) -> str:
        """The address. It ends with a token, which permits everything: do not share it."""
        place, _, token = self._server.address.partition("#")
        if self._view is None:
            return self._server.address
        # These characters of a view are kept, as `tracklite ui --open` does.
        view = quote(self._view.lstrip("/"), safe="-._~/?&=%:+,;@!$'()*")
        return f"{place}ui/{view}#{token}"

    @property
    def closed(self) -> bool:
        """Whether the server has ended."""
        return not self._server.is_running()

    def close(self) -> None:
        """Ends the server. Closing twice is allowed."""
        self._server.stop()

    def __repr__(self) -> str:
        # The address is a secret, which must not get into logs.
        state = "closed" if self.closed else "open"
        return f"<web page of {self._server.path}, {state}>"

    def _repr_html_(self) -> str:
        if self.closed:
            return escape(repr(self))
        address = escape(self.url, quote=True)
        # Browsers send the cookie of the page only if the notebook has the same host, which is known
        # to scripts alone. Without scripts, the address is unchanged.
        same_host = (
            "if (location.hostname === 'localhost') {"
            " const frame = document.currentScript.previousElementSibling;"
            " frame.src = frame.src.replace('127.0.0.1', 'localhost'); }"
        )
        return (
            f'<a href="{address}" target="_blank" rel="noopener">Open in a tab</a>'
            f'<iframe src="{address}" width="100%" height="{self._height}" '
            f'style="border: 0"></iframe><script>{same_host}</script>'
        )


class _Server:
    """A child that serves a file."""

    def __init__(self, path: Path, arguments: Sequence[str]) -> None:
        self.path = path
        self._is_inherited = False
        root = str(Path(__file__).parents[1])
        program = f"import sys; sys.path.insert(0, {root!r}); from tracklite import _ui; _ui.serve()"
        if not sys.executable:
            raise InvalidStateError("this Python has no program to start: run `tracklite ui FILE`")
        with tempfile.TemporaryFile() as errors:
            # Ctrl-C of a terminal goes to a session, and must not end the server.
            self._child = subprocess.Popen(
                [sys.executable, "-c", program, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
            self.address = _pipe(self._child.stdout).readline().decode().strip()
            if not self.address:
                self._child.wait()
                errors.seek(0)
                reason = errors.read().decode(errors="replace").strip()
                self.stop()
                raise InvalidStateError(f"the server of {path} did not start: {reason}")

    def is_running(self) -> bool:
        return not self._is_inherited and self._child.poll() is None

    def stop(self) -> None:
        if self._is_inherited:
            return
        self._close_pipes()
        try:
            self._child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def leave(self) -> None:
        """Leaves the server to the parent of this forked process."""
        self._is_inherited = True
        self._close_pipes()

    def _close_pipes(self) -> None:
        _pipe(self._child.stdin).close()
        _pipe(self._child.stdout).close()


_servers: dict[tuple[Path, bool], _Server] = {}
_lock = threading.Lock()


def show(database: Database, path: Path, view: str | None, height: int) -> WebPage:
    """Serves the page of a database. Prints the address, unless this is a notebook."""
    page = WebPage(_server(path, database.read_only), view, height)
    if not _is_notebook():
        print(page.url, flush=True)
    return page


def _server(path: Path, read_only: bool) -> _Server:
    """Returns the server of a file, and starts it if need be."""
    with _lock:
        running = _servers.get((path, read_only))
        if running is not None and running.is_running():
            return running
        options = ["--no-browser", "--framed"] + (["--read-only"] if read_only else [])
        server = _Server(path, [str(path), *options])
        _servers[path, read_only] = server
        return server


def _is_notebook() -> bool:
    """Returns whether the value of a cell is shown as HTML."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _leave_all() -> None:
    global _lock
    for server in _servers.values():
        server.leave()
    _servers.clear()
    _lock = threading.Lock()


# A forked child must not keep the pipe of a server open.
os.register_at_fork(after_in_child=_leave_all)


def serve() -> None:
    """Runs `tracklite ui` in a child, until the other end of standard input is closed."""
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    code = _tracklite.run_command(["tracklite", "ui", *sys.argv[1:]])
    sys.stdout.flush()
    # The thread waits for standard input, which Python would lock at the exit.
    os._exit(code)


def _stop_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
