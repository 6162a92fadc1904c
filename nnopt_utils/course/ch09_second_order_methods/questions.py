"""Questions of chapter 09: second-order methods."""

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="09.1",
        text="At a point near a saddle one eigenvalue of H is negative. Which way does pure Newton's step go along its "
        "eigenvector?",
        options={
            "a": (
                "Down: the step is −H⁻¹g, and J falls along −g",
                "Divided by a negative number, the part of −g along this eigenvector is turned round.",
            ),
            "b": (
                "Up, to the top of the parabola in that direction",
                "The step ends where the gradient of the parabola is 0. Here that is its highest point.",
            ),
            "c": (
                "Not at all: the parabola has no lowest point to go to",
                "The step does not ask for a lowest point. The system H s = −g has a solution all the same.",
            ),
        },
        answer="b",
    ),
    Question(
        name="09.2",
        text="A network gets four times as many parameters. What becomes of the memory of its Hessian, and of the cost "
        "of a product H v, counted in gradients?",
        options={
            "a": (
                "16 times the memory; as many gradients as before",
                "d² numbers, against passes through the network that cost a few gradients whatever d is.",
            ),
            "b": (
                "16 times the memory; 16 times as many gradients",
                "With H written down, v would meet every entry. The passes along v never make these entries.",
            ),
            "c": (
                "4 times the memory, a row for each parameter; 4 times as many gradients",
                "The rows get longer, too: d² numbers. And a gradient itself costs four times as much.",
            ),
        },
        answer="a",
    ),
    Question(
        name="09.3",
        text="The empirical Fisher is the mean of g gᵀ over the data, g the gradient of one sample. What turns it into "
        "the Fisher matrix?",
        options={
            "a": (
                "More data: as n grows the two become equal",
                "They do if the model's probabilities are the true ones. More data do not make a wrong model right.",
            ),
            "b": (
                "The mean of g is taken away from each g first, as in a covariance",
                "Over the model's labels that mean is 0 anyway. Centred or not, the data's labels are others.",
            ),
            "c": (
                "The mean goes over the model's labels, not the data's",
                "Each label counts with the probability that the model gives it. For softmax that is Gauss–Newton.",
            ),
        },
        answer="c",
    ),
    Question(
        name="09.4",
        text="We measured steps to 97 % with batches of 128 up to 4096, each method tuned for each of them. How did "
        "SGD's steps, as a multiple of K-FAC's, compare at the two ends?",
        options={
            "a": (
                "A larger multiple at 4096: K-FAC's lead had grown",
                "Curvature pays when noise is small. That counts steps; seconds stand in another column.",
            ),
            "b": (
                "A smaller multiple at 4096, where SGD's gradient is nearly exact as well",
                "Less noise helped SGD, too, but K-FAC more: an exact gradient still does not know the curvature.",
            ),
            "c": (
                "The same multiple: the curvature of J does not depend on the batch",
                "J's does not, but the noise of the gradient does. The multiple was not the same.",
            ),
        },
        answer="a",
    ),
    Question(
        name="09.5",
        text="The damped step divides the gradient along each eigenvector by |νᵢ| + λ. Which methods is it close to "
        "for a very small and for a very large λ?",
        options={
            "a": (
                "Gradient descent with a rate near 0; then Newton's, as curvature counts more",
                "The other way round: λ stands beside the curvatures and hides them when it is large.",
            ),
            "b": (
                "Newton's with the signs respected; then gradient descent with the rate 1/λ",
                "A small λ leaves |νᵢ|. Beside a large one the curvatures vanish, and all directions are divided by λ.",
            ),
            "c": (
                "Newton's with the signs respected; then sign descent: all directions get one length",
                "They get one divisor, λ, not one length: what was long in the gradient stays long in the step.",
            ),
        },
        answer="b",
    ),
]
