import threading
import time

from releaser.shell.ssh.deadlines import Deadlines

AN_HOUR = 3600.0


def test_what_is_over_is_ended_once_and_the_others_are_not() -> None:
    watch, ended, kept = Deadlines(), threading.Event(), []
    with (
        watch.until(time.monotonic() + AN_HOUR, lambda: kept.append("later")),
        watch.until(time.monotonic() + 0.05, ended.set),
    ):
        assert ended.wait(30)
    assert kept == []


def test_what_ended_in_time_is_left_alone() -> None:
    watch, ended, called = Deadlines(), threading.Event(), []
    with watch.until(time.monotonic() + 0.2, lambda: called.append("early")):
        pass
    with watch.until(time.monotonic() + 0.3, ended.set):
        assert ended.wait(30)
    assert called == []


def test_a_shorter_deadline_that_comes_later_is_not_waited_out() -> None:
    watch, ended = Deadlines(), threading.Event()
    with watch.until(time.monotonic() + AN_HOUR, lambda: None):
        began = time.monotonic()
        with watch.until(began + 0.05, ended.set):
            assert ended.wait(30)
        assert time.monotonic() - began < 30


def test_its_thread_ends_when_there_is_nothing_to_watch_and_comes_again() -> None:
    watch = Deadlines(idle=0.1)
    for _ in range(2):
        ended = threading.Event()
        with watch.until(time.monotonic(), ended.set):
            assert ended.wait(30)
        thread = watch._thread
        if thread is not None:
            thread.join(30)
            assert not thread.is_alive()
        assert watch._thread is None
