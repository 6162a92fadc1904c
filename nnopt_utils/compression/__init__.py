"""Model compression: networks of fewer, or smaller, numbers; and files in which every byte is counted.

A :class:`CompressedMLP` is an ``MLP`` whose tensors are made from other numbers than their entries. Each has a form;
the methods below return networks of such forms, or smaller ones, and take any ``MLP``, compressed or not: they compose.

========================  =====================================================================================
``forms``                 how a tensor is made from the numbers that are free
``masked``                tensors with zeros that stay zero
``integer``               inference with int8 weights and activations, in integers alone
``network``               ``CompressedMLP``: ``fit`` trains its free numbers
========================  =====================================================================================
"""

from nnopt_utils.compression.forms import Dense, Form, Stored
from nnopt_utils.compression.integer import (
    ActivationScale,
    IntegerLayer,
    IntegerMLP,
    fixed_point,
    multiply_fixed_point,
)
from nnopt_utils.compression.masked import Masked
from nnopt_utils.compression.network import CompressedMLP

__all__ = [
    "ActivationScale",
    "CompressedMLP",
    "Dense",
    "Form",
    "IntegerLayer",
    "IntegerMLP",
    "Masked",
    "Stored",
    "fixed_point",
    "multiply_fixed_point",
]
