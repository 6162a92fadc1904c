"""Learning-rate schedules: the number of finished steps → learning rate.

``schedule(0)`` is the rate of the first step, as in Keras and PyTorch. A schedule is a small frozen object
that can be called, compared, printed, pickled and drawn; any function of one integer will do as well. A step that is no
integer from 0 on raises an error that names it.
"""

# ruff: noqa: F403 (each module lists in `__all__` what is public: a new schedule is named once)
from nnopt_utils.schedules import composition, decays, restarts, warmups
from nnopt_utils.schedules.composition import *
from nnopt_utils.schedules.decays import *
from nnopt_utils.schedules.restarts import *
from nnopt_utils.schedules.warmups import *

__all__: list[str] = []
__all__ += composition.__all__
__all__ += decays.__all__
__all__ += restarts.__all__
__all__ += warmups.__all__
