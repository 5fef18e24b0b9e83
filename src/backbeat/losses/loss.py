"""Losses as objects: those of Keras' classes, and the base for your own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, ClassVar, cast

from torch import Tensor

from backbeat.errors import ArgumentError
from backbeat.flags import flag
from backbeat.losses import crossentropy, hinges, regression
from backbeat.tensors import to_tensor

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
]


class Loss:
    """Base of all loss objects: subclass it and define `call(y_true, y_pred)`.

    `call` gives one value per sample, shape (batch,). `reduction` is always the sum of the weighted
    values over their number: `sum(w * l) / N`.

    >>> float(MeanSquaredError()([[0.0], [2.0]], [[1.0], [2.0]]))
    0.5
    """

    function: ClassVar[Callable[..., Tensor] | None] = None
    """The per-sample function behind the object; None in a class that defines `call` itself."""

    def __init__(self, reduction: str = "sum_over_batch_size", name: str | None = None) -> None:
        if reduction not in ("sum_over_batch_size", "auto"):
            raise ArgumentError(
                f"reduction={reduction!r} does not fit: losses are averaged over the samples, "
                "'sum_over_batch_size'. For one value per sample use `call(y_true, y_pred)`."
            )
        self.reduction = "sum_over_batch_size"
        function = type(self).function
        self.name = name or (function.__name__ if function else type(self).__name__)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One value per sample: shape (batch,)."""
        function = type(self).function
        if function is None:
            raise NotImplementedError(f"{type(self).__name__} does not define call(y_true, y_pred)")
        return function(y_true, y_pred, **self.arguments())

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The scalar `sum(w * l) / N`; arrays and lists are taken as well as tensors.

        `sample_weight` is a number or has one value per sample: (batch,) or (batch, 1).
        """
        output = to_tensor(y_pred)
        values = self.call(to_tensor(y_true).to(output.device), output)
        if sample_weight is None:
            return values.mean()
        weights = to_tensor(sample_weight).to(values)
        if weights.ndim == 2 and weights.shape[1] == 1:
            weights = weights.squeeze(1)
        if weights.ndim and weights.shape != values.shape:
            raise ArgumentError(
                f"sample_weight has shape {tuple(weights.shape)}: it must be one number, or one "
                f"per sample, shape {tuple(values.shape)}."
            )
        return (weights * values).sum() / values.numel()

    def arguments(self) -> dict[str, Any]:
        """What the constructor takes beyond `reduction` and `name`, and the function as well."""
        names = inspect.signature(type(self)).parameters
        return {n: getattr(self, n) for n in names if n not in ("reduction", "name")}

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"reduction": self.reduction, "name": self.name, **self.arguments()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Loss:
        """The loss that `get_config` described; arguments that are not ours are left out."""
        known = inspect.signature(cls).parameters
        return cls(**{name: value for name, value in config.items() if name in known})


class MeanSquaredError(Loss):
    """`losses.mean_squared_error` as an object."""

    function = staticmethod(regression.mean_squared_error)


class MeanAbsoluteError(Loss):
    """`losses.mean_absolute_error` as an object."""

    function = staticmethod(regression.mean_absolute_error)


class MeanAbsolutePercentageError(Loss):
    """`losses.mean_absolute_percentage_error` as an object."""

    function = staticmethod(regression.mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(Loss):
    """`losses.mean_squared_logarithmic_error` as an object."""

    function = staticmethod(regression.mean_squared_logarithmic_error)


class LogCosh(Loss):
    """`losses.logcosh` as an object."""

    function = staticmethod(regression.logcosh)


class Poisson(Loss):
    """`losses.poisson` as an object."""

    function = staticmethod(regression.poisson)


class KLDivergence(Loss):
    """`losses.kullback_leibler_divergence` as an object."""

    function = staticmethod(regression.kullback_leibler_divergence)


class Huber(Loss):
    """`losses.huber_loss` as an object."""

    function = staticmethod(regression.huber_loss)

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        self.delta = delta


class CosineSimilarity(Loss):
    """`losses.cosine_proximity` as an object."""

    function = staticmethod(regression.cosine_proximity)

    def __init__(
        self,
        axis: int = -1,
        reduction: str = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        self.axis = axis


class Hinge(Loss):
    """`losses.hinge` as an object."""

    function = staticmethod(hinges.hinge)


class SquaredHinge(Loss):
    """`losses.squared_hinge` as an object."""

    function = staticmethod(hinges.squared_hinge)


class CategoricalHinge(Loss):
    """`losses.categorical_hinge` as an object."""

    function = staticmethod(hinges.categorical_hinge)


class BinaryCrossentropy(Loss):
    """`losses.binary_crossentropy` as an object."""

    function = staticmethod(crossentropy.binary_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        reduction: str = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        self.from_logits = flag(type(self).__name__, "from_logits", from_logits)
        self.label_smoothing = _share(label_smoothing)


class CategoricalCrossentropy(Loss):
    """`losses.categorical_crossentropy` as an object."""

    function = staticmethod(crossentropy.categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        reduction: str = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        self.from_logits = flag(type(self).__name__, "from_logits", from_logits)
        self.label_smoothing = _share(label_smoothing)


class SparseCategoricalCrossentropy(Loss):
    """`losses.sparse_categorical_crossentropy` as an object."""

    function = staticmethod(crossentropy.sparse_categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        reduction: str = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        self.from_logits = flag(type(self).__name__, "from_logits", from_logits)


def _share(label_smoothing: float) -> float:
    if not isinstance(cast(object, label_smoothing), Real) or not 0 <= label_smoothing <= 1:
        raise ArgumentError(
            f"label_smoothing={label_smoothing!r} does not fit: give a number from 0 to 1."
        )
    return label_smoothing
