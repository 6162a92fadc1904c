"""Questions of chapter 07: TensorFlow and Keras."""

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="07.1",
        text="Keras prints accuracy 0.912 and val_accuracy 0.951 after the first epoch. Why is the second higher?",
        options={
            "a": (
                "The validation digits happen to be easier than the training digits",
                "The course's are, by less than a point. That does not explain four: with the same weights, training "
                "and validation digits are that near.",
            ),
            "b": (
                "The first is averaged over the epoch, the second taken at its end",
                "Most of the epoch had worse weights. Evaluate the training set after it, and you get about the "
                "validation accuracy.",
            ),
            "c": (
                "The network is underfitted: it has learned too little in one epoch",
                "Under- and overfitting are read from two numbers at the same weights. These are not.",
            ),
        },
        answer="b",
    ),
    Question(
        name="07.2",
        text="The last layer is Dense(10) without an activation. Which loss belongs to it?",
        options={
            "a": (
                "SparseCategoricalCrossentropy(from_logits=True)",
                "The outputs are logits, and nothing but this argument tells Keras so.",
            ),
            "b": (
                'The text "sparse_categorical_crossentropy"',
                "That takes the outputs for probabilities, clips them to 1e-7 … 1 - 1e-7, and learning suffers.",
            ),
            "c": (
                "Both of these: Keras sees that the softmax is missing",
                "It finds the logits under a softmax that is there. It does not miss one that is not.",
            ),
        },
        answer="a",
    ),
    Question(
        name="07.3",
        text="From equal weights and batches, our and Keras's losses agree to 1e-5 for 200 steps. What does that show?",
        options={
            "a": (
                "That both implementations are right: two cannot be wrong alike",
                "Both could share a mistake. That they compute the same does not say that it is right.",
            ),
            "b": (
                "That they stay within 1e-5 of each other for ten epochs",
                "With ReLUs differences of rounding grow, once an input falls on the other side of a kink.",
            ),
            "c": (
                "That both compute the same formulas, up to rounding",
                "Those of forward pass, loss, gradient and optimizer, as far as these steps use them. Another ε in "
                "Adam alone is seen within 20 steps: Figure 07.2.",
            ),
        },
        answer="c",
    ),
    Question(
        name="07.4",
        text="A step of 784-64-64-10 at batch 32 takes NumPy 0.2 ms and Keras's fit 1 ms. Where do the 0.8 ms go?",
        options={
            "a": (
                "Into slower matrix products: TensorFlow's use only one core",
                "By default they use all cores. Here there is just too little to multiply.",
            ),
            "b": (
                "Into fetching data and starting many small operations",
                "Most of this hardly depends on width and batch. So it weighs less when a step has more to compute.",
            ),
            "c": (
                "Into compiling the graph: Keras does it anew at each step",
                "That happens at the first step, and again only where inputs of another kind come.",
            ),
        },
        answer="b",
    ),
    Question(
        name="07.5",
        text="You call model.fit(..., epochs=5) a second time on the same model. What happens?",
        options={
            "a": (
                "It starts anew: fit draws fresh weights each time it is called",
                "Only a new model has fresh weights. compile does not draw them anew either.",
            ),
            "b": (
                "It goes on from the weights, with a fresh state of the optimizer",
                "Adam's averages and step counter stay, too, until the model is compiled with a new optimizer.",
            ),
            "c": (
                "It goes on: weights and the optimizer's state are kept",
                "So two experiments in one notebook that share a model are one long experiment.",
            ),
        },
        answer="c",
    ),
]
