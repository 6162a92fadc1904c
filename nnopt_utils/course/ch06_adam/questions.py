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
        text="In the example of Reddi et al. Adam walks to the worst point. What is the reason?",
        options={
            "a": (
                "The learning rate is too large: a smaller one ends at the best point",
                "The rate falls like 1/√t, and a smaller base rate takes longer to end at the same point.",
            ),
            "b": (
                "The function is not convex: Adam is caught in a local minimum",
                "It is linear at every step, hence convex. That is why the example matters.",
            ),
            "c": (
                "v forgets: the rare large gradient is divided by its own size",
                "The small ones are not. After the division the large gradient counts for less than the two small ones "
                "against it.",
            ),
        },
        answer="c",
    ),
    Question(
        name="06.5",
        text="Two programs of Adam, both with bias correction and ε = 1e-7; gradients are 1e-6. One adds ε to √v̂, "
        "the other to √v, before the correction. What happens?",
        options={
            "a": (
                "The second takes much shorter first steps",
                "√v is √(1 − β₂) = 1/32 of √v̂ at t = 1, so the same ε weighs 32 times as much.",
            ),
            "b": (
                "Nothing that one could measure: ε only prevents a division by zero",
                "It does that for gradients far above ε. Here √v is 3e-8 at the first step, smaller than ε itself.",
            ),
            "c": (
                "The second takes longer first steps",
                "√v is smaller than √v̂, so ε is the larger part of the denominator, and the step is shorter.",
            ),
        },
        answer="a",
    ),
]
