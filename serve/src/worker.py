"""The zygote and the workers of served models. The server starts this program.

The zygote imports MLflow once. Each order on standard input makes it fork a worker, which loads one
model and answers requests on a socket. So a worker is ready without importing anything again.

A worker runs code that comes with its model. So it gets an empty environment, a folder of its own,
limits, and a process group of its own. Where the kernel has Landlock, it reads only the model's
files and the installed packages.

This program does not use the package tracklite.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import importlib
import io
import json
import os
import random
import resource
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any, NamedTuple

# Length of the body, kind, id of the request, and microseconds: of the deadline from now on, or of
# the time that the model took.
HEADER = struct.Struct("<IBQQ")
REQUEST, ANSWER, READY, FAILED, LATE, BATCH, EXACT, DESCRIBE = 1, 2, 3, 4, 5, 6, 7, 8
# Status and length of the content type, before these bytes and those of the answer.
ANSWER_HEAD = struct.Struct("<HB")
# Length of the content type, before these bytes and those of the request.
REQUEST_HEAD = struct.Struct("<H")

# Status, content type and body.
Answer = tuple[int, str, bytes]

JSON = ("application/json", "application/json; charset=utf-8")
EXAMPLE = "serving_input_example.json"
FEATURES = "tracklite_features.json"
# Modules that models of a flavour need, and that have no code of a model.
FLAVOURS = {
    "mlflow.sklearn": [
        "sklearn.compose",
        "sklearn.ensemble",
        "sklearn.linear_model",
        "sklearn.pipeline",
        "sklearn.preprocessing",
        "sklearn.tree",
        "skops.io",
    ],
    "mlflow.xgboost": ["xgboost"],
    "mlflow.lightgbm": ["lightgbm"],
}

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 38, 22
SECCOMP_MODE_FILTER = 2


class LateError(BaseException):
    """The time for a request is over. Not an `Exception`, which a model may catch."""


# ---------------------------------------------------------------------------------- the zygote


class Zygote:
    """Forks workers by the orders of the server, and reports their ends."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.workers: dict[int, str] = {}
        self.rest = b""
        # Models may print. So only this copy of standard output leads to the server.
        self.events = os.dup(1)
        os.dup2(2, 1)
        self.woken, wake = os.pipe()
        for end in (self.woken, wake):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def report(self, event: str, **facts: Any) -> None:
        line = json.dumps({"event": event, **facts}) + "\n"
        os.write(self.events, line.encode())

    def run(self) -> None:
        # MLflow imports polars if it is there, and that starts threads. A model may import it later.
        sys.modules["polars"] = None  # type: ignore[assignment]
        try:
            import mlflow
            import mlflow.pyfunc.scoring_server
        except BaseException as error:
            self.report("unusable", reason=f"{sys.executable} cannot import mlflow: {error!r}")
            return
        del sys.modules["polars"]
        gc.collect()
        self.report("ready", mlflow=mlflow.__version__, python=sys.version.split()[0])
        while True:
            ready, _, _ = select.select([0, self.woken], [], [])
            if self.woken in ready:
                self.reap()
            if 0 in ready and not self.obey():
                return

    def reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.woken, 4096)
        while self.workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            ticket = self.workers.pop(pid, "")
            self.report("ended", ticket=ticket, status=os.waitstatus_to_exitcode(status))

    def obey(self) -> bool:
        """Follows the orders that have come. Returns whether there can be more."""
        read = os.read(0, 65536)
        lines = (self.rest + read).split(b"\n")
        self.rest = lines.pop()
        for line in lines:
            order = json.loads(line)
            if order["order"] == "fork":
                self.fork(order)
            else:
                self.kill(order["ticket"])
        return bool(read)

    def kill(self, ticket: str) -> None:
        for pid, known in self.workers.items():
            if known == ticket:
                # A worker that has just begun has no group yet.
                for kill in (os.killpg, os.kill):
                    with contextlib.suppress(OSError):
                        kill(pid, signal.SIGKILL)

    def fork(self, order: dict[str, Any]) -> None:
        for name in modules_of(order["model"]):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        # Pages of frozen objects are not written by the collector, so that workers share them.
        gc.freeze()
        order["is_threaded"] = count_of_threads() > 1
        pid = os.fork()
        if pid == 0:
            run_worker(order, self.path)
        self.workers[pid] = order["ticket"]
        self.report("forked", ticket=order["ticket"], pid=pid)


def modules_of(model: str) -> list[str]:
    """Returns the modules that a model needs, without those that come with it."""
    from mlflow.models import Model

    try:
        loader = Model.load(model).flavors["python_function"]["loader_module"]
    except Exception:
        # The worker reports what is wrong with the model.
        return []
    known = [loader] if str(loader).startswith("mlflow.") else []
    return [*known, *FLAVOURS.get(loader, [])]


