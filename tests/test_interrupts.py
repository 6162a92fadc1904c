"""Interrupts that wait."""

import signal
import threading

import pytest

from nnopt_utils._interrupts import deferred_interrupt


def test_waits_until_asked_and_restores_the_handler():
    before = signal.getsignal(signal.SIGINT)
    with deferred_interrupt() as interrupted:
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        assert interrupted() and interrupted()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_one_acts_at_once():
    with pytest.raises(KeyboardInterrupt), deferred_interrupt():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)


def test_elsewhere_than_in_the_main_thread_it_does_nothing():
    answers = []

    def ask():
        with deferred_interrupt() as interrupted:
            answers.append((interrupted(), signal.getsignal(signal.SIGINT) is before))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert answers == [(False, True)]
