"""What all compressors of gradients share: the mean over workers, and the memory of what was not sent."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._validation import as_generator, check_array, describe
from nnopt_utils.layout import Place
from nnopt_utils.parallel.all_gather import ring_all_gather
from nnopt_utils.parallel.links import Link


class Message(NamedTuple):
    """What travels in place of a vector.

    Attributes:
        arrays: 1-D: values, indices, packed signs, scales.

    Example:
        >>> Message((np.zeros(3, np.float32), np.zeros(3, np.int32))).n_bytes
        24
    """

    arrays: tuple[np.ndarray, ...]

    @property
    def n_bytes(self) -> int:
        """Size of all arrays in bytes."""
        return sum(array.nbytes for array in self.arrays)


class Compressor(ABC):
    r"""Base class: workers send a compressed gradient, and remember what they did not send.

    A subclass writes ``compress`` and ``decompress``; both together are C(x), what a vector is after the journey. With
    error feedback a worker adds to each gradient what it still owes, and sends the sum:

    .. math::

        x_t = e_{t-1} + g_t \\
        e_t = x_t - C(x_t)

    with e₀ = 0. Nothing is lost, only late:

    .. math:: \sum_{s=1}^t C(x_s) = \sum_{s=1}^t g_s - e_t

    so wherever e stays bounded, the mean of all that was sent goes to the mean of the gradients. Errors are in units of
    the gradient: an optimizer multiplies an old error by the learning rate of the step in which it is sent.

    Each worker has a compressor of its own, a copy of one original, so that all draw the same random numbers.

    Args:
        error_feedback: remember e; default False.
        seed: an integer or a ``numpy.random.Generator``, where something is drawn; default 0.

    Attributes:
        error: e, None before the first gradient and without error feedback.
        generator: what random compressors draw from.

    Example:
        >>> class First(Compressor):
        ...     '''Send the first entry alone.'''
        ...
        ...     def compress(self, vector):
        ...         return Message((vector[:1],))
        ...
        ...     def decompress(self, message, size, dtype):
        ...         vector = np.zeros(size, dtype)
        ...         vector[:1] = message.arrays[0]
        ...         return vector
        >>> First().compress(np.array([5.0, 7.0])).n_bytes
        8
        >>> First().decompress(Message((np.array([5.0]),)), size=2, dtype=np.float64)
        array([5., 0.])
        >>> from copy import deepcopy
        >>> from nnopt_utils.parallel import rehearse
        >>> copies = [deepcopy(First(error_feedback=True)) for _ in range(2)]
        >>> def exchange(gradient, link):
        ...     gradient[:] = copies[link.rank].mean(gradient, link)
        >>> rehearsal = rehearse(exchange, [[2.0, 2.0], [4.0, 8.0]])
        >>> [result.tolist() for result in rehearsal.results], rehearsal.bytes_sent
        ([[3.0, 0.0], [3.0, 0.0]], [8, 8])
        >>> copies[1].error
        array([0., 8.])

    Source: F. Seide, H. Fu, J. Droppo, G. Li, D. Yu, "1-bit stochastic gradient descent and its application to
    data-parallel distributed training of speech DNNs", Interspeech 2014 (error feedback); S. P. Karimireddy,
    Q. Rebjock, S. U. Stich, M. Jaggi, "Error feedback fixes SignSGD and other gradient compression schemes", ICML 2019.
    """

    def __init__(self, *, error_feedback: bool = False, seed: int | np.random.Generator = 0) -> None:
        self.error_feedback = check_flag("error_feedback", error_feedback)
        self.seed = seed
        self.generator = as_generator(seed)
        self.error: np.ndarray | None = None

    def __repr__(self) -> str:
        names = inspect.signature(type(self)).parameters
        shown = {name: value for name in names if (value := getattr(self, name, None)) is not None}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @abstractmethod
    def compress(self, vector: np.ndarray) -> Message:
        """Return what travels in place of a vector; no error is added or remembered.

        Args:
            vector: 1-D, float32 or float64.
        """

    @abstractmethod
    def decompress(self, message: Message, size: int, dtype: Any) -> np.ndarray:
        """Return the vector that a message stands for.

        Args:
            message: from ``compress``.
            size: of the vector.
            dtype: of the vector.
        """

    def prepare(self, layout: Sequence[Place]) -> None:  # noqa: B027 (most compressors have nothing to prepare)
        """Hear where in a vector the weight matrices lie; a compressor that does not ask forgets it.

        Args:
            layout: of the network, ``network.layout``.

        Example:
            >>> from nnopt_utils.networks import MLP
            >>> from nnopt_utils.parallel import TopK
            >>> TopK(share=0.01).prepare(MLP([784, 64, 10]).layout)
        """

    @np.errstate(over="ignore", invalid="ignore")
    def mean(self, gradient: np.ndarray, link: Link) -> np.ndarray:
        """Return the mean over all workers of what they send: to the last bit the same for everyone.

        Args:
            gradient: the worker's own, 1-D; not changed.
            link: the worker's :class:`Link`; it counts the bytes.

        Raises:
            TypeError, ValueError: no vector, or one of another length or type than before.
        """
        vector = self._owed(check_vector("gradient", gradient))
        sent, mean = self._exchange(vector, link)
        if self.error_feedback:
            self.error = vector - sent
        return mean

    def _owed(self, gradient: np.ndarray) -> np.ndarray:
        """The gradient with the error of before."""
        if self.error is None:
            return gradient
        if (gradient.shape, gradient.dtype) != (self.error.shape, self.error.dtype):
            raise ValueError(f"gradient: got {describe(gradient)}; expected {describe(self.error)}, as before")
        return self.error + gradient

    def _exchange(self, vector: np.ndarray, link: Link) -> tuple[np.ndarray, np.ndarray]:
        """What the others take this worker's vector for, and the mean over all: summed by rank, for the same bits."""
        sent = total = np.zeros_like(vector)
        for rank, arrays in enumerate(ring_all_gather(self.compress(vector).arrays, link)):
            decoded = self.decompress(Message(arrays), vector.size, vector.dtype)
            total = total + decoded
            sent = decoded if rank == link.rank else sent
        return sent, total / link.size


def check_vector(name: str, value: Any) -> np.ndarray:
    """Return a vector that may hold NaN: that training diverged is for the optimizer to say."""
    return check_array(name, value, ndim=1, finite=False)


def check_flag(name: str, value: Any) -> bool:
    """Return a bool."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: got {describe(value)}; expected True or False")
    return bool(value)