def count_of_threads() -> int:
    """Returns the number of threads of this process. Only a process with one may fork a worker."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


# ---------------------------------------------------------------------------------- a worker


def enclose(python: str, network: str, path: str) -> None:
    """Becomes the zygote of an environment whose packages came with a model.

    They may run code as soon as their Python starts. So they get the limits before.
    """
    here, place = os.path.dirname(path), os.path.dirname(os.path.dirname(python))
    own = os.path.join(here, "workers", f"zygote-{os.getpid()}")
    os.mkdir(own)
    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        # Those of the trusted Python lead to other packages.
        del os.environ[name]
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
        os.environ[name] = own
    # Each worker has files of its own in /proc. Landlock hides the memory of other processes.
    readable = [place, "/proc", os.path.join(here, "program"), os.path.join(here, "models")]
    restrict(readable, [os.path.join(here, "workers")])
    if network == "closed":
        close_network(is_local_open=True)
    os.execv(python, [python, sys.argv[0], path])


def run_worker(order: dict[str, Any], path: str) -> None:
    """Runs a worker in this process, which is a fork of the zygote, and ends it."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if order.pop("is_threaded", False):
            # Locks that other threads held would stay locked.
            os.execv(sys.executable, [sys.executable, *sys.argv, json.dumps(order)])
        frames = enter(order, path)
        serve(order, frames)
        code = 0
    except BaseException:
        traceback.print_exc()
        with contextlib.suppress(BaseException):
            sys.stderr.flush()
    finally:
        os._exit(code)


def connect(path: str, ticket: str, purpose: str) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect(path)
    link.sendall(f"{ticket} {purpose}\n".encode())
    return link


def enter(order: dict[str, Any], path: str) -> socket.socket:
    """Leaves everything that belongs to the zygote, and returns the socket to the server."""
    os.setsid()
    os.umask(0o077)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    frames = connect(path, order["ticket"], "frames")
    log = connect(path, order["ticket"], "log")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    log.close()
    # The only other file that stays open is the socket.
    os.dup2(frames.detach(), 3)
    close_from(4)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_NOFILE, 256)
    if order["memory"]:
        limit(resource.RLIMIT_DATA, order["memory"])
    os.chdir(order["folder"])
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
        os.environ[name] = order["folder"]
    os.environ.update(order["environment"])
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    restrict([order["model"]], [order["folder"]])
    if not order["network"]:
        close_network()
    return socket.socket(fileno=3)


def close_from(first: int) -> None:
    try:
        opened = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        opened = list(range(4096))
    for number in opened:
        if number >= first:
            with contextlib.suppress(OSError):
                os.close(number)


def limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def restrict(readable: list[str], writable: list[str]) -> None:
    """Hides all files but these and the installed packages, where the kernel can."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    create, add, restrict_self = 444, 445, 446
    # The rights of the first version: execute, write, read, list, remove, and make anything.
    everything, reading = (1 << 13) - 1, 1 | 1 << 2 | 1 << 3
    version = libc.syscall(create, None, 0, 1)
    # Later versions: move between folders, and truncate.
    everything |= (1 << 13 if version >= 2 else 0) | (1 << 14 if version >= 3 else 0)
    handled = ctypes.c_uint64(everything)
    rules = libc.syscall(create, ctypes.byref(handled), ctypes.sizeof(handled), 0)
    if rules < 0:
        return
    packages = [place for place in sys.path if place and os.path.isdir(place)]
    readable = [*packages, sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64", "/etc", *readable]
    readable += ["/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat"]
    readable += ["/sys/devices/system/cpu", "/dev/urandom"]
    for rights, places in (
        (reading, readable),
        (everything, [*writable, "/dev/null", "/dev/shm"]),
    ):
        for place in places:
            with contextlib.suppress(OSError):
                allow(libc, (add, rules), place, rights)
    if libc.syscall(restrict_self, rules, 0) < 0:
        print("this kernel does not restrict the worker", file=sys.stderr)
    os.close(rules)


def allow(libc: Any, call: tuple[int, int], place: str, rights: int) -> None:
    class Rule(ctypes.Structure):
        _pack_ = 1
        _layout_ = "ms"
        _fields_ = [("rights", ctypes.c_uint64), ("place", ctypes.c_int32)]

    add, rules = call
    opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
    if not os.path.isdir(place):
        # Execute, write, read and truncate are the rights that a file can have.
        rights &= 0b111 | 1 << 14
    rule = Rule(rights, opened)
    libc.syscall(add, rules, 1, ctypes.byref(rule), 0)
    os.close(opened)


def close_network(is_local_open: bool = False) -> None:
    """Refuses new sockets, where the kernel can. Those of this machine's files may stay open."""
    known = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
    machine = os.uname().machine
    if sys.platform != "linux" or machine not in known:
        return
    architecture, socket_call = known[machine]
    # io_uring can open sockets too. Calls from here on are of another binary interface.
    io_uring_setup, others = 425, 0x40000000
    load, equal, at_least, end = 0x20, 0x15, 0x35, 0x06
    refuse, allow = 0x00050000 | errno.EACCES, 0x7FFF0000
    steps = [
        (load, 0, 0, 4),
        (equal, 1, 0, architecture),
        (end, 0, 0, refuse),
        (load, 0, 0, 0),
        (at_least, 5, 0, others),
        (equal, 2, 0, socket_call),
        (equal, 3, 0, io_uring_setup),
        (end, 0, 0, allow),
        # The lower half of the first argument, which is the kind of the socket.
        (load, 0, 0, 16),
        (equal, 1, 0, socket.AF_UNIX),
        (end, 0, 0, refuse),
        (end, 0, 0, allow if is_local_open else refuse),
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    filters = struct.pack("@HP", len(steps), ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filters, 0, 0) != 0:
        print("this kernel does not close the network to the worker", file=sys.stderr)


def serve(order: dict[str, Any], link: socket.socket) -> None:
    """Loads the model, then answers requests until the server closes the socket."""
    source = link.makefile("rb", buffering=65536)
    try:
        model = Served(order["model"], is_exact=order["is_exact"])
        model.warm_up()
    except BaseException as error:
        send(link, FAILED, 0, 0, reason(error).encode())
        raise
    # The server sends requests together only to a model that can join them.
    can_join = model.lean is not None and model.lean.joins
    send(link, READY, int(can_join), 0, b"")
    signal.signal(signal.SIGALRM, over)
    while head := source.read(HEADER.size):
        length, kind, number, deadline = HEADER.unpack(head)
        if kind == BATCH:
            requests = [read_request(source, source.read(HEADER.size)) for _ in range(number)]
            answer_all(model, link, requests)
        elif kind == DESCRIBE:
            describe(model, link)
        else:
            answer_one(model, link, read_request(source, head))


def describe(model: Served, link: socket.socket) -> None:
    """Sends the description of the model, or why there is none."""
    try:
        found, is_described = model.description(), 1
    except Exception as error:
        found, is_described = str(error).encode(), 0
    send(link, DESCRIBE, is_described, 0, found)


class Request(NamedTuple):
    number: int
    end: int
    content: str
    data: bytes
    is_exact: bool


def read_request(source: io.BufferedReader, head: bytes) -> Request:
    length, kind, number, deadline = HEADER.unpack(head)
    body = source.read(length)
    if kind not in (REQUEST, EXACT) or len(body) != length:
        raise EOFError
    (content_length,) = REQUEST_HEAD.unpack_from(body)
    start = REQUEST_HEAD.size + content_length
    content = body[REQUEST_HEAD.size : start].decode("latin-1")
    return Request(number, now() + deadline, content, body[start:], kind == EXACT)


def answer_one(model: Served, link: socket.socket, request: Request) -> None:
    began = now()
    try:
        with timed(request.end - began):
            answer = model.predicted(request.data, request.content, is_exact=request.is_exact)
    except LateError:
        send(link, LATE, request.number, now() - began, b"")
    else:
        reply(link, request, answer, now() - began)


def answer_all(model: Served, link: socket.socket, requests: list[Request]) -> None:
    """Answers requests with one prediction, else one by one."""
    began = now()
    answers = None
    # A request that is late ends only the try to answer all of them.
    with contextlib.suppress(LateError), timed(min(request.end for request in requests) - began):
        answers = model.predicted_all(requests)
    if answers is None:
        for request in requests:
            answer_one(model, link, request)
        return
    took = now() - began
    for request, answer in zip(requests, answers, strict=True):
        reply(link, request, answer, took)


def reply(link: socket.socket, request: Request, answer: Answer, took: int) -> None:
    status, kind, body = answer
    content = kind.encode()
    head = ANSWER_HEAD.pack(status, len(content))
    send(link, ANSWER, request.number, took, b"".join([head, content, body]))


def now() -> int:
    return time.monotonic_ns() // 1000


def over(*_: object) -> None:
    raise LateError


@contextlib.contextmanager
def timed(microseconds: int) -> Iterator[None]:
    """Raises `LateError` in the model when the time is over."""
    signal.setitimer(signal.ITIMER_REAL, max(microseconds, 1) / 1e6)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def send(link: socket.socket, kind: int, number: int, microseconds: int, body: bytes) -> None:
    link.sendall(HEADER.pack(len(body), kind, number, microseconds) + body)


def reason(error: BaseException) -> str:
    """Returns the error with the end of its traceback."""
    text = io.StringIO()
    traceback.print_exception(type(error), error, error.__traceback__, file=text)
    return f"{type(error).__name__}: {error}\n{text.getvalue()[-2000:]}"


class Served:
    """A model with MLflow's own reading of requests and writing of answers."""

    def __init__(self, path: str, *, is_exact: bool) -> None:
        from tracklite_lean import lean_of
        from mlflow.environment_variables import _MLFLOW_IS_IN_SERVING_ENVIRONMENT
        from mlflow.pyfunc import load_model, scoring_server

        os.environ[_MLFLOW_IS_IN_SERVING_ENVIRONMENT.name] = "true"
        self.path = path
        self.scoring = scoring_server
        self.model = load_model(path)
        self.schema = self.model.metadata.get_input_schema()
        self.features = features_of(path)
        is_lean = not is_exact and self.features is None
        self.lean = lean_of(self.model, self.schema) if is_lean else None

    def warm_up(self) -> None:
        """Answers the example that was logged with the model, if there is one."""
        try:
            with open(os.path.join(self.path, EXAMPLE), "rb") as file:
                example = file.read()
        except OSError:
            return
        status, _, body = self.predicted(example, "application/json")
        if status != 200:
            text = body.decode(errors="replace")
            raise RuntimeError(f"the model refuses its own input example: {text[:2000]}")

    def description(self) -> bytes:
        """Describes the model to the server, which may then predict without this process."""
        from tracklite_lean import numeric_columns
        from tracklite_native import UndescribedError, description

        columns = numeric_columns(self.model, self.schema)
        if columns is None or self.features is not None:
            raise UndescribedError("its signature has not only columns of numbers")
        examples = []
        with contextlib.suppress(OSError), open(os.path.join(self.path, EXAMPLE), "rb") as file:
            example = file.read()
            status, _, body = self.exact(example, "application/json")
            examples = [(example.decode(), body.decode())] if status == 200 else []
        return description(self.model, columns, examples)

    def predicted(self, data: bytes, content: str, *, is_exact: bool = False) -> Answer:
        if self.features is not None:
            try:
                data = with_functions(self.features, data)
            except Exception as error:
                text = json.dumps({"error_code": "BAD_REQUEST", "message": str(error)})
                return 400, "application/json", text.encode()
        if is_exact or self.lean is None or content not in JSON:
            return self.exact(data, content)
        return self.lean.answer(data, lambda: self.exact(data, content))

    def predicted_all(self, requests: list[Request]) -> list[Answer] | None:
        """Answers requests with one prediction. `None` if they must be answered one by one."""
        if self.lean is None or any(request.content not in JSON for request in requests):
            return None
        return self.lean.answer_all([request.data for request in requests])

    def exact(self, data: bytes, content: str) -> Answer:
        from mlflow.exceptions import MlflowException

        try:
            found = self.scoring.invocations(data, content, self.model, self.schema)
            return found.status, found.mimetype, found.response.encode()
        except MlflowException as error:
            text = error.serialize_as_json()
            return error.get_http_status_code(), "application/json", text.encode()
        except Exception as error:
            traceback.print_exc()
            message = f"the model failed: {type(error).__name__}: {error}"
            text = json.dumps({"error_code": "INTERNAL_ERROR", "message": message})
            return 500, "application/json", text.encode()


def features_of(path: str) -> dict[str, Any] | None:
    """Returns the features of a model, if functions are among them."""
    try:
        with open(os.path.join(path, FEATURES), encoding="utf-8") as file:
            features: dict[str, Any] = json.load(file)
    except OSError:
        return None
    return features if features.get("functions") else None


def with_functions(features: dict[str, Any], data: bytes) -> bytes:
    """Adds the columns of feature functions to rows, which the server has written by column."""
    from tracklite_functions import outputs

    body = json.loads(data)
    split = body.get("dataframe_split")
    if split is None:
        # The example of the model may have another form. It has all columns.
        return data
    rows = split["data"]
    columns = {name: [row[at] for row in rows] for at, name in enumerate(split["columns"])}
    columns.update(outputs(features["functions"], columns, len(rows)))
    names = [name for name in features["input_columns"] if name in columns]
    split["columns"] = names
    split["data"] = [[columns[name][row] for name in names] for row in range(len(rows))]
    return json.dumps(body).encode()


def main() -> None:
    path = sys.argv[1]
    if path == "--enclose":
        enclose(*sys.argv[2:])
    if len(sys.argv) > 2:
        order = json.loads(sys.argv.pop())
        run_worker(order, path)
    Zygote(path).run()


if __name__ == "__main__":
    main()
