"""Questions of chapter 06: Adam."""

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="06.1",
        text="You multiply a loss by 1000 and train again. What must change so that the run stays (almost) the same?",
        options={
            "a": (
                "With Adam nothing; with gradient descent the rate, divided by 1000",
                "In m̂/√v̂ the factor cancels, up to ε. Gradient descent takes a step 1000 times as long.",
            ),
            "b": (
                "With both Adam and gradient descent the rate, divided by 1000",
                "In Adam the factor is in m̂ and in √v̂: it cancels, and a smaller rate would slow the run down.",
            ),
            "c": (
                "With Adam the rate, divided by √1000; with gradient descent, by 1000",
                "v̂ grows by 1000², and its root by 1000, as much as m̂. Nothing is left over.",
            ),
        },
        answer="a",
    ),
    Question(
        name="06.2",
        text="Why does Adam divide m by 1 − β₁ᵗ and v by 1 − β₂ᵗ?",
        options={
            "a": (
                "To make the learning rate fall over time, as the convergence proof asks",
                "Both factors rise to 1 and stay there: after a few thousand steps they change nothing.",
            ),
            "b": (
                "To keep v from becoming zero, and the quotient from exploding",
                "Where all gradients were zero, v stays zero, corrected or not. That is what ε is for.",
            ),
            "c": (
                "Both start at zero: at step t their weights sum to 1 − βᵗ",
                "The quotient turns such a sum into an average. Without it, the first steps are too long.",
            ),
        },
        answer="c",
    ),
    Question(
        name="06.3",
        text="A weight has very large gradients. Which of these shrinks it as fast as every other weight?",
        options={
            "a": (
                "Adam with an L2 penalty ½λ‖θ‖² in the loss",
                "The penalty's gradient is divided by √v̂ as well, and v̂ is large here: it hardly shrinks.",
            ),
            "b": (
                "AdamW: θ ← (1 − ηλ) θ beside the step",
                "The decay is not part of the gradient, so nothing divides it: all weights shrink at the same rate.",
            ),
            "c": (
                "Adam with a larger ε",
                "ε changes how long steps are where gradients are small. It pulls no weight to zero.",
            ),
        },
        answer="b",
    ),
    Question(
        name="06.4",
        text="Samples are 0 nine times of ten and 10 once. RMSProp with a memory of ten steps settles near 0.6, not at "
        "the mean, 1. What is the reason?",
        options={
            "a": (
                "The rate is too large: with a small enough one it ends at the mean",
                "Smaller rates take longer, to 0.59: where small steps balance does not depend on how small they are.",
            ),
            "b": (
                "The loss is not convex, and RMSProp stays in a local minimum",
                "It is a parabola for each sample and in the mean. That is why the example matters.",
            ),
            "c": (
                "v forgets, so a rare large gradient is divided by its own size",
                "The small ones are not, once v has faded. Divided so, the large gradient counts for too little.",
            ),
        },
        answer="c",
    ),
    Question(
        name="06.5",
        text="Adam with the default β's. For thousands of steps a gradient was almost zero; then it is large and stays "
        "so. How long are the next steps, at the most, for a constant gradient?",
        options={
            "a": (
                "η: the division removes the size",
                "In the long run. But v still remembers the silence, and needs a thousand steps to fill.",
            ),
            "b": (
                "3.16 η, on the first of them",
                "That is the first one. m goes on filling, and faster than √v can follow, so the next ones are longer.",
            ),
            "c": (
                "6.6 η, about twelve steps later",
                "m is full after some ten steps, v after a thousand. With β₂ = 0.95 it would be hardly more than η.",
            ),
        },
        answer="c",
    ),
]
