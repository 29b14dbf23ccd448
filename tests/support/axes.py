"""Axis letters held to their word: names of tensors and arrays end in their axes; in one call a letter has one size."""

import functools
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from torch import Tensor

AXES = re.compile(r"_((?:[A-Z]|[1-9])+)$")
YIELDS = re.compile(r"-> ([a-z_]+_[A-Z1-9]+(?:, [a-z_]+_[A-Z1-9]+)*)(?=[.:]|\s*$)", re.MULTILINE)


class AxisError(AssertionError):
    """A tensor whose shape does not fit its name."""


def bind(name: str, tensor: Tensor | np.ndarray, sizes: dict[str, int]) -> None:
    """Give each letter of `name` its size, or hold it to the one it has. `1` is an axis of one, `4D` four times D."""
    letters = AXES.search(name)
    if letters is None:
        return
    axes = re.findall(r"1|[2-9]?[A-Z]", letters[1])
    if len(axes) != tensor.ndim:
        raise AxisError(f"{name} has the shape {tuple(tensor.shape)}")
    for axis, size in zip(axes, tensor.shape, strict=True):
        if size == 0:
            continue  # what a model without attention has of everything
        factor = int(axis[0]) if axis[0].isdigit() else 1
        expected = 1 if axis == "1" else factor * sizes.setdefault(axis[-1], size // factor)
        if size != expected:
            raise AxisError(f"{name} has the shape {tuple(tensor.shape)}, but {axis} is {expected}: {sizes}")


def bind_all(values: dict[str, Any], sizes: dict[str, int]) -> None:
    """Bind tensors, arrays, and those of named tuples. A `state` is opaque: its rows are about to be rearranged."""
    for name, value in values.items():
        if name == "state":
            continue
        if isinstance(value, Tensor | np.ndarray):
            bind(name, value, sizes)
        elif hasattr(value, "_asdict"):
            bind_all(value._asdict(), sizes)


def checked(function: Callable) -> Callable:
    """`function`, which now raises AxisError for arguments or results whose shapes do not fit their names.

    Results are named by their own fields, or by the docstring: `-> context_BTM, weights_BTS`.
    """
    signature = inspect.signature(function)
    found = YIELDS.search(function.__doc__ or "")
    names = found[1].split(", ") if found else []

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        sizes: dict[str, int] = {}
        bind_all(signature.bind(*args, **kwargs).arguments, sizes)
        result = function(*args, **kwargs)
        if hasattr(result, "_asdict"):
            bind_all(result._asdict(), sizes)
        elif names:
            parts = result if isinstance(result, tuple) else (result,)
            bind_all(dict(zip(names, parts, strict=True)), sizes)
        return result

    return call


def functions_of(package: str) -> Iterator[tuple[Any, str, Callable]]:
    """(owner, name, function) for every public function and method defined in a package of ours."""
    for info in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        module = importlib.import_module(info.name)
        owners = [
            module,
            *(c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__),
        ]
        for owner in owners:
            for name, value in list(vars(owner).items()):
                is_ours = inspect.isfunction(value) and value.__module__ == module.__name__
                if is_ours and not name.startswith("_"):
                    yield owner, name, value


def hold_axes(monkeypatch: Any, *packages: str) -> int:
    """Check every public function of `packages` wherever it is called from. -> how many"""
    wrapped: dict[Callable, Callable] = {}
    for package in packages:
        for owner, name, function in functions_of(package):
            wrapped[function] = checked(function)
            monkeypatch.setattr(owner, name, wrapped[function])
    for module in [module for key, module in sys.modules.items() if key.startswith("nmt.")]:
        for alias, value in list(vars(module).items()):
            if inspect.isfunction(value) and value in wrapped:
                monkeypatch.setattr(module, alias, wrapped[value])
    return len(wrapped)
