"""AdamW: Adam whose weight decay is not part of the gradient."""

from __future__ import annotations

from nnopt_utils.optimizers.adam import Adam
from nnopt_utils.optimizers.hyperparameters import not_negative


class AdamW(Adam):
    r"""Adam with decoupled weight decay (Loshchilov & Hutter 2019): every weight shrinks at the same rate.

    ``"paper"`` and ``"pytorch"``:

    .. math::

        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        \hat m_t = \frac{m_t}{1 - \beta_1^t}, \quad
        \hat v_t = \frac{v_t}{1 - \beta_2^t} \\
        \theta_{t+1} = (1 - \eta_t \lambda)\, \theta_t - \eta_t \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon}

    ``"keras"``: ε stands beside √v as in :class:`Adam`,

    .. math::

        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        \theta_{t+1} = (1 - \eta_t \lambda)\, \theta_t
            - \eta_t \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \frac{m_t}{\sqrt{v_t} + \varepsilon}

    ==================  ================  ================  ================
    \                   paper             keras             pytorch
    ==================  ================  ================  ================
    weight_decay        0.01              0.004             0.01
    epsilon             1e-8              1e-7              1e-8
    ==================  ================  ================  ================

    Args:
        weight_decay: λ >= 0, decoupled in every convention.

    Example:
        >>> import numpy as np
        >>> theta = np.array([2.0])
        >>> AdamW(learning_rate=0.1, weight_decay=0.5).step(theta, np.array([0.0]))
        >>> theta                             # no gradient: only the decay, 2 (1 - 0.1 * 0.5)
        array([1.9])

    Warning:
        The paper multiplies its λ by the schedule alone, η_t λ with η_t <= 1, not by the rate α η_t. Keras and PyTorch
        multiply by the whole rate, as here in every convention: the paper's λ is ours times the base rate.

    Source: I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019, Algorithm 2.
    """

    weight_decay: float = not_negative(default=0.01, keras=0.004, kw_only=True)
    decoupled = ("paper", "keras", "pytorch")
