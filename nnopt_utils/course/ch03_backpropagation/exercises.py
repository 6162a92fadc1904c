"""Exercises of chapter 03: backpropagation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnopt_utils.course.exercises import Exercise, Mistake

Array = np.ndarray
Gradients = tuple[Array, Array, Array, Array]


# -- 03.slopes_on_a_graph --------------------------------------------------------------------------------------------

Users = list[list[tuple[int, float]]]


def slopes_on_a_graph(users: Users) -> list[float]:
    slopes = [0.0] * len(users)
    slopes[-1] = 1.0
    for k in reversed(range(len(users) - 1)):
        slopes[k] = float(sum(slopes[user] * local for user, local in users[k]))
    return slopes


def _slopes(users: Users, joined: Callable[[list[float]], float]) -> list[float]:
    """Slopes from the last node to the first, with the messages of a node's users joined somehow."""
    slopes = [0.0] * len(users)
    slopes[-1] = 1.0
    for k in reversed(range(len(users) - 1)):
        if users[k]:
            slopes[k] = float(joined([slopes[user] * local for user, local in users[k]]))
    return slopes


def _from_the_start(users: Users) -> list[float]:
    slopes = [0.0] * len(users)
    slopes[-1] = 1.0
    for k in range(len(users) - 1):
        slopes[k] = sum(slopes[user] * local for user, local in users[k])
    return slopes


def _every_end_is_one(users: Users) -> list[float]:
    slopes = [1.0] * len(users)
    for k in reversed(range(len(users))):
        if users[k]:
            slopes[k] = sum(slopes[user] * local for user, local in users[k])
    return slopes


def graph_cases() -> list[tuple]:
    """A graph of the text at other values, a square (the same pair twice) beside an unused node, and a long one."""
    generator = np.random.default_rng(34)
    long: Users = []
    for k in range(7):
        n_users = int(generator.integers(1, 4))
        chosen = generator.integers(k + 1, 8, size=n_users)
        long.append([(int(user), float(generator.integers(-5, 6)) / 2 + 0.25) for user in chosen])
    return [
        ([[(2, 1.0)], [(2, 1.0), (3, 5.0)], [(3, -3.0)], [(4, -15.0)], []],),
        ([[(1, 4.0), (3, -2.0)], [(2, 3.0), (2, 3.0)], [(4, 0.5)], [], []],),
        ([*long, []],),
    ]


# -- 03.sigmoid_backward ---------------------------------------------------------------------------------------------


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def sigmoid_backward(z: Array, upstream: Array) -> Array:
    a = _sigmoid(z)
    return upstream * a * (1 - a)


def _derivative_of_derivative(z: Array, upstream: Array) -> Array:
    return sigmoid_backward(_sigmoid(z), upstream)


def sigmoid_cases() -> list[tuple]:
    generator = np.random.default_rng(31)
    return [
        (np.array([0.5, -2.0, 3.0]), np.array([1.0, -0.5, 2.0])),
        (generator.normal(size=(4, 3)), generator.normal(size=(4, 3))),
    ]


# -- 03.linear_backward ----------------------------------------------------------------------------------------------


def linear_backward(x: Array, W: Array, upstream: Array) -> tuple[Array, Array, Array]:
    return x.T @ upstream, upstream.sum(axis=0), upstream @ W.T


def linear_cases() -> list[tuple]:
    generator = np.random.default_rng(32)
    sizes = [(4, 2, 3), (3, 3, 3), (1, 3, 2)]
    return [
        (generator.normal(size=(n, m)), generator.normal(size=(m, k)), generator.normal(size=(n, k)))
        for n, m, k in sizes
    ]


# -- 03.network_gradient ---------------------------------------------------------------------------------------------


