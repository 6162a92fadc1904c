"""Questions of chapter 05: stochastic gradient descent."""

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="05.1",
        text=(
            "SGD with a constant rate hovers around the minimum of a quadratic; the noise of a sample is the same for "
            "every θ. You draw mini-batches four times as large, with replacement, and leave the rate as it is. What "
            "happens to E θ², the mean squared distance?"
        ),
        options={
            "a": ("It halves", "Halved is the typical distance, √(E θ²). Its square falls by the factor itself."),
            "b": (
                "It becomes zero in the long run",
                "A larger batch is quieter, not silent: the floor is lower, but it is there.",
            ),
            "c": (
                "It falls to a quarter",
                "The variance of the gradient is ∝ 1/B, and the floor η σ² / (λ (2 − ηλ)) is proportional to it.",
            ),
        },
        answer="c",
    ),
    Question(
        name="05.2",
        text="You double the batch size and train for the same number of epochs with the same rate. What else changes?",
        options={
            "a": (
                "Half the steps: training can cover half the distance",
                "The gradient is a mean: it did not get longer. The linear scaling rule doubles the rate for this.",
            ),
            "b": (
                "Nothing: an epoch shows the network the same samples",
                "An epoch has n/B steps. Twice the batch is half the steps, each about as long as before.",
            ),
            "c": (
                "The gradient: with twice the samples it is twice as long",
                "It would be with a sum over the batch. All losses here are means over the samples.",
            ),
        },
        answer="a",
    ),
    Question(
        name="05.3",
        text="Two micro-batches hold 100 and 4 samples. A loop averages their two mean gradients and steps with that. "
        "What is wrong?",
        options={
            "a": (
                "The step is twice as long as it should be, since two are added",
                "They are averaged, not added. The length is not the point; the weights are.",
            ),
            "b": (
                "Each of the 4 samples weighs 25 times as much as each of the 100",
                "Each micro-batch gets half of the weight: 1/8 for each of the 4, 1/200 for each of the 100.",
            ),
            "c": (
                "Nothing, since the mean of the two means is the mean of all the samples",
                "It is, if both hold equally many. Else weigh each by its number of samples.",
            ),
        },
        answer="b",
    ),
    Question(
        name="05.4",
        text="Two epochs of 9,600 digits, batches of 32, rate 0.03: which of these makes the training fail completely?",
        options={
            "a": (
                "One fixed random order of the samples for all epochs",
                "Measured in this chapter: level with a new order each epoch, within 1.5 points.",
            ),
            "b": (
                "Sampling with replacement",
                "It is still unbiased. An epoch misses 37 % of the samples, yet here it was level, within 1.5 points.",
            ),
            "c": (
                "All samples in the order of their labels",
                "At the end of an epoch the network has seen one class only for many steps, and says it to almost all. "
                "(With a rate 30 times smaller, and 30 epochs, it does learn.)",
            ),
        },
        answer="c",
    ),
]
