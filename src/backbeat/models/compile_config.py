"""Compile settings ↔ files: optimizer, loss and metrics as JSON, ours and Keras' alike."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from torch import nn

from backbeat import losses, metrics, optimizers
from backbeat.errors import ArgumentError, BackbeatError
from backbeat.layers.naming import snake_case
from backbeat.models.compiled import Compiled
from backbeat.tensors import map_leaves
from backbeat.warning import warn

__all__ = ["compile_arguments", "training_config"]

Config = dict[str, Any]

# Where Keras 2.3 and Keras 3 have no full name in common, the one that Keras 3 understands.
_NEWER_NAMES = {
    "cosine_proximity": "cosine_similarity",
    "huber_loss": "huber",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
}

# What Keras 3's optimizers can be given and Keras 2's cannot.
_NEWER_SETTINGS = (
    "weight_decay",
    "use_ema",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "momentum",
    "centered",
)


def training_config(compiled: Compiled) -> Config:
    """What `compile` was given, as Keras 2 writes it; names in full, as Keras 3 needs them."""
    rates = compiled.optimizer.rates
    return {
        "optimizer_config": _optimizer_config(compiled.optimizer),
        "loss": map_leaves(_loss_config, compiled.loss),
        "metrics": map_leaves(_metric_config, compiled.metrics),
        "weighted_metrics": map_leaves(_metric_config, compiled.weighted_metrics),
        "sample_weight_mode": None,
        "loss_weights": map_leaves(_number, compiled.loss_weights),
        # Keras has one group of parameters; no key of its own could tell.
        **({"backbeat_rates": rates} if len(rates) > 1 else {}),
    }


def _optimizer_config(optimizer: optimizers.Optimizer) -> Config:
    described = optimizers.serialize(optimizer)
    # Keras 3 warns about a decay, even one of 0, which is what Keras 2 takes if there is none.
    if not described["config"].get("decay", True):
        del described["config"]["decay"]
    return described


def _loss_config(loss: Any) -> Any:
    if loss is None:
        return None
    source = losses.get(loss).source
    if isinstance(source, nn.Module):
        return _torch_loss_config(source) or type(source).__name__
    described = losses.serialize(loss)
    if isinstance(described, str) and described in losses.functions:
        full = losses.functions[described].__name__
        return _NEWER_NAMES.get(full, full)
    return described


def _torch_loss_config(loss: nn.Module) -> Config | None:
    """A loss of torch.nn with its settings; None if it is not one, or holds class weights."""
    kind = type(loss)
    if getattr(nn, kind.__name__, None) is not kind or loss.state_dict():
        return None
    settings = {name: getattr(loss, name, None) for name in inspect.signature(kind).parameters}
    plain = {n: v for n, v in settings.items() if isinstance(v, (bool, int, float, str))}
    return {"class_name": kind.__name__, "config": plain}


def _metric_config(metric: Any) -> Any:
    if isinstance(metric, str):
        return metric
    name = str(getattr(metric, "__name__", type(metric).__name__))
    describe = getattr(metric, "get_config", None)
    return {"class_name": name, "config": describe()} if callable(describe) else name


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


# Reading


def compile_arguments(config: Mapping[str, Any], custom: Mapping[str, Any], path: Any) -> Config:
    """The arguments for `Model.compile` that a file's `training_config` describes.

    Raises ArgumentError naming everything that is neither known nor in `custom`.
    """
    # Keras 3 keeps what compile was given one level down.
    given: Mapping[str, Any] = config.get("compile_config") or config
    reader = _Reader(custom, path)
    optimizer = given.get("optimizer_config") or given.get("optimizer")
    arguments: Config = {
        "optimizer": reader.known(optimizer, reader.optimizer),
        "loss": _each(given.get("loss"), lambda each: reader.known(each, reader.loss)),
        "metrics": _each(given.get("metrics") or [], reader.known_metric),
        "weighted_metrics": _each(given.get("weighted_metrics") or [], reader.known_metric),
        "loss_weights": given.get("loss_weights"),
    }
    if reader.unknown:
        raise ArgumentError(
            f"{path} was compiled with what is not known here: {', '.join(reader.unknown)}. Pass "
            "your own functions and classes as custom_objects={'name': thing}, or load the model "
            "with compile=False and compile it yourself."
        )
    reader.warn_about_the_rest(given.get("backbeat_rates"))
    return arguments


class _Reader:
    """Turns descriptions into things, and notes what is not known."""

    def __init__(self, custom: Mapping[str, Any], path: Any) -> None:
        self.custom, self.path = custom, path
        self.unknown: list[str] = []
        self.left_out: list[str] = []

    def known(self, described: Any, find: Callable[[str, Config], Any]) -> Any:
        """What `find` makes of a name and its settings; None if that is nothing known."""
        if described is None:
            return None
        name, settings = _name_and_settings(described)
        try:
            own = self.custom.get(name)
            return find(name, settings) if own is None else _made(own, settings)
        except (BackbeatError, TypeError, ValueError):
            self.unknown.append(repr(name))
            return None

    def known_metric(self, described: Any) -> Any:
        return self.known(described, self.metric)

    def loss(self, name: str, settings: Config) -> Any:
        module = getattr(nn, name, None)
        if inspect.isclass(module) and issubclass(module, nn.modules.loss._Loss):  # pyright: ignore[reportPrivateUsage] - torch has no public base of its losses
            return module(**settings)
        described = {"class_name": name, "config": settings} if settings else name
        function = losses.get(described)
        return function.source if settings else name

    def metric(self, name: str, settings: Config) -> Any:
        # A class of Keras' is named as its function: CategoricalAccuracy, categorical_accuracy.
        told = snake_case(name) if settings else name
        metrics.get(told)
        return told

    def optimizer(self, name: str, settings: Config) -> Any:
        """The optimizer; what only Keras 3's has and is in use is noted as left out."""
        wanted = dict(settings)
        rate = wanted.get("learning_rate")
        if isinstance(rate, Mapping):
            schedule = cast(Config, cast(Config, rate).get("config", {}))
            wanted["learning_rate"] = schedule.get("initial_learning_rate", 0.001)
            self.left_out.append("the schedule of the learning rate")
        if "use_ema" in wanted:
            # Its clipnorm looks at each weight alone; ours, as Keras 2's, at all together.
            single, wanted["clipnorm"] = wanted["clipnorm"], wanted.get("global_clipnorm")
            self.left_out += ["clipnorm"] if single else []
        made = optimizers.get({"class_name": name, "config": wanted})
        known = made.get_config()
        self.left_out += [
            each for each in _NEWER_SETTINGS if wanted.get(each) and each not in known
        ]
        return made

    def warn_about_the_rest(self, rates: Any) -> None:
        """One warning for all that was left out."""
        if rates:
            self.left_out.append(f"its {len(rates)} groups of parameters, of the rates {rates}")
        if self.left_out:
            warn(
                f"{self.path}: the optimizer comes without {', '.join(self.left_out)}, which a "
                "file of this kind cannot restore here; compile the model again if you need it."
            )


def _each(described: Any, change: Callable[[Any], Any]) -> Any:
    """`change` applied to every description in lists, and in dicts by output."""
    if isinstance(described, (list, tuple)):
        return [_each(part, change) for part in cast(list[Any], described)]
    if isinstance(described, Mapping) and "class_name" not in described:
        parts = cast(Mapping[str, Any], described)
        return {name: _each(part, change) for name, part in parts.items()}
    return change(described)


def _name_and_settings(described: Any) -> tuple[str, Config]:
    if not isinstance(described, Mapping):
        return str(described), {}
    parts = cast(Mapping[str, Any], described)
    settings = parts.get("config")
    # Keras 3 writes a function as one of the class "function".
    if isinstance(settings, str):
        return settings, {}
    return str(parts.get("class_name")), dict(settings or {})


def _made(thing: Any, settings: Config) -> Any:
    """A custom object: a class with its settings, anything else as it is."""
    if not inspect.isclass(thing):
        return thing
    rebuild = getattr(thing, "from_config", None)
    return rebuild(settings) if callable(rebuild) and settings else thing(**settings)
