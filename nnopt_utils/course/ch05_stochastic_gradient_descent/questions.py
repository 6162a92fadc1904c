"""Questions of chapter 05: stochastic gradient descent."""

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="05.1",
        text=(
            "SGD with a constant rate hovers around the minimum of a quadratic. You take mini-batches four times as "
            "large and leave the rate as it is. What happens to E θ², the mean squared distance?"
        ),
        options={
            "a": ("It halves", "Halved is the typical distance, √(E θ²). Its square falls by the factor itself."),
            "b": (
                "It becomes zero in the long run",
                "Only the full batch has no noise. Any smaller one leaves a floor.",
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
        text="The gradient has long been the same, momentum is 0.9. Now the rate is cut to a tenth. How long is the "
        "next step of Keras's SGD?",
        options={
            "a": (
                "A tenth of the one before, like the rate",
                "So it is in PyTorch, where the rate multiplies the whole velocity after the sum.",
            ),
            "b": (
                "About 0.91 of the one before",
                "Keras has the rate inside the velocity: 0.9 of the old step is carried on, only the new part shrinks.",
            ),
            "c": (
                "As long as before",
                "The new gradient already enters with the new rate; but its share of the velocity is only a tenth.",
            ),
        },
        answer="b",
    ),
    Question(
        name="05.4",
        text="Which of these makes the training of a classifier fail completely?",
        options={
            "a": (
                "One fixed random order of the samples for all epochs",
                "A small loss at most. On MNIST it can hardly be seen.",
            ),
            "b": (
                "Sampling with replacement",
                "It is still unbiased. An epoch misses 37 % of the samples, and the noise is a little larger.",
            ),
            "c": (
                "All samples in the order of their labels",
                "At the end of an epoch the network has seen one class only for many steps, and says it to everything.",
            ),
        },
        answer="c",
    ),
    Question(
        name="05.5",
        text="Clipping by norm, clipping by value: what is the difference?",
        options={
            "a": (
                "By norm keeps the direction of g, by value changes it",
                "By value cuts the large entries and leaves the small ones: g turns. By norm scales all of them alike.",
            ),
            "b": (
                "By norm is only for the weights, by value for the biases",
                "Both apply to every entry of g. What differs is whether they are cut one by one or scaled together.",
            ),
            "c": (
                "By norm makes every step equally long",
                "Only gradients longer than the limit are scaled. Shorter ones stay as they are.",
            ),
        },
        answer="a",
    ),
]
