"""Questions of chapter 03: backpropagation."""

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="03.1",
        text="Why does backpropagation multiply the chain rule from the loss backwards, not from the input forwards?",
        options={
            "a": (
                "The result differs: only multiplied backwards is it the gradient",
                "The product of the local derivatives is the same from either end. What differs is the cost.",
            ),
            "b": (
                "The loss is one number: each step is a vector times a matrix",
                "Forwards one carries a matrix with a row for every input or parameter; backwards only a vector.",
            ),
            "c": (
                "The activations are known only after the forward pass",
                "True, but forward-mode differentiation can run along with the forward pass. It is just dearer here.",
            ),
        },
        answer="b",
    ),
    Question(
        name="03.2",
        text="A hidden unit's activation feeds 10 units of the next layer. How do their messages make its δ?",
        options={
            "a": (
                "Each times its weight, added; the sum times φ'(z)",
                "A small change of the unit reaches the loss through 10 units, and small changes add up.",
            ),
            "b": (
                "Each times its weight, multiplied; the product times φ'(z)",
                "Derivatives multiply along one path. Different paths add.",
            ),
            "c": (
                "The largest one counts, times its weight and φ'(z)",
                "That would be so if the next layer took a maximum. It takes a sum.",
            ),
        },
        answer="a",
    ),
    Question(
        name="03.3",
        text="A gradient check in float64 gives 4e-10 at h = 1e-5. With h = 1e-12 it gives 3e-3. What has happened?",
        options={
            "a": (
                "The gradient is wrong, and the larger h hid it",
                "A wrong gradient does not agree to 4e-10 by chance, at a general point.",
            ),
            "b": (
                "The error of the central difference grows with the third derivative",
                "That error is h² J'''/6: it shrinks with h.",
            ),
            "c": (
                "Rounding: the difference J(θ+h) − J(θ−h) has few digits left",
                "The two agree in almost all digits. The rounding error is about ε|J|/h. With h = 1e-12 hardly "
                "three digits are left.",
            ),
        },
        answer="c",
    ),
    Question(
        name="03.4",
        text="You double the batch size. What else doubles?",
        options={
            "a": (
                "The memory for the parameters, and that for their gradient",
                "Each of the two is one number for each parameter, whatever the batch.",
            ),
            "b": (
                "The memory for activations kept for the backward pass",
                "Backpropagation keeps z and a of every layer for every sample of the batch.",
            ),
            "c": (
                "The ratio of backward to forward operations in a training step",
                "Both double, so that their ratio stays.",
            ),
        },
        answer="b",
    ),
    Question(
        name="03.5",
        text="A network of 20 sigmoid layers with Glorot's starting weights hardly learns. Why?",
        options={
            "a": (
                "Each layer multiplies δ by φ' ≤ ¼: little reaches the first",
                "The signal passes through 20 such factors, and W hardly stretches it: about 1e-12 is left. (Much "
                "larger weights would make up for that.)",
            ),
            "b": (
                "Backpropagation becomes inaccurate: rounding grows from layer to layer",
                "The gradient is computed correctly. It really is that small.",
            ),
            "c": (
                "The sigmoid has no derivative at 0",
                "It is smooth everywhere, with slope ¼ at 0. ReLU is the one with a kink.",
            ),
        },
        answer="a",
    ),
]
