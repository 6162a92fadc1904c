"""A network whose weights are made from fewer, or other, numbers than there are weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnopt_utils._memory import aligned_copy
from nnopt_utils._tables import aligned
from nnopt_utils._validation import check_array, check_choice, describe
from nnopt_utils.compression.forms import Dense, Form
from nnopt_utils.layout import Place, layout_of
from nnopt_utils.networks import MLP, Cut, Product, Views


class CompressedMLP(MLP):
    r"""An MLP in which each weight matrix and bias vector has a :class:`Form`: what is free, and how it is decoded.

    Its ``parameters`` are the free numbers of all tensors, one vector ψ, so ``fit`` and every optimizer train *these*:
    kept weights, centroids of clusters, the weights behind a grid. With θ(ψ) the weights that ψ gives,

    .. math:: \nabla_\psi J = \left(\frac{\partial \theta}{\partial \psi}\right)^{\!\top} \nabla_\theta J

    is the gradient that it returns (but for grids, which have none, and take another in its place). Everything else,
    ``forward``, ``evaluate``, ``predict``, uses θ(ψ). ``weights`` and ``biases`` are decoded copies, which cannot be
    assigned to.

    Args:
        network: an ``MLP``, compressed or not. It is copied.
        forms: a form for each tensor that is to get another one, by name: ``{"weights[0]": Masked(…)}``. Tensors that
            are not named keep theirs.

    Attributes:
        forms: the form of each tensor by name, in the order of ``tensors``.
        tensors: the places of the decoded tensors in θ, as ``layout`` of an ``MLP`` has them. (``layout`` itself has
            the places of the free numbers in ψ.)

    Raises:
        TypeError, ValueError: no MLP; a name or a shape that the network does not have.

    Example:
        >>> from nnopt_utils.compression import Masked
        >>> network = MLP([2, 3, 1], loss="mse", seed=0)
        >>> pruned = CompressedMLP(network, {"weights[0]": Masked(network.weights[0] > 0)})
        >>> network.n_parameters, pruned.n_parameters, pruned.n_weights
        (13, 11, 13)
        >>> bool((pruned.weights[0][network.weights[0] < 0] == 0).all())
        True

    Source: training a part of the weights, or numbers that weights share: S. Han, H. Mao, W. J. Dally, "Deep
    compression", ICLR 2016.
    """

    is_plain = False

    def __init__(self, network: MLP, forms: Mapping[str, Form] | None = None) -> None:
        if not isinstance(network, MLP):
            raise TypeError(f"network: got {describe(network)}; expected an MLP")
        self._carrier = decoded(network)
        self.tensors: list[Place] = self._carrier.layout
        self.forms: dict[str, Form] = {place.name: Dense(place.shape) for place in self.tensors}
        free = [place.of(self._carrier.parameters) for place in self.tensors]
        if isinstance(network, CompressedMLP):
            self.forms.update(network.forms)
            free = [network.free(name) for name in self.forms]
        for name, form in (forms or {}).items():
            position = list(self.forms).index(check_choice("forms", name, self.forms))
            self.forms[name] = self._check_form(name, form)
            encoded = form.encode(self.tensors[position].of(self._carrier.parameters))
            if form.n_free:  # else there is nothing to check: a frozen tensor
                encoded = check_array(f"encoded {name}", encoded, shape=form.free_shape)
            free[position] = encoded
        self._take_over(np.concatenate([np.ravel(part) for part in free]).astype(self._carrier.dtype))

    def _check_form(self, name: str, form: Any) -> Form:
        shape = {place.name: place.shape for place in self.tensors}[name]
        if not isinstance(form, Form):
            raise TypeError(f"forms[{name!r}]: got {describe(form)}; expected a Form")
        if form.shape != shape:
            raise ValueError(f"forms[{name!r}]: got a form of shape {form.shape}; expected {shape}, that of {name}")
        return form

    def _take_over(self, free: np.ndarray) -> None:
        """Be a network like the carrier, with ψ in the place of θ."""
        carrier = self._carrier
        self.layer_sizes, self.activation, self.l2, self.dtype = (
            carrier.layer_sizes,
            carrier.activation,
            carrier.l2,
            carrier.dtype,
        )
        self.loss_function = carrier.loss_function
        self.layout = layout_of((name, form.free_shape) for name, form in self.forms.items())
        self._own(free)

    def _own(self, theta: np.ndarray) -> None:
        self._parameters = aligned_copy(theta)
        self.activation_functions = self._carrier.activation_functions
        self._gradient = self._carrier.cut(np.empty_like(self._carrier.parameters))

    # -- parameters --------------------------------------------------------------------------------------------------

    @property
    def n_weights(self) -> int:
        """How many weights and biases the decoded network has, zeros included."""
        return self._carrier.n_parameters

    def free(self, name: str, vector: np.ndarray | None = None) -> np.ndarray:
        """Return the free numbers of a tensor: a view into ψ, or into a vector of its shape, such as a gradient.

        Args:
            name: of the tensor, such as ``"weights[0]"``.
            vector: default ψ, ``parameters``.

        Raises:
            ValueError: no tensor of that name.

        Example:
            >>> CompressedMLP(MLP([2, 1], loss="mse")).free("biases[0]")
            array([0.], dtype=float32)
        """
        place = self.layout[list(self.forms).index(check_choice("name", name, self.forms))]
        return place.of(self._parameters if vector is None else vector)

    def _decode(self, free: np.ndarray, theta: np.ndarray) -> None:
        """Write θ(ψ)."""
        for place, tensor, form in zip(self.layout, self.tensors, self.forms.values(), strict=True):
            form.decode(place.of(free), tensor.of(theta))

    @property
    def weights(self) -> Views:
        """The decoded weight matrices: copies, which cannot be written to."""
        return Views(_locked(self.views(self._parameters)[0]))

    @weights.setter
    def weights(self, values: Sequence[np.ndarray]) -> None:
        self._refuse_assignment("weights")

    @property
    def biases(self) -> Views:
        """The decoded bias vectors: copies, which cannot be written to."""
        return Views(_locked(self.views(self._parameters)[1]))

    @biases.setter
    def biases(self, values: Sequence[np.ndarray]) -> None:
        self._refuse_assignment("biases")

    def _refuse_assignment(self, name: str) -> None:
        raise AttributeError(
            f"{name}: of a compressed network they follow from its free numbers; change network.parameters or "
            "network.free(name), or assign to those of network.decoded()"
        )

    def views(self, vector: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the weights and biases that a vector ψ of free numbers gives: new arrays, not views.

        Args:
            vector: 1-D, as long as ψ.

        Example:
            >>> weights, biases = CompressedMLP(MLP([2, 1], loss="mse")).views(np.arange(3.0))
            >>> weights[0].tolist(), biases[0]
            ([[0.0], [1.0]], array([2.]))
        """
        theta = np.empty(self.n_weights, vector.dtype)
        self._decode(vector, theta)
        tensors = [place.of(theta) for place in self.tensors]
        return tensors[0::2], tensors[1::2]

    def cut(self, vector: np.ndarray) -> Cut:
        """Return a vector of ψ's shape and the free numbers' places in it.

        Args:
            vector: 1-D, as long as ψ.

        Example:
            >>> CompressedMLP(MLP([2, 1], loss="mse")).cut(np.arange(3.0)).biases
            [array([2.])]
        """
        parts = [place.of(vector) for place in self.layout]
        return Cut(vector, parts[0::2], parts[1::2])

    # -- loss and gradient -------------------------------------------------------------------------------------------

    def backpropagate(
        self, x: np.ndarray, y: np.ndarray, theta: np.ndarray, out: Cut | None = None
    ) -> tuple[float, np.ndarray]:
        """Return J and its gradient by the free numbers ψ, for data that were checked before: ``fit``'s way in.

        Args:
            x, y: rows of what ``check_data`` returned.
            theta: ψ, a contiguous vector of the network's dtype.
            out: where to write the gradient, from :meth:`cut`; default a new vector.

        Example:
            >>> network = CompressedMLP(MLP([2, 2], initializer="zeros"))
            >>> x, y = network.check_data(np.eye(2), np.array([0, 1]))
            >>> value, gradient = network.backpropagate(x, y, network.parameters)
            >>> round(value, 4), gradient.shape
            (0.6931, (6,))
        """
        carrier = self._carrier
        carrier.loss_function = self.loss_function
        self._decode(theta, carrier.parameters)
        value, gradient = carrier.backpropagate(x, y, carrier.parameters, out=self._gradient)
        result = np.empty_like(theta) if out is None else out.vector
        for place, tensor, form in zip(self.layout, self.tensors, self.forms.values(), strict=True):
            form.pull_back(tensor.of(gradient), place.of(theta), place.of(result))
        return value, result

    def hessian_operator(self, x: np.ndarray, y: np.ndarray, parameters: np.ndarray | None = None) -> Product:
        """Refuse: of a compressed network there are no products with curvature.

        Args:
            x, y, parameters: as of an ``MLP``.

        Raises:
            TypeError: always.
        """
        raise TypeError("network: got a CompressedMLP; expected an MLP for products with curvature: network.decoded()")

    gauss_newton_operator: Callable[..., Product] = hessian_operator

    # -- other networks ----------------------------------------------------------------------------------------------

    def decoded(self) -> MLP:
        """Return a plain ``MLP`` with these weights, zeros and all.

        Example:
            >>> network = MLP([2, 3, 1], loss="mse", seed=0)
            >>> bool((CompressedMLP(network).decoded().parameters == network.parameters).all())
            True
        """
        self._decode(self._parameters, self._carrier.parameters)
        return self._carrier.copy()

    def with_forms(self, forms: Mapping[str, Form]) -> CompressedMLP:
        """Return a copy in which some tensors have other forms, with the free numbers nearest to what they are now.

        Args:
            forms: by the tensor's name.

        Raises:
            TypeError, ValueError: a name or a shape that the network does not have.

        Example:
            >>> from nnopt_utils.compression import Masked
            >>> network = CompressedMLP(MLP([2, 1], loss="mse"))
            >>> network.with_forms({"biases[0]": Masked([True])}).forms["biases[0]"]
            Masked(1 of 1 kept, shape (1,))
        """
        return CompressedMLP(self, forms)

    def copy(self, dtype: str | None = None) -> CompressedMLP:
        """Return an independent network of the same forms and free numbers, if asked for in another dtype.

        Args:
            dtype: ``"float32"`` or ``"float64"``; default that of this network.

        Example:
            >>> CompressedMLP(MLP([2, 1], loss="mse")).copy("float64").dtype
            dtype('float64')
        """
        twin = CompressedMLP(self)
        if dtype is not None:
            twin._carrier = self._carrier.copy(dtype)
            twin._take_over(self._parameters.astype(dtype))
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """What ``pickle`` and ``copy.deepcopy`` take."""
        return {"carrier": self._carrier, "forms": self.forms, "free": self._parameters}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        self._carrier, self.forms = state["carrier"], state["forms"]
        self.tensors = self._carrier.layout
        self._take_over(state["free"])

    def summary(self) -> str:
        """Return a table of the tensors: their shapes, their forms, and how many numbers are free.

        Example:
            >>> print(CompressedMLP(MLP([784, 10])).summary())
            tensor           shape    form     free
            weights[0]    784 × 10   Dense    7,840
            biases[0]           10   Dense       10
            all              7,850            7,850
        """
        rows = [("tensor", "shape", "form", "free")]
        for name, form in self.forms.items():
            shape = " × ".join(map(str, form.shape))
            rows.append((name, shape, type(form).__name__, f"{form.n_free:,}"))
        rows.append(("all", f"{self.n_weights:,}", "", f"{self.n_parameters:,}"))
        return aligned(rows, right=[False, True, True, True], widths=[12, 12, 9, 9], between="")

    def __repr__(self) -> str:
        return f"CompressedMLP({self._carrier!r}, {self.n_parameters:,} free numbers for {self.n_weights:,} weights)"


def decoded(network: MLP) -> MLP:
    """Return a plain ``MLP`` with a network's weights: a copy.

    Args:
        network: compressed or not.

    Example:
        >>> decoded(CompressedMLP(MLP([2, 1], loss="mse"))).n_parameters
        3
    """
    return network.decoded() if isinstance(network, CompressedMLP) else network.copy()


def _locked(arrays: list[np.ndarray]) -> list[np.ndarray]:
    for array in arrays:
        array.flags.writeable = False
    return arrays
