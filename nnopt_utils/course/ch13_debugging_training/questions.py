"""Questions of chapter 13: a clinic for broken runs."""

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="13.1",
        text="Before its first step a network with 10 classes has the loss 23; ln 10 is 2.3. Which cause does this "
        "check rule out?",
        options={
            "a": (
                "Pixels from 0 to 255 that nobody scaled, so that the logits are far too large",
                "Large logits that are sure of the wrong class make just such a first loss: it stays a suspect.",
            ),
            "b": (
                "A learning rate that is ten times too high, so that the first step goes too far",
                "No step is taken yet, so no rate has acted. That is why this check comes first: it clears the rate.",
            ),
            "c": (
                "A sum over the samples of the batch where a mean belongs, here with ten samples",
                "Ten samples with ln 10 each add up to 23: it stays a suspect. Another batch size would tell.",
            ),
        },
        answer="b",
    ),
    Question(
        name="13.2",
        text="At step 40 the loss is NaN, and at step 41 every weight is. What do you look at first?",
        options={
            "a": (
                "Steps 39 and 40, by layer: where the first number that is not finite comes from",
                "A NaN spreads to all that it touches, so only its beginning tells: an overflow, log 0, or a bad row.",
            ),
            "b": (
                "The weights at step 41: the layer with most NaN in it is the one that is at fault",
                "By then every layer is full of them: a loss that is NaN gives all layers a NaN gradient at once.",
            ),
            "c": (
                "Nothing yet: lower the rate tenfold, and go on with that if the NaN does not come back",
                "Perhaps it comes later, or a row of the data is NaN at any rate. Find the place before you change it.",
            ),
        },
        answer="a",
    ),
    Question(
        name="13.3",
        text="A run fails, and your diagnosis is a learning rate that is ten times too high. Which result refutes it?",
        options={
            "a": (
                "With a tenth of the rate the loss before the first step is the same as it was before",
                "That loss does not depend on the rate, whatever the fault is, so it can refute nothing here.",
            ),
            "b": (
                "With a tenth of the rate and ten times the batch the run is sound; so it was the batch",
                "Two things were changed at once. Either may have helped, so neither is shown or refuted.",
            ),
            "c": (
                "With a tenth of the rate and all else as it was the run fails in the same way again",
                "If the rate were the cause, a tenth of it alone would change the failure. It did not.",
            ),
        },
        answer="c",
    ),
    Question(
        name="13.4",
        text="A network with 10 equally frequent classes is trained. One batch goes to zero loss; on all data the loss "
        "stays near ln 10, though every layer's gradient and updates are healthy. Which fault fits?",
        options={
            "a": (
                "Dead ReLUs: most units are 0, so that the layers below get no gradient to learn from",
                "Then the gradients below would be near 0, and the dashboard would show the dead units.",
            ),
            "b": (
                "Labels and rows are torn apart: the inputs tell nothing of the labels they have",
                "A few wrong labels are soon learned by heart, so one batch passes. In all of them there is no rule.",
            ),
            "c": (
                "Softmax twice: the second one flattens the probabilities, so the loss cannot fall to 0",
                "Then one batch could not reach zero loss either: with 10 classes it stays above 1.46.",
            ),
        },
        answer="b",
    ),
    Question(
        name="13.5",
        text="20 epochs of 100 steps, with a schedule that goes to 0 at the end. From step 20 on the update-to-weight "
        "ratio is 0 in every layer, the share of entries that did not change is 1, and the gradient norm is as before. "
        "Which fault fits?",
        options={
            "a": (
                "The schedule is told 20 and asked with the step's number, so it is over at step 20",
                "A gradient and no update: the rate is 0. Print the rate that the step uses, not the one you set.",
            ),
            "b": (
                "The gradients vanish: the deeper a layer lies, the smaller is the part that arrives",
                "Then the gradient norms of the first layers would be small. Here they are as before, in all layers.",
            ),
            "c": (
                "The schedule is told 2,000 and asked with the epoch's number, so it has hardly begun",
                "Then the rate would hardly fall within 20 epochs: the ratio would stay, and a last gain be missing.",
            ),
        },
        answer="a",
    ),
]
