"""Questions of chapter 12: questions and answers."""

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="12.1",
        text="The article says that gradient descent updates the parameters 'to reduce the value of the gradient'. "
        "Which run shows that this is not what it does?",
        options={
            "a": (
                "From a saddle itself: the gradient is 0 there, and θ does not move",
                "There is nothing to reduce, so the sentence is not put to the test. Start a little beside it.",
            ),
            "b": (
                "From beside a maximum: the loss falls, and the gradient grows at first",
                "A step goes down the loss. On the way the gradient may grow; at a maximum it is as small as can be.",
            ),
            "c": (
                "On a bowl at a small rate: the gradient gets smaller by a factor at each step",
                "There both fall, and the sentence seems right. A test has to be where they part.",
            ),
        },
        answer="b",
    ),
    Question(
        name="12.2",
        text="Adam trains with the penalty (λ/2)‖θ‖² in its loss. You change to AdamW, at the same rate η and the same "
        "λ. What becomes of the pull to 0?",
        options={
            "a": (
                "It is the share ηλ of each weight now, no longer divided by √v̂",
                "The penalty's gradient went through m and v like any other; decay stands beside them.",
            ),
            "b": (
                "It is the same: the gradient of the penalty is λθ, and that is what decay subtracts",
                "So it is with plain SGD. Adam divides what is in the gradient by √v̂, the penalty's part too.",
            ),
            "c": (
                "It is stronger for each weight, since nothing divides it any longer",
                "Where √v̂ is below 1, dividing by it made the pull stronger: there it is weaker now.",
            ),
        },
        answer="a",
    ),
    Question(
        name="12.3",
        text="The noise scale is 64, and on your machine a batch of 256 takes as long as one of 64. You change from 64 "
        "to 256, with the best rate for each. About how long does a run to the same loss take?",
        options={
            "a": (
                "A quarter of the time: four times the batch needs a quarter of the steps",
                "Far below the noise scale it does. At it, half of the steps are needed with any batch.",
            ),
            "b": (
                "The same time: a step is no cheaper, and the samples in it are four times as many",
                "A step takes the same time, but fewer are needed, as the gradient is less noisy.",
            ),
            "c": (
                "Five eighths of the time: steps go from 2 times the fewest to 1.25 times",
                "1 + 64/64 = 2, and 1 + 64/256 = 1.25. A run uses 2.5 times the samples.",
            ),
        },
        answer="c",
    ),
    Question(
        name="12.4",
        text="At a constant rate the loss is NaN from step 300 on. With a tenth of it and the same seed it is NaN from "
        "step 300 on as well. What do you look at first?",
        options={
            "a": (
                "The rate: it is still too high, so I divide it by ten once more, and so on",
                "A run that diverges does so later at a tenth of the rate, or not at all. This one keeps its step.",
            ),
            "b": (
                "Batch 300: a value in it may be infinite or missing, or a logarithm's argument 0",
                "The seed fixes the order of the samples, so the same rows come at the same step, whatever the rate.",
            ),
            "c": (
                "The norm of the gradient: clipped to 1, it cannot explode, and so it cannot be NaN",
                "Clipping divides by the norm. If an entry is NaN, so is the norm, and then all entries are.",
            ),
        },
        answer="b",
    ),
    Question(
        name="12.5",
        text="With dropout, the first epoch prints an accuracy of 0.93 and a val_accuracy of 0.95. Evaluated right "
        "after it, the training images give 0.97. How much better is this network on images it has seen?",
        options={
            "a": (
                "By 0.02: 0.97 and 0.95 are of the same weights, both without dropout",
                "0.93 is a mean over the epoch: of weights that were still changing, with units dropped.",
            ),
            "b": (
                "By −0.02: 0.93 against 0.95, so the validation images are the easier ones",
                "0.93 is not of the network at the end, and it had units missing. Compare like with like.",
            ),
            "c": (
                "By 0.04: 0.97 against the 0.93 that the same images gave while it was training",
                "Both are of images that it has seen. The gap asked for is between seen and unseen ones.",
            ),
        },
        answer="a",
    ),
]
