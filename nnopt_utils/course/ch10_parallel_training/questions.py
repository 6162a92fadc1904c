"""Questions of chapter 10: parallel training."""

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="10.1",
        text="At half of the largest stable rate, SGD on a quadratic settles. Which change can make it diverge at that "
        "same rate?",
        options={
            "a": (
                "Two workers take ¾ and ¼ of each batch, and add up their weighted gradients",
                "However the batch is cut, the weighted sum is its gradient, up to rounding: the same steps.",
            ),
            "b": (
                "Four workers send their gradients, and each is applied as it comes",
                "Another algorithm: gradients come late, and with a delay of only 2 the limit is 0.62/λ, not 2/λ.",
            ),
            "c": (
                "The processor is told to compute the gradient in the background, and goes on with other work",
                "The step waits for the result before it uses it. Fetched later, it has the same numbers.",
            ),
        },
        answer="b",
    ),
    Question(
        name="10.2",
        text="Two workers have 96 and 32 samples of a batch. Your all-reduce returns the plain mean over the workers. "
        "By what must each multiply its mean gradient first?",
        options={
            "a": (
                "By 0.75 and 0.25: their shares of the samples",
                "These are the weights of a sum. The mean over two workers would halve it once more.",
            ),
            "b": (
                "By 1 and 1: the mean of the two is the mean",
                "Of equal parts it is. Here each of the 32 samples would count three times as much as each of the 96.",
            ),
            "c": (
                "By 1.5 and 0.5: twice their shares",
                "(1.5 g₁ + 0.5 g₂)/2 = (96 g₁ + 32 g₂)/128: each of the 128 samples counts alike.",
            ),
        },
        answer="c",
    ),
    Question(
        name="10.3",
        text="16 asynchronous workers take turns, so the delay is 15. On quadratics, in the time to get equally far, "
        "what do they gain over one worker, each at its own best rate?",
        options={
            "a": (
                "Nothing with exact gradients; nearly all of 16 where noise keeps the rate small",
                "16 times the updates either way. Only where curvature limits the rate does the delay take it away.",
            ),
            "b": (
                "Nearly all of 16 with exact gradients; nothing with noise, which the old gradients only add to",
                "The other way round: exact gradients allow large rates, and it is these that a delay forbids.",
            ),
            "c": (
                "Nothing, with or without noise: 16 updates at a sixteenth of the rate are worth one",
                "That is so with exact gradients. Noise asks for a small rate anyway: then it need not fall further.",
            ),
        },
        answer="a",
    ),
    Question(
        name="10.4",
        text="From (1, 1), steps along the signs of the gradient left θ[0] + θ[1] at 2 for ever. What does error "
        "feedback do about it?",
        options={
            "a": (
                "It shortens the steps, so that the jumps to and fro die out",
                "Both runs had the same rate, and shorter jumps along these signs do not lower the sum either.",
            ),
            "b": (
                "It keeps what the signs leave out, until that turns a sign",
                "The two signs always differ, so the pull that both entries share is lost. The memory adds it up.",
            ),
            "c": (
                "It sends the size of each entry along with its sign, so that nothing is left out",
                "An entry is still one bit, with one scale for all of them. The rest stays with the worker.",
            ),
        },
        answer="b",
    ),
    Question(
        name="10.5",
        text="Two workers descend, each on a parabola of its own, with another minimum and another curvature, and "
        "ηλ < 1. After every H steps they average θ. H grows from 1 to 64: where does it end?",
        options={
            "a": (
                "Farther and farther from the minimum of the mean loss, toward the mean of the two minima",
                "With H = 1 it is there. After many steps each is at its own minimum, and these count alike.",
            ),
            "b": (
                "At the minimum of the mean loss for each H, since the averages undo what the workers drift",
                "From H = 2 on a worker's gradients are those at its own θ; their mean is not the mean loss's.",
            ),
            "c": (
                "Nearer and nearer to the minimum of the steeper parabola, whose worker gets there sooner",
                "Its lead is largest with H = 1. Once it is home it waits there, and the other one catches up.",
            ),
        },
        answer="a",
    ),
]
