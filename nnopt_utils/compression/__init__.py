"""Model compression: networks of fewer, or smaller, numbers; and files in which every byte is counted.

A :class:`CompressedMLP` is an ``MLP`` whose tensors are made from other numbers than their entries. Each has a form;
the methods below return networks of such forms, or smaller ones, and take any ``MLP``, compressed or not: they compose.

========================  =====================================================================================
``forms``                 how a tensor is made from the numbers that are free
``masked``                tensors with zeros that stay zero
``network``               ``CompressedMLP``: ``fit`` trains its free numbers
``distillation``          a small network learns from the outputs of a large one
========================  =====================================================================================
"""

from nnopt_utils.compression.distillation import distill, distillation_loss, teacher_logits
from nnopt_utils.compression.forms import Dense, Form, Stored
from nnopt_utils.compression.masked import Masked
from nnopt_utils.compression.network import CompressedMLP

__all__ = [
    "CompressedMLP",
    "Dense",
    "Form",
    "Masked",
    "Stored",
    "distill",
    "distillation_loss",
    "teacher_logits",
]
