"""Rehearsals: messages, steps, and errors that end them."""

import numpy as np
import pytest

from nnopt_utils.parallel import Send, rehearse


def shout(vector, link):
    """Everyone sends to everyone and adds."""
    for to in range(link.size):
        if to != link.rank:
            link.send(to, vector)
    own = vector.copy()
    for origin in range(link.size):
        if origin != link.rank:
            own += link.receive(origin)
    vector[:] = own


def test_messages_and_bytes():
    rehearsal = rehearse(shout, [[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    assert [result.tolist() for result in rehearsal.results] == [[111.0, 222.0]] * 3
    assert rehearsal.bytes_sent == [32, 32, 32]
    assert {(send.origin, send.to) for send in rehearsal.sends} == {
        (a, b) for a in range(3) for b in range(3) if a != b
    }


def test_a_sender_needs_a_step_for_each_message():
    rehearsal = rehearse(shout, np.eye(4))
    assert rehearsal.steps == 3
    for rank in range(4):
        assert [send.step for send in rehearsal.sends if send.origin == rank] == [1, 2, 3]


def test_steps_are_the_longest_chain():
    def chain(vector, link):
        if link.rank:
            vector += link.receive(link.rank - 1)
        if link.rank < link.size - 1:
            link.send(link.rank + 1, vector)

    rehearsal = rehearse(chain, np.ones((5, 1)))
    assert rehearsal.steps == 4 and rehearsal.results[-1].item() == 5.0
    assert [send.origin for send in rehearsal.sends] == [0, 1, 2, 3]


def test_what_was_sent_and_what_arrived_are_copies():
    def careless(vector, link):
        link.send(1 - link.rank, vector)
        vector[:] = -1.0
        arrived = link.receive(1 - link.rank)
        arrived *= 2
        vector[:] = arrived

    given = [np.array([1.0]), np.array([2.0])]
    rehearsal = rehearse(careless, given)
    assert [result.item() for result in rehearsal.results] == [4.0, 2.0]
    assert sorted(send.values.item() for send in rehearsal.sends) == [1.0, 2.0]
    assert [vector.item() for vector in given] == [1.0, 2.0]


def test_nobody_sends_where_nothing_is_exchanged():
    rehearsal = rehearse(lambda vector, link: None, [[1.0]])
    assert rehearsal.steps == 0 and rehearsal.sends == [] and rehearsal.bytes_sent == [0]


def test_an_error_of_one_is_raised_and_the_others_do_not_wait_for_ever():
    def broken(vector, link):
        if link.rank == 1:
            raise KeyError("mine")
        link.receive(1)

    with pytest.raises(KeyError, match="mine"):
        rehearse(broken, np.ones((3, 2)))


def test_waiting_for_what_nobody_sends(monkeypatch):
    monkeypatch.setattr("nnopt_utils.parallel.links.PATIENCE", 0.05)
    with pytest.raises(ValueError, match=r"exchange: worker \d waits for worker \d, which sends nothing"):
        rehearse(lambda vector, link: link.receive(1 - link.rank), np.ones((2, 2)))


@pytest.mark.parametrize(
    "exchange, vectors, error",
    [
        (3, [[1.0]], "exchange: got 3; expected a function of a vector and a link"),
        (shout, [], "vectors: got lengths"),
        (shout, [[1.0], [1.0, 2.0]], r"vectors: got lengths \[1, 2\]"),
        (shout, [[[1.0]]], r"vectors\[0\]: got .*expected 1 dimension"),
    ],
)
def test_bad_arguments(exchange, vectors, error):
    with pytest.raises((TypeError, ValueError), match=error):
        rehearse(exchange, vectors)


def test_a_message_knows_its_bytes():
    assert Send(1, 0, 1, np.zeros(5, np.float32)).n_bytes == 20
