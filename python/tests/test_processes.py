"""Threads, forked and spawned processes, pickles, signals."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
import tracklite
from tracklite import exceptions

# Python 3.12 and newer warn about forking with threads, which is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def test_handles_are_pickled_by_path_and_id(database: tracklite.Database) -> None:
    experiment = database.experiment("/tests")
    run = experiment.start_run()
    run.log_metric("loss", 0.5)
    again = pickle.loads(pickle.dumps(run))
    assert again == run
    assert again.history("loss").values.tolist() == [0.5]
    assert pickle.loads(pickle.dumps(experiment)) == experiment
    assert pickle.loads(pickle.dumps(database)).path == database.path
    assert pickle.loads(pickle.dumps(run.record())) == run.record()
    error = exceptions.NotFoundError("gone")
    assert str(pickle.loads(pickle.dumps(error))) == "gone"


def test_a_read_only_handle_is_pickled_as_one(database: tracklite.Database) -> None:
    run = database.default_experiment().start_run()
    reader = tracklite.Database.open_read_only(database.path)
    for handle in (reader.run(run.id), reader.default_experiment()):
        again = pickle.loads(pickle.dumps(handle))
        with pytest.raises(exceptions.ReadOnlyError):
            again.set_tag("key", "value")
    assert pickle.loads(pickle.dumps(reader)).read_only


def log_in_child(run: tracklite.Run, key: str) -> int:
    """Logs to the pickled handle of a worker."""
    for step in range(100):
        run.log_metric(key, float(step), step)
    return os.getpid()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_log_to_a_pickled_run(database: tracklite.Database, method: str) -> None:
    run = database.default_experiment().start_run()
    run.log_metric("mine", 1.0)
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        keys = [f"worker-{number}" for number in range(4)]
        processes = set(pool.map(log_in_child, [run] * 4, keys, timeout=120))
    assert os.getpid() not in processes
    for key in keys:
        assert run.history(key).values.tolist() == [float(step) for step in range(100)]


def in_fork(check: str, database: tracklite.Database, run: tracklite.Run) -> None:
    """Runs a check in a forked child, which must end soon and without an error."""
    child = os.fork()
    if child == 0:
        try:
            exec(check, {"run": run, "database": database, "tracklite": tracklite})
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child hangs")


@pytest.mark.parametrize(
    "call",
    [
        "run.log_metric('loss', 1.0)",
        "run.log({'loss': 1.0})",
        "run.log({'another': 1.0})",
        "run.log_metric('another', 1.0)",
        "run.set_tag('a', 'b')",
        "run.log_params({'a': 'b'})",
        "run.history('loss')",
        "run.info()",
        "run.log_text('b', 'a.txt')",
        "run.finish()",
        "database.experiment('/new')",
        "database.search_runs()",
        "database.sync()",
        "database.registry().create_model('m')",
    ],
)
def test_a_forked_child_must_open_the_file_again(database: tracklite.Database, call: str) -> None:
    run = database.default_experiment().start_run()
    run.log_metric("loss", 0.5)
    run.log({"loss": 0.5})
    in_fork(
        textwrap.dedent(f"""
            try:
                {call}
            except tracklite.exceptions.ForkedError as error:
                assert error.kind == "forked"
            else:
                raise AssertionError("no error")
        """),
        database,
        run,
    )
    run.log_metric("loss", 0.25)
    assert run.history("loss").values.tolist() == [0.5, 0.5, 0.25]


def test_a_forked_child_opens_the_file_again(database: tracklite.Database) -> None:
    run = database.default_experiment().start_run()
    run.log_metric("loss", 0.5)
    check = """
        again = tracklite.Database.open(database.path).run(run.id)
        assert again.history("loss").values.tolist() == [0.5]
        again.log_metric("child", 0.25)
        del run, database
    """
    in_fork(textwrap.dedent(check), database, run)
    assert run.history("child").values.tolist() == [0.25]


def test_forking_while_threads_log(database: tracklite.Database) -> None:
    run = database.default_experiment().start_run()
    stop = threading.Event()

    def work(key: str) -> None:
        step = 0
        while not stop.is_set():
            run.log({key: 1.0, f"{key}-{step % 50}": 2.0})
            step += 1

    threads = [threading.Thread(target=work, args=(f"thread-{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            check = """
                again = tracklite.Database.open(database.path).run(run.id)
                again.log_metric("child", 1.0)
            """
            in_fork(textwrap.dedent(check), database, run)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(run.history("child")) == 10


def test_threads_log_in_parallel(database: tracklite.Database) -> None:
    run = database.default_experiment().start_run()

    def work(number: int) -> None:
        for step in range(500):
            run.log({"loss": float(number), f"own-{number}": 1.0}, step=step)
            run.log_metric("shared", float(step))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(run.history("loss")) == 4000
    assert len(run.history("shared")) == 4000
    assert sorted(run.history("shared").steps.tolist()) == list(range(4000))


def test_other_threads_run_during_long_calls(database: tracklite.Database) -> None:
    run = database.default_experiment().start_run()
    for key in range(20):
        run.metric(f"m-{key}").log_points([float(step) for step in range(20_000)])
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.perf_counter()
    before = ticks
    for _ in range(3):
        tracklite.Database.verify(database.path)
        run.history("m-0")
    elapsed, after = time.perf_counter() - started, ticks
    done.set()
    thread.join()
    # The interpreter switches threads every 5 ms. A native call that holds the interpreter lock
    # would stop the ticks.
    assert after - before > elapsed * 1000 / 50


def test_ctrl_c_interrupts_a_program(path: Path) -> None:
    program = """
        import signal, sys, tracklite
        # Background processes of a shell ignore it by default.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        database = tracklite.Database.create(sys.argv[1])
        try:
            with database.default_experiment().start_run() as run:
                run.log_metric("loss", 1.0)
                print("ready", flush=True)
                while True:
                    run.set_tag("again", "and again")
        except KeyboardInterrupt:
            print("interrupted", run.info().status.value)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        output, _ = child.communicate(timeout=60)
    assert output == "interrupted KILLED\n"


