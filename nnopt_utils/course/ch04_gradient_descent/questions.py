"""Questions of chapter 04: gradient descent."""

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="04.1",
        text="Gradient descent with rate η runs on a quadratic whose largest curvature is L = 20. Which rate diverges?",
        options={
            "a": ("0.04", "The steepest factor is 1 − 0.04 · 20 = 0.2: it converges without overshooting."),
            "b": (
                "0.08",
                "The steepest factor is 1 − 0.08 · 20 = −0.6: it overshoots at each step, and still converges.",
            ),
            "c": (
                "0.12",
                "The steepest factor is 1 − 0.12 · 20 = −1.4: each step lands farther away. The limit is 2/L = 0.1.",
            ),
        },
        answer="c",
    ),
    Question(
        name="04.2",
        text="The gradient at a point is exactly zero. What do you know?",
        options={
            "a": (
                "It is a minimum, a maximum or a saddle",
                "The gradient alone cannot tell them apart; the curvatures can, unless some are zero.",
            ),
            "b": (
                "It is a minimum, since descent stops there",
                "A saddle has a zero gradient too, and so has a maximum. See the section on saddles.",
            ),
            "c": (
                "The loss is zero there: nothing is left to learn",
                "A zero gradient says that J is flat there, not how high it is.",
            ),
        },
        answer="a",
    ),
    Question(
        name="04.3",
        text="A quadratic, κ = 10,000. About how many times fewer steps does optimal momentum need, in the long run?",
        options={
            "a": ("2 times", "Momentum does better than a constant factor: its count grows with √κ instead of κ."),
            "b": (
                "100 times",
                "Gradient descent needs of the order of κ steps, the heavy ball of √κ: √10,000 = 100.",
            ),
            "c": (
                "10,000 times",
                "That would be a number of steps that does not depend on κ, as Newton's method has it.",
            ),
        },
        answer="b",
    ),
    Question(
        name="04.4",
        text="On a long even slope you add momentum 0.9 to gradient descent and keep η. What do the steps become?",
        options={
            "a": (
                "1.9 times as long, since 0.9 of a step is added",
                "That is the second step. The velocity goes on: 1 + 0.9 + 0.81 + … adds up to 10.",
            ),
            "b": (
                "A tenth as long, since 0.9 of each is held back",
                "An average (1 − β) g would leave them as long as they were. The heavy ball adds the whole step.",
            ),
            "c": (
                "In the end ten times as long",
                "The velocity grows to −η g / (1 − β). So compare momentum 0.9 with gradient descent at 10 η, too.",
            ),
        },
        answer="c",
    ),
    Question(
        name="04.5",
        text="Full-batch gradient descent on a network, η = 0.2. The sharpness has risen to 10 and stays there. Why?",
        options={
            "a": (
                "10 is 2/η: beyond it, steps along the steepest direction grow",
                "The edge of stability (Cohen et al. 2021): the loss rises in some steps, yet falls over many.",
            ),
            "b": (
                "10 is the number of classes, and it bounds the sharpness of the loss",
                "The same happens with other numbers of classes; change η and the level moves.",
            ),
            "c": (
                "The network has reached a minimum, where nothing changes any more",
                "The loss goes on falling for thousands of steps; at a minimum it would not.",
            ),
        },
        answer="a",
    ),
]
