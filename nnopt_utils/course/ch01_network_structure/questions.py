"""Questions of chapter 01: network structure."""

from __future__ import annotations

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="01.1",
        text="What does a network 784-64-64-10 have?",
        options={
            "a": (
                "Three hidden layers, one weight and one bias a node",
                "Weights belong to edges, and the third Dense layer of the article's code is the output.",
            ),
            "b": (
                "Two hidden layers, three weight matrices, 138 biases",
                "One weight an edge (54,912), one bias a node that computes something (64 + 64 + 10).",
            ),
            "c": (
                "Four layers of weights, one for each of the four widths",
                "Weights stand between two neighbouring layers of nodes: four widths leave three gaps.",
            ),
        },
        answer="b",
    ),
    Question(
        name="01.2",
        text="You stack 50 layers without an activation function. What can this network compute that one layer cannot?",
        options={
            "a": (
                "Curved decision boundaries, where one layer has straight ones",
                "Each layer maps straight lines to straight lines; fifty in a row still do.",
            ),
            "b": (
                "Any function at all, if the layers are wide enough",
                "Universal approximation needs an activation that is not a polynomial. Width alone adds nothing here.",
            ),
            "c": (
                "Nothing: it is one linear map and one bias",
                "The product of the matrices is one matrix; the biases, carried through, are one bias.",
            ),
        },
        answer="c",
    ),
    Question(
        name="01.3",
        text="All weights of a network start at 0.3, all biases at 0. What happens to its hidden layers in training?",
        options={
            "a": (
                "The units of a layer stay equal: it works like one unit",
                "Equal weights in and out mean equal gradients. Only different starting weights tell units apart.",
            ),
            "b": (
                "Nothing is learned: the gradient of equal weights is zero",
                "Zeros get no gradient with tanh or ReLU. With 0.3 the units do learn, all of them the same thing.",
            ),
            "c": (
                "The noise of the mini-batches makes the units different",
                "All units of a layer see the same batch, so the noise is the same for all of them, too.",
            ),
        },
        answer="a",
    ),
    Question(
        name="01.4",
        text="A ReLU network has 20 hidden layers of 512 units and weights of variance 1/512. The signal …",
        options={
            "a": (
                "keeps its size: that is the rule 1/fan-in",
                "It is the rule for linear layers, and for tanh near 0. ReLU throws away half of the mean square.",
            ),
            "b": (
                "loses half of its mean square in each layer",
                "fan-in · std² · ½ = ½. After 20 layers about a millionth is left; He's 2/fan-in makes up for it.",
            ),
            "c": (
                "explodes, because 512 terms are added up in each unit",
                "512 terms of variance 1/512 add up to variance 1; then ReLU takes half of it.",
            ),
        },
        answer="b",
    ),
    Question(
        name="01.5",
        text="What does the universal approximation theorem promise for networks of ReLU units?",
        options={
            "a": (
                "One hidden layer can come as close as you like to any continuous function on [0, 1]ⁿ",
                "Such weights exist. How many units, how to find them, and what happens outside, it does not say.",
            ),
            "b": (
                "Gradient descent on a wide network comes as close as you like to any continuous function",
                "The theorem speaks about the existence of weights, not about gradient descent finding them.",
            ),
            "c": (
                "A wide network generalises to inputs far from the training data",
                "Outside the region the theorem says nothing; see what the interpolating network does there.",
            ),
        },
        answer="a",
    ),
]
