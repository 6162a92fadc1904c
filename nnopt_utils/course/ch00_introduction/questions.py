"""Questions of chapter 00: introduction."""

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="00.1",
        text="Ten classes. After an hour the loss is 2.303, the accuracy 10 %, and neither moves. What was learned?",
        options={
            "a": (
                "Nothing: ln 10 = 2.303 is the loss of ten equal probabilities",
                "Whoever guesses blindly among ten has this loss. Look at the scale of the inputs and at the rate.",
            ),
            "b": (
                "A little: an untrained network starts with a much higher loss than 2.303",
                "It may have one at its first step, but evenly spread probabilities alone already give ln 10.",
            ),
            "c": (
                "Much: a loss near 2 is about as good as it gets with ten classes",
                "The network of this chapter gets below 0.15 within seconds.",
            ),
        },
        answer="a",
    ),
    Question(
        name="00.2",
        text="On 10,000 test images network A has 97.1 % and B 97.3 %, one seed each. Which training is better?",
        options={
            "a": (
                "B's: more right answers are more right answers",
                "True on these images. Train both again with other seeds, and the order may turn round.",
            ),
            "b": (
                "One cannot tell: 0.2 points may be chance",
                "The standard error of one such accuracy is 0.17 points, and seeds add to that.",
            ),
            "c": (
                "A's: B has probably overfitted the training images",
                "Nothing in these two numbers speaks of overfitting: there is no training accuracy to compare with.",
            ),
        },
        answer="b",
    ),
    Question(
        name="00.3",
        text="You choose among twenty learning rates. On which data do you compare them?",
        options={
            "a": (
                "On the training set: it is the largest, so its numbers are the surest",
                "The network has seen these answers. A network that learns them by heart would win.",
            ),
            "b": (
                "On the test set: that is what counts in the end",
                "The best of twenty is partly the luckiest of twenty on these images, and no unseen data are left.",
            ),
            "c": (
                "On the validation set: held back for such choices",
                "It was not trained on, and the test set stays unseen for the one number at the end.",
            ),
        },
        answer="c",
    ),
    Question(
        name="00.4",
        text="'Our optimizer is better: it reached 98 % where the old one reached 97 %.' What do you ask first?",
        options={
            "a": (
                "What did each run cost, in operations and in tries?",
                "Without a budget 'best' has no meaning: one may have had ten times the steps, or of the tuning.",
            ),
            "b": (
                "Which brand of computer was each of the two trained on?",
                "That changes the seconds, hardly the accuracy. Operations can be compared across computers.",
            ),
            "c": (
                "Was the training loss falling at every single step of both runs?",
                "It need not: with mini-batches it goes up and down, and still falls in the long run.",
            ),
        },
        answer="a",
    ),
]
