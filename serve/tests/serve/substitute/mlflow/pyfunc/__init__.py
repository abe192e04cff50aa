"""Models whose requests are orders: `[name, argument]` as JSON."""

from __future__ import annotations

import ctypes
import errno
import importlib
import os
import signal
import socket
import sys
import time
from typing import Any

from mlflow.models import Model


class Served:
    def __init__(self, metadata: Model) -> None:
        self.metadata = metadata

    def predict(self, order: Any) -> Any:
        if "dataframe_split" in order:
            if order["dataframe_split"]["data"] == [["fail"]]:
                raise ValueError("the rows ask for it")
            # Rows, which the test wants back.
            return [self.metadata.facts["label"], order]
        if "dataframe_records" in order:
            return {"predictions": [len(row) for row in order["dataframe_records"]]}
        name, argument = order
        found = getattr(self, name)(argument)
        return [self.metadata.facts["label"], found]

    def echo(self, value: Any) -> Any:
        return value

    def repeat(self, length: int) -> str:
        return "x" * length

    def process(self, _: Any) -> int:
        return os.getpid()

    def environment(self, _: Any) -> dict[str, str]:
        return dict(os.environ)

    def opened(self, _: Any) -> list[str]:
        listed = sorted(int(name) for name in os.listdir("/proc/self/fd"))
        return [os.readlink(f"/proc/self/fd/{number}") for number in listed[:-1]]

    def groups(self, _: Any) -> list[int]:
        return [os.getpid(), os.getpgid(0), os.getsid(0)]

    def read(self, path: str) -> str:
        with open(path) as file:
            return file.read()

    def write(self, path: str) -> str:
        with open(path, "w") as file:
            return str(file.write("x"))

    def network(self, _: Any) -> str:
        try:
            socket.socket().close()
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return "open"

    def module(self, name: str) -> list[str]:
        return [sys.prefix, importlib.import_module(name).VALUE]

    def say(self, length: int) -> None:
        print("y" * length)
        print("z" * length, file=sys.stderr)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def slow(self, value: Any) -> Any:
        if os.environ.get("SLOW"):
            time.sleep(2)
        return value

    def hang(self, seconds: float) -> None:
        # The worker's deadline cannot interrupt this.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
        time.sleep(seconds)

    def fail(self, text: str) -> None:
        raise ValueError(text)

    def kill(self, number: int) -> None:
        os.kill(os.getpid(), number)

    def crash(self, _: Any) -> None:
        ctypes.string_at(0)


def load_model(path: str) -> Served:
    model = Model.load(path)
    load = model.facts.get("load")
    if "description" in model.facts:
        model.describe()
    if load == "fail":
        raise RuntimeError("the weights are missing")
    if load == "crash":
        print("the last words", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if load == "slow":
        time.sleep(1)
    return Served(model)