def test_a_killed_process_loses_nothing(path: Path) -> None:
    program = """
        import os, signal, sys, tracklite
        run = tracklite.Database.create(sys.argv[1]).default_experiment().start_run("killed")
        run.log_params({"depth": 3})
        for step in range(10_000):
            run.log({"loss": float(step), "accuracy": 0.5}, step=step)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    assert subprocess.run(command, timeout=120, check=False).returncode == -signal.SIGKILL
    database = tracklite.Database.open(path)
    run = database.run(database.runs()[0].id)
    assert run.history("loss").values.tolist() == [float(step) for step in range(10_000)]
    assert len(run.history("accuracy")) == 10_000
    assert not run.is_alive()


def test_a_program_may_end_without_closing(path: Path) -> None:
    program = """
        import sys, threading, tracklite
        run = tracklite.Database.create(sys.argv[1]).default_experiment().start_run()
        def log():
            while True:
                run.log({"loss": 1.0})
        for _ in range(2):
            threading.Thread(target=log, daemon=True).start()
        run.log_metric("mine", 1.0)
    """
    for _ in range(3):
        command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
        done = subprocess.run(command, timeout=120, check=False, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_other_threads_run_while_the_last_handle_is_dropped(path: Path) -> None:
    run = tracklite.Database.create(path).default_experiment().start_run()
    run.metric("loss").log_points([0.5] * 2_000_000)
    pauses: list[float] = []
    is_over = threading.Event()

    def measure() -> None:
        before = time.perf_counter()
        while not is_over.is_set():
            now = time.perf_counter()
            pauses.append(now - before)
            before = now
            time.sleep(0.001)

    measuring = threading.Thread(target=measure)
    measuring.start()
    began = time.perf_counter()
    del run
    took = time.perf_counter() - began
    is_over.set()
    measuring.join()
    # Sealing two million points takes a while. Holding the interpreter lock would have stopped the
    # other thread for that time.
    assert max(pauses) < max(took / 2, 0.05), (took, max(pauses))
