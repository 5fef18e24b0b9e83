"""From whatever names a loss to the `LossFunction` that training uses, and back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from torch import Tensor, nn

from backbeat.errors import ArgumentTypeError
from backbeat.losses import crossentropy, hinges, loss, regression
from backbeat.losses.loss import Loss
from backbeat.losses.loss_function import LabelKind, LossFunction, per_sample
from backbeat.losses.means import MEANS
from backbeat.losses.torch_losses import (
    from_module,
    from_torch_function,
    is_torch_function,
    suit,
)
from backbeat.registry import Registry

__all__ = ["from_function", "from_object", "functions", "get", "serialize"]

functions: Registry[Callable[..., Tensor]] = Registry("loss")
"""Every per-sample loss function by each of its names."""

for _function, _aliases in (
    (regression.mean_squared_error, "mse MSE"),
    (regression.mean_absolute_error, "mae MAE"),
    (regression.mean_absolute_percentage_error, "mape MAPE"),
    (regression.mean_squared_logarithmic_error, "msle MSLE"),
    (regression.kullback_leibler_divergence, "kld KLD kl_divergence"),
    (regression.cosine_proximity, "cosine cosine_similarity"),
    (regression.logcosh, "log_cosh"),
    (regression.huber_loss, "huber"),
    (regression.poisson, ""),
    (hinges.hinge, ""),
    (hinges.squared_hinge, ""),
    (hinges.categorical_hinge, ""),
    (crossentropy.binary_crossentropy, "bce BCE"),
    (crossentropy.categorical_crossentropy, ""),
    (crossentropy.sparse_categorical_crossentropy, ""),
):
    functions.add(_function, _function.__name__, *_aliases.split())

_classes: Registry[type[Loss]] = Registry(
    "loss", {name: getattr(loss, name) for name in loss.__all__ if name != "Loss"}
)
_labels: dict[Any, LabelKind] = {
    crossentropy.binary_crossentropy: "binary",
    crossentropy.categorical_crossentropy: "categorical",
    crossentropy.sparse_categorical_crossentropy: "sparse",
}


def get(identifier: Any) -> LossFunction:
    """The loss meant by a name, one of our functions, objects or classes, or one of torch's.

    A callable of yours is called as `loss(y_true, y_pred)` and gives one value per sample or a
    single one; a `torch.nn` module is called in torch's order, `loss(input, target)`.

    >>> import torch
    >>> get("mse")(torch.tensor([1.0, 2.0]), torch.tensor([[1.0], [4.0]]))
    tensor([0., 4.])
    """
    thing = identifier() if inspect.isclass(identifier) else identifier
    if isinstance(thing, LossFunction):
        return thing
    if isinstance(thing, str):
        if thing in _classes:
            return from_object(_classes[thing]())
        return from_function(functions[thing], thing)
    if isinstance(thing, Mapping):
        kind, config = _classes.described(thing)
        return from_object(kind.from_config(config))
    if isinstance(thing, Loss):
        return from_object(thing)
    if isinstance(thing, nn.Module):
        return from_module(thing)
    function = cast(Any, thing)
    if is_torch_function(function):
        return from_torch_function(function)
    if any(function is known for known in functions.values()):
        return from_function(function, function)
    if callable(function):
        return _from_callable(function)
    given = cast(object, identifier)
    raise ArgumentTypeError(
        f"loss={given!r} is a {type(given).__name__}: give a name such as 'mse', a loss "
        "object such as MeanSquaredError() or nn.MSELoss(), or a function of (y_true, y_pred)."
    )


def serialize(identifier: Any) -> Any:
    """What `get` turns back into the same loss: a name, or `{"class_name", "config"}`.

    Torch's losses and functions of yours become their bare name.
    """
    source = get(identifier).source
    if isinstance(source, Loss):
        return {"class_name": type(source).__name__, "config": source.get_config()}
    if isinstance(source, str):
        return source
    return str(getattr(source, "__name__", type(source).__name__))


def from_function(
    function: Callable[..., Tensor], source: Any, name: str = "", **arguments: Any
) -> LossFunction:
    """One of our own functions, with `arguments` given to it beside the targets."""
    mean = MEANS.get(function)
    return LossFunction(
        name=name or function.__name__,
        sample_values=partial(function, **arguments) if arguments else function,
        batch_mean=partial(mean, **arguments) if mean and arguments else mean,
        source=source,
        labels=_labels.get(function),
        from_logits=bool(arguments.get("from_logits", False)),
    )


def from_object(source: Loss) -> LossFunction:
    """A `Loss` object, ours or a subclass of yours."""
    function = type(source).function
    if function is None or type(source).call is not Loss.call:
        return _from_callable(source.call, source, source.name)
    return from_function(function, source, source.name, **source.arguments())


def _from_callable(
    function: Callable[..., Any], source: Any = None, name: str = ""
) -> LossFunction:
    called = name or str(getattr(function, "__name__", type(function).__name__))
    _check_arguments(function, called)
    return LossFunction(
        name=called,
        sample_values=lambda y_true, y_pred: per_sample(
            function(suit(y_true, y_pred), y_pred), y_pred, called
        ),
        batch_mean=None,
        source=function if source is None else source,
    )


def _check_arguments(function: Callable[..., Any], called: str) -> None:
    """Raise if `function` cannot be called as a loss or metric, as far as its signature tells."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(None, None)
    except TypeError:
        raise ArgumentTypeError(
            f"{called} is called with (y_true, y_pred), but takes {signature}. Arguments come by "
            "position."
        ) from None
