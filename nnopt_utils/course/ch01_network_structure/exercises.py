"""Exercises of chapter 01: network structure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from nnopt_utils.course.exercises import Exercise, Mistake

Function = Callable[[np.ndarray], np.ndarray]
Pair = tuple[np.ndarray, np.ndarray]


# -- 01.forward_layer ------------------------------------------------------------------------------------------------


def forward_layer(a: np.ndarray, W: np.ndarray, b: np.ndarray, activation: Function) -> np.ndarray:
    return activation(a @ W + b)


def _layer_with_one_bias(a: np.ndarray, W: np.ndarray, b: np.ndarray, activation: Function) -> np.ndarray:
    return activation(a @ W + b[0])


def layer_cases() -> list[tuple]:
    generator = np.random.default_rng(1)
    return [
        (generator.normal(size=(4, 2)), generator.normal(size=(2, 3)), generator.normal(size=3), np.tanh),
        (generator.normal(size=(3, 3)), generator.normal(size=(3, 3)), generator.normal(size=3), _shifted),
    ]


def _shifted(z: np.ndarray) -> np.ndarray:
    """Neither odd nor zero at zero, so that no slip hides."""
    return np.exp(-z) / (1 + np.exp(-z)) + 0.1 * z


# -- 01.largest_width ------------------------------------------------------------------------------------------------


def count_parameters(layer_sizes: Sequence[int]) -> int:
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(layer_sizes))


def _weights_only(layer_sizes: Sequence[int]) -> int:
    return sum(fan_in * fan_out for fan_in, fan_out in pairwise(layer_sizes))


def largest_width(n_in: int, n_out: int, depth: int, budget: int) -> int:
    width = 0
    while count_parameters([n_in, *[width + 1] * depth, n_out]) <= budget:
        width += 1
    return width


def _widest(count: Callable[[Sequence[int]], int]) -> Callable[[int, int, int, int], int]:
    """The same with another count."""

    def widest(n_in: int, n_out: int, depth: int, budget: int) -> int:
        width = 0
        while count([n_in, *[width + 1] * depth, n_out]) <= budget:
            width += 1
        return width

    return widest


def width_cases() -> list[tuple]:
    """One hidden layer and more; a budget that is met exactly, one that misses by one, two too small for any width."""
    return [
        (784, 10, 2, 55_050),
        (784, 10, 2, 55_049),
        (3, 2, 1, 100),
        (2, 5, 3, 1_000),
        (20, 3, 4, 20),
        (2, 9, 1, 5),
    ]


# -- 01.forward_from_theta -------------------------------------------------------------------------------------------


def forward_from_theta(theta: np.ndarray, layer_sizes: Sequence[int], x: np.ndarray) -> np.ndarray:
    a, start = x, 0
    for k, (fan_in, fan_out) in enumerate(pairwise(layer_sizes)):
        W = theta[start : start + fan_in * fan_out].reshape(fan_in, fan_out)
        start += fan_in * fan_out
        b = theta[start : start + fan_out]
        start += fan_out
        z = a @ W + b
        a = z if k == len(layer_sizes) - 2 else np.maximum(z, 0)
    return a


def _unpack(theta: np.ndarray, layer_sizes: Sequence[int]) -> list[Pair]:
    tensors, start = [], 0
    for fan_in, fan_out in pairwise(layer_sizes):
        middle = start + fan_in * fan_out
        tensors.append((theta[start:middle].reshape(fan_in, fan_out), theta[middle : middle + fan_out]))
        start = middle + fan_out
    return tensors


def _run(tensors: list[Pair], x: np.ndarray) -> np.ndarray:
    for k, (W, b) in enumerate(tensors):
        z = x @ W + b
        x = z if k == len(tensors) - 1 else np.maximum(z, 0)
    return x


def _relu_on_output(theta: np.ndarray, layer_sizes: Sequence[int], x: np.ndarray) -> np.ndarray:
    return np.maximum(forward_from_theta(theta, layer_sizes, x), 0)


def _all_activations(theta: np.ndarray, layer_sizes: Sequence[int], x: np.ndarray) -> list[np.ndarray]:
    tensors = _unpack(theta, layer_sizes)
    return [_run(tensors, x) if k == len(tensors) else _hidden(tensors[:k], x) for k in range(1, len(tensors) + 1)]


def _hidden(tensors: list[Pair], x: np.ndarray) -> np.ndarray:
    for W, b in tensors:
        x = np.maximum(x @ W + b, 0)
    return x


def _no_activation(theta: np.ndarray, layer_sizes: Sequence[int], x: np.ndarray) -> np.ndarray:
    for W, b in _unpack(theta, layer_sizes):
        x = x @ W + b
    return x


def _no_biases(theta: np.ndarray, layer_sizes: Sequence[int], x: np.ndarray) -> np.ndarray:
    return _run([(W, 0 * b) for W, b in _unpack(theta, layer_sizes)], x)


def _rows_of_outputs(theta: np.ndarray, layer_sizes: Sequence[int], x: np.ndarray) -> np.ndarray:
    return _run([(W.reshape(W.shape[::-1]).T, b) for W, b in _unpack(theta, layer_sizes)], x)


def _biases_first(theta: np.ndarray, layer_sizes: Sequence[int], x: np.ndarray) -> np.ndarray:
    tensors, start = [], 0
    for fan_in, fan_out in pairwise(layer_sizes):
        middle = start + fan_out
        stop = middle + fan_in * fan_out
        tensors.append((theta[middle:stop].reshape(fan_in, fan_out), theta[start:middle]))
        start = stop
    return _run(tensors, x)


def _weights_before_all_biases(theta: np.ndarray, layer_sizes: Sequence[int], x: np.ndarray) -> np.ndarray:
    tensors, start, bias_start = [], 0, _weights_only(layer_sizes)
    for fan_in, fan_out in pairwise(layer_sizes):
        stop = start + fan_in * fan_out
        tensors.append((theta[start:stop].reshape(fan_in, fan_out), theta[bias_start : bias_start + fan_out]))
        start, bias_start = stop, bias_start + fan_out
    return _run(tensors, x)


def _never_past_the_biases(theta: np.ndarray, layer_sizes: Sequence[int], x: np.ndarray) -> np.ndarray:
    tensors, start = [], 0
    for fan_in, fan_out in pairwise(layer_sizes):
        stop = start + fan_in * fan_out
        tensors.append((theta[start:stop].reshape(fan_in, fan_out), theta[stop : stop + fan_out]))
        start = stop
    return _run(tensors, x)


def theta_cases() -> list[tuple]:
    generator = np.random.default_rng(2)
    cases = []
    for sizes, n in (([3, 4, 2], 5), ([2, 3, 3, 1], 4)):
        theta = generator.normal(size=count_parameters(sizes))
        cases.append((theta, sizes, generator.normal(size=(n, sizes[0]))))
    return cases


# -- 01.initial_weights ----------------------------------------------------------------------------------------------


def initial_weights(fan_in: int, fan_out: int, activation: str, generator: np.random.Generator) -> np.ndarray:
    variance = 2 / fan_in if activation == "relu" else 2 / (fan_in + fan_out)
    return generator.normal(0, np.sqrt(variance), size=(fan_in, fan_out))


def _with_std(std: Callable[[int, int, str], float]) -> Callable[..., np.ndarray]:
    def initializer(fan_in: int, fan_out: int, activation: str, generator: np.random.Generator) -> np.ndarray:
        return generator.normal(0, std(fan_in, fan_out, activation), size=(fan_in, fan_out))

    return initializer


def _right_std(fan_in: int, fan_out: int, activation: str) -> float:
    return float(np.sqrt(2 / fan_in if activation == "relu" else 2 / (fan_in + fan_out)))


def _own_seed(fan_in: int, fan_out: int, activation: str, generator: np.random.Generator) -> np.ndarray:
    return initial_weights(fan_in, fan_out, activation, np.random.default_rng(0))


def _equal_units(fan_in: int, fan_out: int, activation: str, generator: np.random.Generator) -> np.ndarray:
    column = generator.normal(0, _right_std(fan_in, fan_out, activation), size=(fan_in, 1))
    return np.tile(column, (1, fan_out))


def _uniform(fan_in: int, fan_out: int, activation: str, generator: np.random.Generator) -> np.ndarray:
    reach = np.sqrt(3) * _right_std(fan_in, fan_out, activation)
    return generator.uniform(-reach, reach, size=(fan_in, fan_out))


def _distribution(weights: np.ndarray) -> str:
    """Name a distribution by its kurtosis: 3 of normal, 1.8 of uniform numbers (Laplace's have 6, mere signs 1)."""
    spread = weights - weights.mean()
    kurtosis = np.mean(spread**4) / max(float(np.mean(spread**2)) ** 2, 1e-300)
    if 2.4 < kurtosis < 4:
        return "normal"
    return "uniform" if 1.7 < kurtosis < 1.9 else "other"


def describe_weights(
    initializer: Callable[..., Any], fan_in: int, fan_out: int, activation: str, seed: int
) -> dict[str, Any] | None:
    """What matters about random weights: any numbers of the right size will do."""
    generator = np.random.default_rng(seed)
    before = generator.bit_generator.state
    drawn = [initializer(fan_in, fan_out, activation, generator) for _ in range(2)]
    if drawn[0] is None:
        return None
    first, second = (np.asarray(weights, dtype=float) for weights in drawn)
    if first.shape != (fan_in, fan_out) and first.shape != (fan_out, fan_in):
        return {"shape": first.shape}
    std = float(first.std())
    return {
        "shape": first.shape,
        "units differ": len(np.unique(first, axis=1).T) == first.shape[1],
        "new numbers each call": not np.array_equal(first, second),
        "drawn from the generator": generator.bit_generator.state != before,
        "standard deviation": std,
        "mean": float(first.mean()),
        "distribution": _distribution(first),
    }


def compare_weights(got: Any, expected: dict[str, Any]) -> bool | str:
    """Say what is off about the numbers that were drawn."""
    shape, std = got["shape"], expected["standard deviation"]
    if shape != expected["shape"]:
        return f"your result has the shape {shape}; expected {expected['shape']}, a row for each input"
    if abs(got["standard deviation"] - std) > 0.01 * std + 1e-3:
        return f"your numbers have the standard deviation {got['standard deviation']:.4f}; expected {std:.4f}"
    if abs(got["mean"] - expected["mean"]) > 1e-3 + 0.02 * std:
        return f"your numbers have the mean {got['mean']:.4f}; expected nearly 0"
    if expected["units differ"] and not got["units differ"]:
        return "some of your units have equal weights; expected numbers of its own for each"
    if got["distribution"] != expected["distribution"]:
        return f"your numbers have the right mean and deviation, but they are not {expected['distribution']}"
    return all(got[name] == expected[name] for name in got if isinstance(got[name], bool))


# -- 01.collapse -----------------------------------------------------------------------------------------------------


def collapse(weights: Sequence[np.ndarray], biases: Sequence[np.ndarray]) -> Pair:
    W, b = weights[0], biases[0]
    for next_W, next_b in zip(weights[1:], biases[1:], strict=True):
        W, b = W @ next_W, b @ next_W + next_b
    return W, b


def _product(weights: Sequence[np.ndarray]) -> np.ndarray:
    W = weights[0]
    for next_W in weights[1:]:
        W = W @ next_W
    return W


def _reversed_product(weights: Sequence[np.ndarray], biases: Sequence[np.ndarray]) -> Pair:
    return _product(weights[::-1]), collapse(weights, biases)[1]


def _last_biases_lost(weights: Sequence[np.ndarray], biases: Sequence[np.ndarray]) -> Pair:
    return _product(weights), biases[0] @ _product(weights[1:])


def collapse_cases() -> list[tuple]:
    generator = np.random.default_rng(3)
    cases = []
    for sizes in ([2, 3, 4], [3, 3, 3, 3]):
        weights = [generator.normal(size=shape) for shape in pairwise(sizes)]
        cases.append((weights, [generator.normal(size=n) for n in sizes[1:]]))
    return cases


EXERCISES = [
    Exercise(
        name="01.count_by_hand",
        task="Predict the number of parameters of a network 20-50-3, weights and biases: replace None by a number.",
        reference=1203,
        mistakes=[
            Mistake("These are the weights. Each node that computes something has a bias as well.", 1150),
            Mistake("You gave the inputs biases, too. They compute nothing: they are the data.", 1223),
            Mistake("These are the biases. There is a weight on each edge between neighbouring layers.", 53),
            Mistake("You counted nodes. The parameters are the weights on the edges and the biases.", 73),
            Mistake("You multiplied all widths. Only neighbouring layers are joined: add one product a gap.", 3000),
            Mistake("The output nodes have biases, too: 3 are missing.", 1200),
            Mistake("The hidden nodes have biases, too: 50 are missing.", 1153),
            Mistake(
                "Close, but a count is right or wrong. Add up again: two products, and a bias a computing node.",
                lambda answer: 1100 <= answer <= 1300 and answer != 1203,
                example=1202,
            ),
        ],
        explanation="20 · 50 + 50 + 50 · 3 + 3.",
    ),
    Exercise(
        name="01.equal_units",
        task=(
            "A 2-16-2 network starts with all weights 0.3 and all biases 0. Predict how many different hidden units "
            "it has after 1,000 steps: replace None by a number."
        ),
        reference=1,
        mistakes=[
            Mistake("What could make equal units different? They have equal inputs and equal gradients.", 16),
            Mistake("Two outputs do not help: every hidden unit is joined to both by equal weights.", 2),
            Mistake("They are units still, but how many of them compute something of their own?", 0),
        ],
        explanation="Equal units get equal gradients, so they stay equal: it is a 2-1-2 network.",
    ),
    Exercise(
        name="01.forward_layer",
        task="Write forward_layer(a, W, b, activation): return the activations of one layer, a row a sample.",
        reference=forward_layer,
        cases=layer_cases,
        mistakes=[
            Mistake(
                "The bias is missing. Without it every unit with tanh or ReLU gives 0 for the input 0.",
                lambda a, W, b, activation: activation(a @ W),
            ),
            Mistake(
                "The activation is missing: you returned z. Without activations a deep network is one linear map.",
                lambda a, W, b, activation: a @ W + b,
            ),
            Mistake(
                "The bias comes after the activation. It belongs inside, where it shifts the place of the bend.",
                lambda a, W, b, activation: activation(a @ W) + b,
            ),
            Mistake(
                "You put the inputs through the activation. It is the sum z that goes through.",
                lambda a, W, b, activation: activation(a) @ W + b,
            ),
            Mistake(
                "You used W transposed. In this course W is (fan-in, fan-out): column j belongs to unit j.",
                lambda a, W, b, activation: activation(a @ W.T + b),
            ),
            Mistake(
                "Every unit got the bias of the first one. Each has its own: b is added to each row of a @ W.",
                _layer_with_one_bias,
            ),
            Mistake(
                "You always use ReLU. Use the function that is handed in as activation.",
                lambda a, W, b, activation: np.maximum(a @ W + b, 0),
            ),
        ],
    ),
    Exercise(
        name="01.largest_width",
        task=(
            "Write largest_width(n_in, n_out, depth, budget): the largest width of `depth` equal hidden layers with "
            "which the network has at most `budget` parameters, or 0."
        ),
        reference=largest_width,
        cases=width_cases,
        mistakes=[
            Mistake(
                "You counted the weights only. Every node after the input has a bias, and it takes room, too.",
                _widest(_weights_only),
            ),
            Mistake(
                "The input nodes got biases. They compute nothing: only nodes after the input have one.",
                _widest(lambda sizes: _weights_only(sizes) + sum(sizes)),
            ),
            Mistake(
                "The biases of the output layer are missing. The outputs compute a sum, too.",
                _widest(lambda sizes: _weights_only(sizes) + sum(sizes[1:-1])),
            ),
            Mistake(
                "You counted one hidden layer. There are `depth` of them, and depth - 1 matrices between them.",
                lambda n_in, n_out, depth, budget: largest_width(n_in, n_out, 1, budget),
            ),
            Mistake(
                "There is a matrix too many between the hidden layers: depth layers have depth - 1 gaps.",
                lambda n_in, n_out, depth, budget: largest_width(n_in, n_out, depth + 1, budget),
            ),
            Mistake(
                "One too wide: the first width that does not fit. The one before it is asked for.",
                lambda n_in, n_out, depth, budget: largest_width(n_in, n_out, depth, budget) + 1,
            ),
            Mistake(
                "A network with exactly `budget` parameters fits: at most means <=.",
                lambda n_in, n_out, depth, budget: largest_width(n_in, n_out, depth, budget - 1),
            ),
            Mistake(
                "Where not even width 1 fits, the answer is 0.",
                lambda n_in, n_out, depth, budget: max(largest_width(n_in, n_out, depth, budget), 1),
            ),
        ],
    ),
    Exercise(
        name="01.forward_from_theta",
        task=(
            "Write forward_from_theta(theta, layer_sizes, x): cut theta into W, b, W, b, … and return the outputs; "
            "ReLU after each layer but the last."
        ),
        reference=forward_from_theta,
        cases=theta_cases,
        describe_case=lambda theta, sizes, x: f"layer_sizes = {sizes} and {len(x)} samples",
        mistakes=[
            Mistake(
                "The last layer went through ReLU. Outputs must be free to be negative: the last layer has none.",
                _relu_on_output,
            ),
            Mistake(
                "You returned the activations of all layers. Only the outputs are asked for: those of the last.",
                _all_activations,
            ),
            Mistake("There is no activation between the layers, so this network is linear.", _no_activation),
            Mistake("The biases are cut out of theta but never added.", _no_biases),
            Mistake(
                "You filled W as (fan-out, fan-in). In theta it lies row after row as (fan-in, fan-out): "
                "reshape to that, and do not transpose.",
                _rows_of_outputs,
            ),
            Mistake("You read the biases before the weights. In theta each layer's W comes first.", _biases_first),
            Mistake(
                "You read all weights first and then all biases. Theta goes layer by layer: W, b, W, b.",
                _weights_before_all_biases,
            ),
            Mistake(
                "You never moved past the biases: the next W begins after them, not where they begin.",
                _never_past_the_biases,
            ),
        ],
    ),
    Exercise(
        name="01.initial_weights",
        task=(
            "Write initial_weights(fan_in, fan_out, activation, generator): normal weights of shape (fan_in, fan_out) "
            "with He's variance if activation is \"relu\", else with Glorot's."
        ),
        reference=initial_weights,
        cases=lambda: [
            (400, 300, "relu", 1),
            (400, 300, "tanh", 2),
            (150, 600, "relu", 3),
            (600, 200, "sigmoid", 4),
            (300, 500, "leaky_relu", 5),
        ],
        call=describe_weights,
        compare=compare_weights,
        mistakes=[
            Mistake(
                "That is the variance. generator.normal takes a standard deviation: the root of it.",
                _with_std(lambda fan_in, fan_out, activation: _right_std(fan_in, fan_out, activation) ** 2),
            ),
            Mistake(
                "He's variance uses fan-in: as many terms as each unit adds up. You used fan-out.",
                _with_std(
                    lambda i, o, activation: float(np.sqrt(2 / o)) if activation == "relu" else _right_std(i, o, "")
                ),
            ),
            Mistake(
                "All got He's variance. It is for \"relu\" alone; any other activation gets Glorot's.",
                _with_std(lambda i, o, activation: _right_std(i, o, "relu")),
            ),
            Mistake(
                "All got Glorot's variance. ReLU loses half of the mean square: there it is He's, 2 / fan_in.",
                _with_std(lambda i, o, activation: _right_std(i, o, "")),
            ),
            Mistake(
                'tanh alone got Glorot\'s variance. The task says any activation but "relu", such as "sigmoid".',
                _with_std(lambda i, o, activation: _right_std(i, o, "tanh" if activation == "tanh" else "relu")),
            ),
            Mistake(
                "The variance is right, but these numbers are uniform. The task asks for normal ones.",
                _uniform,
            ),
            Mistake(
                "ReLU got Glorot's variance and tanh got He's: exchange the two.",
                _with_std(lambda i, o, activation: _right_std(i, o, "tanh" if activation == "relu" else "relu")),
            ),
            Mistake(
                "ReLU has 1/fan-in here: the 2 that makes up for the lost half is missing.",
                _with_std(
                    lambda i, o, activation: float(np.sqrt(1 / i)) if activation == "relu" else _right_std(i, o, "")
                ),
            ),
            Mistake(
                "The shape is (fan_out, fan_in). In this course a row belongs to an input: x @ W + b.",
                lambda *arguments: initial_weights(*arguments).T,
            ),
            Mistake(
                "Every call gives the same numbers: you made a generator of your own. Use the one that is handed in.",
                _own_seed,
            ),
            Mistake(
                "The numbers come from elsewhere, so nobody can draw them again. Use the generator that is handed in.",
                lambda i, o, activation, generator: initial_weights(i, o, activation, np.random.default_rng()),
            ),
            Mistake(
                "Units have equal weights, and so compute the same at the start: draw a number for each entry.",
                _equal_units,
            ),
        ],
    ),
    Exercise(
        name="01.collapse",
        task=(
            "Write collapse(weights, biases): return the one pair (W, b) that does the same as all the linear layers, "
            "one after the other."
        ),
        reference=collapse,
        cases=collapse_cases,
        describe_case=lambda weights, biases: f"layers of shape {', '.join(str(W.shape) for W in weights)}",
        mistakes=[
            Mistake(
                "You added up the biases. A bias goes through all later layers: multiply it by their weights.",
                lambda weights, biases: (_product(weights), sum(biases)),
            ),
            Mistake(
                "Only the last bias is there. The earlier ones come through the later weights.",
                lambda weights, biases: (_product(weights), biases[-1]),
            ),
            Mistake(
                "Only the first bias is carried through; the biases of the later layers are lost.",
                _last_biases_lost,
            ),
            Mistake(
                "The matrices are multiplied from last to first. With rows as samples the first layer stands left.",
                _reversed_product,
            ),
            Mistake(
                "You left out all biases: for the input 0 the layers do not give 0.",
                lambda weights, biases: (_product(weights), np.zeros(len(biases[-1]))),
            ),
        ],
    ),
]
