"""Questions of chapter 11: model compression."""

from nnopt_utils.course.quizzes import Question

QUESTIONS = [
    Question(
        name="11.1",
        text="You set 90 % of all weights to zero, save the arrays as they are, uncompressed, and time the forward "
        "pass with NumPy's dense product. What has changed?",
        options={
            "a": (
                "The file has a tenth of its bytes, since a zero takes none; the time is the same",
                "In an array a zero of float32 has four bytes, like any number. A format has to drop it.",
            ),
            "b": (
                "The time is a tenth, as a product with 0 need not be computed; the bytes are the same",
                "A dense product multiplies and adds every entry. To test each for 0 would take time as well.",
            ),
            "c": (
                "Neither bytes nor time: a zero is stored and multiplied as any other number is",
                "Bytes fall when a format drops the zeros, the time of a dense product when whole rows or columns go.",
            ),
        },
        answer="c",
    ),
    Question(
        name="11.2",
        text="Pruning leaves a tenth of the weights, 5-bit codes take the place of 32 bits, and Huffman's code "
        "shortens them by a quarter: 10 × 6.4 × 1.33 = 85. Why is the file far less than 85 times smaller?",
        options={
            "a": (
                "The codebook, of 32 floats a layer, takes up what the short codes save",
                "It has 128 bytes a layer, which counts where a layer is small. The weights' places take far more.",
            ),
            "b": (
                "Where the weights belong has to be stored, too, in bits that no factor counts",
                "Beside a value of 4 bits an index of 4 or 5 is as much again. Codebooks and biases come on top.",
            ),
            "c": (
                "The factors add up instead: each stage saves its share of the first file, not of the last",
                "Each stage does work on what the one before has left, so factors multiply: of the values alone.",
            ),
        },
        answer="b",
    ),
    Question(
        name="11.3",
        text="Two gradients are tested by central differences of the loss: that of shared centroids, summed over their "
        "weights with the codes fixed, and the straight-through one of weights that are rounded to a grid. Which pass?",
        options={
            "a": (
                "Only the summed one: with codes fixed, each weight is its centroid and moves with it",
                "So the chain rule holds. Rounded weights stand still or jump: differences give 0, or something huge.",
            ),
            "b": (
                "The straight-through one too: it trains quantized networks, so it has to be the slope",
                "That it trains is no proof. The loss of rounded weights is flat between jumps: its slope there is 0.",
            ),
            "c": (
                "Neither: in both, the loss is a staircase, which is flat wherever it has a slope",
                "Only rounding makes stairs. Move a centroid a little, codes fixed, and its weights move as much.",
            ),
        },
        answer="a",
    ),
    Question(
        name="11.4",
        text="OBD, OBS and GPTQ all start from ½ dᵀHd, the rise of the loss when the weights change by d. In what do "
        "they differ?",
        options={
            "a": (
                "OBD needs a trained network; OBS and GPTQ do not, as their moves make up for the gradient",
                "OBS leaves the gradient out as well. GPTQ needs none: its loss is the change of a layer's output.",
            ),
            "b": (
                "OBD is for single weights, OBS for groups of them, and GPTQ for a whole layer at once",
                "OBD and OBS judge weight by weight, and GPTQ rounds one after the other, and moves those left.",
            ),
            "c": (
                "OBD takes H as diagonal, OBS all of it, and GPTQ that of a layer's squared output error",
                "So in OBD no other weight moves. GPTQ's H comes from the layer's inputs alone: no label, no gradient.",
            ),
        },
        answer="c",
    ),
    Question(
        name="11.5",
        text="A student learns from labels and from a teacher's softened outputs. Why is the second part multiplied by "
        "T²?",
        options={
            "a": (
                "So that soft targets weigh the more, the softer they are: they tell more of the classes",
                "At high T it does not make them weigh more: it makes up for a gradient that fades as 1/T².",
            ),
            "b": (
                "Its gradient falls about as 1/T²: so a change of T hardly shifts the balance of the two",
                "One 1/T comes from z/T by the chain rule, another since softened probabilities differ by less.",
            ),
            "c": (
                "Its value falls as 1/T², with both logits divided by T: so T² gives the old value back",
                "The cross-entropy does not fall to 0: as T grows, it goes to ln K. What fades is its gradient.",
            ),
        },
        answer="b",
    ),
]