def _forward(x: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> tuple[Array, Array, Array]:
    z1 = x @ W1 + b1
    a1 = np.tanh(z1)
    logits = a1 @ W2 + b2
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return z1, a1, e / e.sum(axis=1, keepdims=True)


def _one_hot(y: Array, n_classes: int) -> Array:
    return np.eye(n_classes)[y]


def _collect(x: Array, a1: Array, delta1: Array, delta2: Array) -> Gradients:
    return x.T @ delta1, delta1.sum(axis=0), a1.T @ delta2, delta2.sum(axis=0)


def network_gradient(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Gradients:
    _, a1, p = _forward(x, W1, b1, W2, b2)
    delta2 = (p - _one_hot(y, p.shape[1])) / len(x)
    delta1 = (delta2 @ W2.T) * (1 - a1**2)
    return _collect(x, a1, delta1, delta2)


def _without_derivative(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Gradients:
    _, a1, p = _forward(x, W1, b1, W2, b2)
    delta2 = (p - _one_hot(y, p.shape[1])) / len(x)
    return _collect(x, a1, delta2 @ W2.T, delta2)


def _derivative_at_activation(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Gradients:
    _, a1, p = _forward(x, W1, b1, W2, b2)
    delta2 = (p - _one_hot(y, p.shape[1])) / len(x)
    return _collect(x, a1, (delta2 @ W2.T) * (1 - np.tanh(a1) ** 2), delta2)


def _z_squared(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Gradients:
    z1, a1, p = _forward(x, W1, b1, W2, b2)
    delta2 = (p - _one_hot(y, p.shape[1])) / len(x)
    return _collect(x, a1, (delta2 @ W2.T) * (1 - z1**2), delta2)


def _sum_over_samples(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Gradients:
    g = network_gradient(x, y, W1, b1, W2, b2)
    return len(x) * g[0], len(x) * g[1], len(x) * g[2], len(x) * g[3]


def _softmax_slope_twice(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Gradients:
    _, a1, p = _forward(x, W1, b1, W2, b2)
    delta2 = (p - _one_hot(y, p.shape[1])) * p * (1 - p) / len(x)
    return _collect(x, a1, (delta2 @ W2.T) * (1 - a1**2), delta2)


def _targets_forgotten(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Gradients:
    _, a1, p = _forward(x, W1, b1, W2, b2)
    delta2 = p / len(x)
    return _collect(x, a1, (delta2 @ W2.T) * (1 - a1**2), delta2)


def _labels_as_numbers(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Gradients:
    _, a1, p = _forward(x, W1, b1, W2, b2)
    delta2 = (p - y[:, None]) / len(x)
    return _collect(x, a1, (delta2 @ W2.T) * (1 - a1**2), delta2)


def _one_softmax_for_all(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Gradients:
    _, a1, _ = _forward(x, W1, b1, W2, b2)
    logits = a1 @ W2 + b2
    e = np.exp(logits - logits.max())
    delta2 = (e / e.sum() - _one_hot(y, len(b2))) / len(x)
    return _collect(x, a1, (delta2 @ W2.T) * (1 - a1**2), delta2)


def _bias_means(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Gradients:
    g = network_gradient(x, y, W1, b1, W2, b2)
    return g[0], g[1] / len(x), g[2], g[3] / len(x)


def _z_for_a(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Gradients:
    z1, a1, p = _forward(x, W1, b1, W2, b2)
    delta2 = (p - _one_hot(y, p.shape[1])) / len(x)
    return _collect(x, z1, (delta2 @ W2.T) * (1 - a1**2), delta2)


def _linear_forwards(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Gradients:
    z1 = x @ W1 + b1
    logits = z1 @ W2 + b2
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    delta2 = (e / e.sum(axis=1, keepdims=True) - _one_hot(y, len(b2))) / len(x)
    return _collect(x, z1, (delta2 @ W2.T) * (1 - np.tanh(z1) ** 2), delta2)


def _rows_for_entries(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Gradients:
    _, a1, p = _forward(x, W1, b1, W2, b2)
    delta2 = p.copy()
    delta2[y] -= 1
    delta2 /= len(x)
    return _collect(x, a1, (delta2 @ W2.T) * (1 - a1**2), delta2)


def _mean_over_entries(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Gradients:
    g = network_gradient(x, y, W1, b1, W2, b2)
    return g[0] / len(b2), g[1] / len(b2), g[2] / len(b2), g[3] / len(b2)


def network_cases() -> list[tuple]:
    generator = np.random.default_rng(33)
    cases = []
    for n, inputs, hidden, classes in [(5, 3, 4, 2), (3, 2, 3, 3)]:
        y = generator.integers(classes, size=n)
        y[:2] = [classes - 1, 0]  # different ones, so that labels tell rows and columns apart
        cases.append(
            (
                generator.normal(size=(n, inputs)),
                y,
                generator.normal(size=(inputs, hidden)),
                generator.normal(size=hidden),
                generator.normal(size=(hidden, classes)),
                generator.normal(size=classes),
            )
        )
    # Logits of some thousands, of another size in each sample: exp alone overflows, as does one shift for all samples.
    x, y, W1, b1, W2, b2 = cases[-1]
    return [*cases, (x * np.array([[1.0], [0.1], [0.5]]), y, W1, 0.1 * b1, 5000 * W2, b2)]


# -- 03.central_difference -------------------------------------------------------------------------------------------

Function = Callable[[Array], float]


def central_difference(function: Function, theta: Array, h: float) -> Array:
    gradient = np.zeros(len(theta))
    for i in range(len(theta)):
        step = np.zeros(len(theta))
        step[i] = h
        gradient[i] = (function(theta + step) - function(theta - step)) / (2 * h)
    return gradient


def _forward_difference(function: Function, theta: Array, h: float) -> Array:
    unit = np.eye(len(theta))
    return np.array([(function(theta + h * e) - function(theta)) / h for e in unit])


def _all_at_once(function: Function, theta: Array, h: float) -> Array:
    slope = (function(theta + h) - function(theta - h)) / (2 * h)
    return np.full(len(theta), slope)


def _not_put_back(function: Function, theta: Array, h: float) -> Array:
    moving, gradient = theta.copy(), np.zeros(len(theta))
    for i in range(len(theta)):
        moving[i] += h
        above = function(moving)
        moving[i] -= 2 * h
        gradient[i] = (above - function(moving)) / (2 * h)
    return gradient


def _halfway(function: Function, theta: Array, h: float) -> Array:
    return central_difference(function, theta, h / 2)


def _polynomial(theta: Array) -> float:
    return float(theta[0] ** 3 + 2 * theta[0] * theta[1] - theta[1] ** 2)


def _waves(theta: Array) -> float:
    return float(np.sin(theta[0]) * np.exp(0.5 * theta[1]) + theta[2] ** 4 + theta[0] * theta[2])


def difference_cases() -> list[tuple]:
    """Steps so large that the estimates themselves, not their limits, tell the formulas apart."""
    return [
        (_polynomial, np.array([1.0, -2.0]), 0.1),
        (_waves, np.array([0.4, 1.0, -0.7]), 0.05),
    ]


EXERCISES = [
    Exercise(
        name="03.shared_weight",
        task="Predict dJ/dw of J = ½ c², c = a + w, a = w·x at w = 3, x = 4: replace None by your number.",
        reference=75.0,
        mistakes=[
            Mistake("You followed only the path through a. w also enters c directly: the two paths add.", 60.0),
            Mistake("You followed only the direct path from w to c. w also acts through a = w·x.", 15.0),
            Mistake("The derivative of ½c² is c, not 2c: the ½ is there to cancel the 2.", 150.0),
            Mistake(
                "That is dc/dw, the local part. It still has to be multiplied by dJ/dc, the message from above.", 5.0
            ),
            Mistake("The local derivative of a = w·x with respect to w is x = 4. You used the value a = 12.", 195.0),
            Mistake("That is the value of J itself; the question is its derivative with respect to w.", 112.5),
            Mistake(
                "c times w is no derivative. dJ/dc = c is the message; what goes with it is dc/dw, not the value of w.",
                45.0,
            ),
        ],
        explanation="dJ/dc = c = 15, and dc/dw = x + 1 = 5, one term for each path: 15 · 5 = 75.",
    ),
    Exercise(
        name="03.slopes_on_a_graph",
        task=(
            "Write slopes_on_a_graph(users): users[k] holds the pairs (user, local slope) of node k, and the last node "
            "is J. Return the list of dJ/dnode of all nodes."
        ),
        reference=slopes_on_a_graph,
        cases=graph_cases,
        mistakes=[
            Mistake(
                "A node with several users keeps only the message of the last one. Messages are added over all users.",
                lambda users: _slopes(users, lambda messages: messages[-1]),
            ),
            Mistake(
                "A node with several users takes only the message of the first one. Messages are added over all users.",
                lambda users: _slopes(users, lambda messages: messages[0]),
            ),
            Mistake(
                "Along a path slopes are multiplied; the messages of different users are added.",
                lambda users: _slopes(users, lambda messages: float(np.prod(messages))),
            ),
            Mistake(
                "You took the mean over the users. Each of them moves J on its own, so their messages are added.",
                lambda users: _slopes(users, lambda messages: sum(messages) / len(messages)),
            ),
            Mistake(
                "You added the local slopes. Multiply each by the message from above, the user's own slope.",
                lambda users: [*(float(sum(local for _, local in pairs)) for pairs in users[:-1]), 1.0],
            ),
            Mistake(
                "You added the users' slopes without the local ones: a message is multiplied on its way.",
                lambda users: _slopes([[(user, 1.0) for user, _ in pairs] for pairs in users], sum),
            ),
            Mistake(
                "You went from the first node to the last, and asked users that had no slope yet. Begin at J.",
                _from_the_start,
            ),
            Mistake(
                "The slope of J with respect to itself is 1, not 0: with 0 no message starts.",
                lambda users: [0.0] * len(users),
            ),
            Mistake(
                "A node that nobody uses does not reach J: its slope is 0. Only J itself starts with 1.",
                _every_end_is_one,
            ),
            Mistake(
                "A pair may stand twice in a list: a · a uses a twice, and both messages count.",
                lambda users: slopes_on_a_graph([list(dict.fromkeys(pairs)) for pairs in users]),
            ),
        ],
        explanation="From the last node to the first, each after all its users: message times local slope, added.",
    ),
    Exercise(
        name="03.cost",
        task=(
            "Predict how many multiplications the matrix products of forward and backward pass of 50-100-20-10 need "
            "for one sample, without the gradient with respect to the input: replace None by your number."
        ),
        reference=16_600,
        mistakes=[
            Mistake(
                "Backward is more than forward: each layer has a product for its weights' gradient, "
                "and every layer but the first one more, which passes δ on.",
                14_400,
            ),
            Mistake(
                "You counted the gradient with respect to the input as well. Nobody needs it: "
                "the first layer passes nothing on.",
                21_600,
            ),
            Mistake("You spared the last layer equation (2). It is the first one that passes nothing on.", 21_400),
            Mistake(
                "One of the three is missing: 7,200 forward, as many for the weights' gradients, 2,200 for δ.", 9_400
            ),
            Mistake("That is the forward pass alone: 50 · 100 + 100 · 20 + 20 · 10.", 7_200),
            Mistake(
                "You counted additions, too. Asked for are multiplications: one for each weight in a product.", 33_200
            ),
            Mistake(
                "Biases are added, not multiplied: leave them out.", lambda answer: answer in (16_860, 16_990), 16_860
            ),
        ],
        explanation="7,200 weights: forward 7,200, equation (3) 7,200, equation (2) without the first layer 2,200.",
    ),
    Exercise(
        name="03.sigmoid_backward",
        task=(
            "Write sigmoid_backward(z, upstream): from the pre-activation z and the gradient with respect to "
            "a = sigmoid(z), return the gradient with respect to z."
        ),
        reference=sigmoid_backward,
        cases=sigmoid_cases,
        mistakes=[
            Mistake(
                "You put z into a·(1 − a). That shortcut takes the activation: compute a = sigmoid(z) first.",
                lambda z, upstream: upstream * z * (1 - z),
            ),
            Mistake(
                "That is the local derivative alone. The chain rule multiplies it by what comes from above, upstream.",
                lambda z, upstream: _sigmoid(z) * (1 - _sigmoid(z)),
            ),
            Mistake(
                "The slope of the sigmoid is missing: you multiplied by a, its value.",
                lambda z, upstream: upstream * _sigmoid(z),
            ),
            Mistake(
                "The sigmoid is applied twice: its slope is wanted at z, not at a.",
                _derivative_of_derivative,
            ),
            Mistake(
                "1 − a² is the slope of tanh. The sigmoid's slope is at most ¼: derive it from 1 / (1 + e^(−z)).",
                lambda z, upstream: upstream * (1 - _sigmoid(z) ** 2),
            ),
            Mistake(
                "You passed upstream on unchanged, as if the unit were linear.",
                lambda z, upstream: upstream * 1.0,
            ),
        ],
        explanation="The local derivative a·(1 − a), times the message from above.",
    ),
    Exercise(
        name="03.linear_backward",
        task=(
            "Write linear_backward(x, W, upstream) for z = x @ W + b, where upstream is dJ/dz: "
            "return dJ/dW, dJ/db and dJ/dx, in this order."
        ),
        reference=linear_backward,
        cases=linear_cases,
        mistakes=[
            Mistake(
                "You divided by the number of samples. upstream already contains the 1/n of the mean loss: "
                "once is enough.",
                lambda x, W, upstream: (
                    x.T @ upstream / len(x),
                    upstream.sum(axis=0) / len(x),
                    upstream @ W.T,
                ),
            ),
            Mistake(
                "dJ/db is a mean over samples here. The bias acts on every sample, and their messages add: the 1/n is "
                "already in upstream.",
                lambda x, W, upstream: (x.T @ upstream, upstream.mean(axis=0), upstream @ W.T),
            ),
            Mistake(
                "dJ/db is summed over the units, not over the samples. It needs one number a column of upstream.",
                lambda x, W, upstream: (x.T @ upstream, upstream.sum(axis=1), upstream @ W.T),
            ),
            Mistake(
                "dJ/db is still one row a sample: the same bias serves all samples, so sum over them.",
                lambda x, W, upstream: (x.T @ upstream, upstream, upstream @ W.T),
            ),
            Mistake(
                "dJ/dW is a product of entries with one row a sample. The weights serve all samples: "
                "sum over them, which is what a matrix product with x.T does.",
                lambda x, W, upstream: (
                    (x[:, :, None] * upstream[:, None, :]),
                    upstream.sum(axis=0),
                    upstream @ W.T,
                ),
            ),
            Mistake(
                "The order is off: dJ/dW first, then dJ/db, then dJ/dx.",
                lambda x, W, upstream: (upstream @ W.T, x.T @ upstream, upstream.sum(axis=0)),
            ),
        ],
        hint="Ask of one entry of x, of W and of b: who uses it, and with which local slope? Then add up.",
        explanation="Three products: x.T with δ, a sum over rows, δ with W.T.",
    ),
    Exercise(
        name="03.network_gradient",
        task=(
            "Write network_gradient(x, y, W1, b1, W2, b2) for tanh units and the mean softmax cross-entropy: "
            "return the gradients with respect to W1, b1, W2, b2, in this order."
        ),
        reference=network_gradient,
        cases=network_cases,
        mistakes=[
            Mistake(
                "The hidden layer's slope is missing: the message that W2 passes back is with respect to a1, "
                "and has to go through tanh to z1.",
                _without_derivative,
            ),
            Mistake(
                "The slope of tanh is taken at a1; it is wanted at z1. From a1 it is 1 − a1², without another tanh.",
                _derivative_at_activation,
            ),
            Mistake("1 − z1² is not the slope of tanh: the square is that of the activation a1.", _z_squared),
            Mistake(
                "All gradients are n times too large: J is the mean over the n samples, so the output's δ has a 1/n.",
                _sum_over_samples,
            ),
            Mistake(
                "p·(1 − p) is one factor too many. For softmax with cross-entropy, p − (one-hot y) is already the "
                "derivative with respect to the logits.",
                _softmax_slope_twice,
            ),
            Mistake(
                "The targets do not appear: the output's δ is p minus the one-hot target, not p.", _targets_forgotten
            ),
            Mistake(
                "You subtracted the labels as numbers. Class 2 is not twice class 1: subtract 1 at the label's column.",
                _labels_as_numbers,
            ),
            Mistake(
                "Your probabilities sum to 1 over the whole batch. Each row is a sample, and its own sum is 1.",
                _one_softmax_for_all,
            ),
            Mistake(
                "The biases' gradients are n times too small: δ already has the 1/n, so sum over samples.",
                _bias_means,
            ),
            Mistake(
                "The gradient of W2 uses z1. What W2 was multiplied with on the way forward is the activation a1.",
                _z_for_a,
            ),
            Mistake(
                "The tanh is missing on the way forward: the logits are made from a1 = tanh(z1), not from z1.",
                _linear_forwards,
            ),
            Mistake(
                "delta[y] picks whole rows, the samples number y. One entry a sample is meant: delta[np.arange(n), y].",
                _rows_for_entries,
            ),
            Mistake(
                "You divided by n and by the number of classes. The loss is a mean over the samples alone.",
                _mean_over_entries,
            ),
        ],
        hint="Write down the shapes of δ2, δ1 and the four gradients, then compare yours with central differences.",
        explanation="δ2 = (p − one-hot)/n, δ1 = δ2 W2ᵀ ⊙ (1 − a1²), and each gradient is input ᵀ times δ.",
    ),
    Exercise(
        name="03.central_difference",
        task=(
            "Write my_central_difference(function, theta, h): return the estimate of the gradient, one number for each "
            "entry of theta, and leave theta as it was."
        ),
        reference=central_difference,
        cases=difference_cases,
        mistakes=[
            Mistake(
                "That is the forward difference. Its error falls only like h; step to both sides of theta.",
                _forward_difference,
            ),
            Mistake(
                "Twice too large: from θ − h to θ + h the distance is 2h.",
                lambda function, theta, h: 2 * central_difference(function, theta, h),
            ),
            Mistake(
                "You moved all coordinates at once: that is the slope along the diagonal. Move one at a time.",
                _all_at_once,
            ),
            Mistake(
                "A coordinate is not put back before the next one moves, so the later entries are taken at another "
                "point.",
                _not_put_back,
            ),
            Mistake(
                "You stepped h/2 to each side. h is the step to each side: from θ − h to θ + h.",
                _halfway,
            ),
            Mistake(
                "Brackets: x / 2 * h divides by 2 and multiplies by h. Write x / (2 * h).",
                lambda function, theta, h: h**2 * central_difference(function, theta, h),
            ),
            Mistake(
                "That is the backward difference. Its error falls only like h; step to both sides of theta.",
                lambda function, theta, h: (
                    2 * central_difference(function, theta, h) - _forward_difference(function, theta, h)
                ),
            ),
            Mistake(
                "The difference is not divided by 2h: that is a change of J, not a slope.",
                lambda function, theta, h: 2 * h * central_difference(function, theta, h),
            ),
        ],
        explanation="Two evaluations a coordinate: exact but for h²J'''/6 and rounding.",
    ),
]
