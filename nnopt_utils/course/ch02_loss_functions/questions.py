"""Questions of chapter 02: loss functions."""

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="02.1",
        text="House prices: most near 300,000, a few of many millions. You predict one number and minimise the mean "
        "absolute error. Which number comes out?",
        options={
            "a": ("The mean price", "The mean minimises the squared error. It is pulled up by the few large prices."),
            "b": (
                "The median price",
                "Each price pulls with the same strength, so the best number has as many above it as below.",
            ),
            "c": (
                "The most frequent price",
                "The mode minimises the number of misses (0–1 loss), not the absolute error.",
            ),
        },
        answer="b",
    ),
    Question(
        name="02.2",
        text="A new classifier with 10 classes starts training with a cross-entropy of 2.30. What is likely?",
        options={
            "a": (
                "It gives all classes about equal probability",
                "−ln(1/10) = ln 10. It is the first thing to check in a new run.",
            ),
            "b": (
                "It already classifies 23 % of the images correctly",
                "The loss is no percentage. A uniform guess is right in 10 % of the cases.",
            ),
            "c": (
                "The loss has a bug: a cross-entropy must start near 1",
                "There is nothing special about 1 with natural logarithms.",
            ),
        },
        answer="a",
    ),
    Question(
        name="02.3",
        text="The last layer applies a softmax. The loss expects logits, and applies another softmax to what it "
        "gets. What happens?",
        options={
            "a": (
                "Nothing: a softmax of a softmax gives the same probabilities again",
                "Probabilities lie in [0, 1], so of 10 classes the second softmax gives none more than 0.23.",
            ),
            "b": (
                "An error message: the loss finds no logits",
                "The shapes fit and every number is legal: nothing complains.",
            ),
            "c": (
                "No error, but with 10 classes the loss stays above 1.46",
                "Even the perfect answer (1, 0, …, 0) becomes e/(e + 9) = 0.23, and −ln 0.23 = 1.46.",
            ),
        },
        answer="c",
    ),
    Question(
        name="02.4",
        text="A sigmoid unit says p = 0.9999 and the target is 0. How large are the gradients of "
        "cross-entropy and squared error with respect to its logit?",
        options={
            "a": (
                "Both near 1: p is wrong by 0.9999",
                "The squared error's gradient has the factor p(1 − p), the slope of the sigmoid.",
            ),
            "b": (
                "Cross-entropy: near 1; squared error: near 0.0002",
                "p − y = 0.9999 against 2(p − y)·p(1 − p) = 0.0002: the squared error hardly notices its worst "
                "mistake.",
            ),
            "c": (
                "Cross-entropy: near 10,000; squared error: near 2",
                "These are the derivatives by p: 1/(1 − p) and 2(p − y). Those by the logit have the factor "
                "p(1 − p), too.",
            ),
        },
        answer="b",
    ),
    Question(
        name="02.5",
        text="Our penalty is (λ/2)‖W‖² with λ = 0.02. Keras's L2(c) adds c‖W‖². Which of its regularizers is the same "
        "penalty?",
        options={
            "a": (
                "L2(0.02): the strength is one number in both",
                "It would add 0.02‖W‖² where ours adds 0.01‖W‖²: twice the penalty, and twice its gradient.",
            ),
            "b": (
                "L2(0.04): Keras has no ½, so double it",
                "Without the ½ the same number already counts twice. Doubled, it would be four times ours.",
            ),
            "c": (
                "L2(0.01): c takes the place of λ/2",
                "0.02/2 = 0.01. The gradient of both is 0.02 W.",
            ),
        },
        answer="c",
    ),
]
