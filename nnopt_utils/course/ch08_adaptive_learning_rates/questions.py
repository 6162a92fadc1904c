"""Questions of chapter 08: adaptive learning rates."""

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="08.1",
        text="You multiply the loss by 1000 and train again with Adam at the same learning rate. What happens?",
        options={
            "a": (
                "The steps are 1000 times as long",
                "So it would be with SGD. Adam divides by the root of the mean square: the factor cancels.",
            ),
            "b": (
                "Nothing, but for ε: the path is the same",
                "The per-coordinate scale takes the factor out. That is what adapts; the rate η has not changed.",
            ),
            "c": (
                "Adam lowers its learning rate to 1/1000 of it",
                "optimizer.learning_rate is the number you gave, at every step: Adam leaves it alone.",
            ),
        },
        answer="b",
    ),
    Question(
        name="08.2",
        text="A paper compares its optimizer with Adam, all runs with the rate 0.001 and one seed. What was measured?",
        options={
            "a": (
                "How well each optimizer likes the rate 0.001 and that seed",
                "At another shared rate the order may turn round. Each optimizer needs its own search, several seeds.",
            ),
            "b": (
                "Which optimizer is better, since all had the same conditions",
                "The same number is no equal condition: 0.001 is Adam's usual rate, and far too small for SGD.",
            ),
            "c": (
                "Nothing, since only test accuracy counts",
                "Tuning on the test set would make it worse. The trouble is the shared rate and the single seed.",
            ),
        },
        answer="a",
    ),
    Question(
        name="08.3",
        text="Optimizer A was tuned with 100 settings, B with 5. A is ahead by 0.3 percentage points. What follows?",
        options={
            "a": (
                "A is better: more settings show what it can really do",
                "The best of 100 noisy results is higher than the best of 5, also if all are alike.",
            ),
            "b": (
                "B is better: it came nearly as far with 5 settings",
                "It may be, but the comparison does not show it.",
            ),
            "c": (
                "Nothing yet: A had twenty times as many chances",
                "Equal budgets first; then paired differences over fresh seeds, on data that the choice has not seen.",
            ),
        },
        answer="c",
    ),
    Question(
        name="08.4",
        text="Why does Muon treat the momentum as a matrix, and not as a list of numbers as Adam does?",
        options={
            "a": (
                "It gives all singular directions about the same length",
                "A few large directions dominate a gradient. Entry by entry one cannot see that.",
            ),
            "b": (
                "It saves memory: a matrix is stored in fewer numbers than a list",
                "That is Adafactor's idea, a row and a column. Muon stores a whole momentum.",
            ),
            "c": (
                "It makes a step cheaper than Adam's, by fewer operations an entry",
                "Five times three matrix products a step: for small layers a step takes a good deal longer.",
            ),
        },
        answer="a",
    ),
    Question(
        name="08.5",
        text="You train with schedule-free SGD and evaluate the network at the parameters θ it holds. What is wrong?",
        options={
            "a": (
                "Nothing: θ is what was trained",
                "θ is where gradients are taken, a point between the fast z and the average x. It still carries noise.",
            ),
            "b": (
                "The learning rate should have been lowered to 0 before evaluating",
                "That is what the average makes needless: schedule-free keeps its rate.",
            ),
            "c": (
                "The result is the average x: use evaluation_parameters(θ)",
                "x is what the theorem is about, and what fit validates. θ is a helper.",
            ),
        },
        answer="c",
    ),
]
