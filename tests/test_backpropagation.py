"""The passes by themselves, against sums written out; ``test_networks`` checks them against central differences."""

from itertools import pairwise

import numpy as np

from nnopt_utils.activations import get_activation
from nnopt_utils.backpropagation import backward_pass, forward_pass, parameter_gradients

FUNCTIONS = [get_activation("tanh"), get_activation("linear")]
SIZES = [3, 4, 5, 2]


def layers(seed=0):
    generator = np.random.default_rng(seed)
    weights = [generator.normal(size=shape) for shape in pairwise(SIZES)]
    biases = [generator.normal(size=n) for n in SIZES[1:]]
    return generator.normal(size=(6, 3)), weights, biases, generator.normal(size=(6, 2))


def test_forward():
    x, weights, biases, _ = layers()
    z, a = forward_pass(x, weights, biases, FUNCTIONS)
    assert a[0] is x and a[-1] is z[-1]
    for k in range(3):
        np.testing.assert_allclose(z[k], a[k] @ weights[k] + biases[k])
    np.testing.assert_array_equal(a[1], np.tanh(z[0]))
    np.testing.assert_array_equal(a[2], z[1])


def test_backward_by_the_chain_rule_over_single_paths():
    x, weights, biases, delta = layers()
    z, _ = forward_pass(x, weights, biases, FUNCTIONS)
    before = delta.copy()
    deltas = backward_pass(delta, z, weights, FUNCTIONS)
    np.testing.assert_array_equal(delta, before)
    assert [d.shape for d in deltas] == [(6, 4), (6, 5), (6, 2)] and deltas[-1] is delta
    for i, j in np.ndindex(6, 4):  # the sum over all paths from unit j to the outputs; the middle layer has slope 1
        paths = [
            weights[1][j, m] * weights[2][m, o] * delta[i, o] * (1 - np.tanh(z[0][i, j]) ** 2)
            for m, o in np.ndindex(5, 2)
        ]
        np.testing.assert_allclose(deltas[0][i, j], sum(paths), rtol=1e-12)


def test_gradients_are_written_into_their_places():
    x, weights, biases, delta = layers()
    z, a = forward_pass(x, weights, biases, FUNCTIONS)
    deltas = backward_pass(delta, z, weights, FUNCTIONS)
    dW, db = [np.full_like(W, np.nan) for W in weights], [np.full_like(b, np.nan) for b in biases]
    parameter_gradients(a, deltas, dW, db)
    for k in range(3):
        np.testing.assert_allclose(dW[k], sum(np.outer(a[k][i], deltas[k][i]) for i in range(6)))
        np.testing.assert_allclose(db[k], sum(deltas[k]))
