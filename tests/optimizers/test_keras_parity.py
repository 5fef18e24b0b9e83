"""Every run that real Keras 2.3.1 made, and NumPy's float64, followed to 1e-5."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from backbeat import optimizers
from tests.optimizers.references import RULES, clipped
from tests.optimizers.stored import DATA, Stored

RECORDED = json.loads((DATA / "optimizers.json").read_text())
RUNS = RECORDED["runs"]
NO_RULES = ("Optimizer", "TFOptimizer")  # the base, and a wrapper of TensorFlow's
CLASSES = [entry for entry in RECORDED["classes"] if entry["class_name"] not in NO_RULES]


def test_every_run_is_replayed() -> None:
    """None of the 19 runs, and none of the 7 classes, is left out."""
    assert len(RUNS) == 19
    assert len({run["class_name"] for run in RUNS}) == len(CLASSES) == 7


def named(run: dict[str, Any]) -> str:
    return f"{run['class_name']}-" + "-".join(f"{n}={v}" for n, v in run["arguments"].items())


@pytest.mark.parametrize("run", RUNS, ids=named)
def test_recorded_run(run: dict[str, Any]) -> None:
    """The values after each of 20 steps are Keras'."""
    parameter = torch.nn.Parameter(torch.tensor(RECORDED["problem"]["initial"]))
    optimizer = getattr(optimizers, run["class_name"])(**run["arguments"])
    optimizer.bind([parameter])

    for gradient, expected in zip(
        RECORDED["problem"]["gradients"], run["values_after_step"], strict=True
    ):
        parameter.grad = torch.tensor(gradient)
        optimizer.step()

        np.testing.assert_allclose(parameter.detach().numpy(), expected, atol=1e-5, rtol=0)
    assert optimizer.iterations == 20
    state = optimizer.state_arrays([Stored(parameter)])
    for (name, array), kept in zip(state.items(), run["state_after_last_step"], strict=True):
        assert name.endswith(f"/{kept['name']}:0")
        assert list(array.shape) == kept["shape"]
        if not is_idle(kept["name"], run["arguments"]):
            np.testing.assert_allclose(array, kept["value"], atol=1e-5, rtol=1e-5)


def is_idle(name: str, arguments: dict[str, Any]) -> bool:
    """Whether Keras computes this accumulator though nothing reads it; ours stays at 0."""
    return name.startswith("moment") and not arguments.get("momentum")


@pytest.mark.parametrize("run", RUNS, ids=named)
def test_recorded_config(run: dict[str, Any]) -> None:
    """get_config has Keras' keys and, within float32, Keras' values."""
    config = getattr(optimizers, run["class_name"])(**run["arguments"]).get_config()

    assert config.keys() == run["config"].keys()
    for name, value in run["config"].items():
        assert config[name] == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("entry", CLASSES, ids=lambda entry: entry["class_name"])
def test_recorded_arguments(entry: dict[str, Any]) -> None:
    """Names, order and defaults of the positional arguments are Keras'."""
    import inspect

    own = inspect.signature(getattr(optimizers, entry["class_name"])).parameters
    positional = [a for a in entry["arguments"] if a["kind"] == "POSITIONAL_OR_KEYWORD"]
    taken = [a["name"] for a in entry["taken_from_kwargs"]] + entry["also_allowed_from_kwargs"]

    assert [(p.name, p.default) for p in own.values() if p.kind is p.POSITIONAL_OR_KEYWORD] == [
        (argument["name"], argument["default"]) for argument in positional
    ]
    assert {p.name for p in own.values() if p.kind is p.KEYWORD_ONLY} == set(taken)


VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"decay": 0.1}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"momentum": 0.8, "decay": 0.3}),
    ("SGD", {"momentum": 0.8, "decay": 0.3, "nesterov": True}),
    ("RMSprop", {"rho": 0.8}),
    ("RMSprop", {"decay": 0.2, "epsilon": 1e-2}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "epsilon": 1e-2, "beta_2": 0.9}),
    ("Adam", {"decay": 0.2, "beta_1": 0.5}),
    ("Adagrad", {}),
    ("Adagrad", {"decay": 0.2, "epsilon": 1e-2}),
    ("Adadelta", {}),
    ("Adadelta", {"decay": 0.2, "rho": 0.7, "epsilon": 1e-2}),
    ("Adamax", {}),
    ("Adamax", {"decay": 0.2, "beta_1": 0.5, "beta_2": 0.8, "epsilon": 1e-1}),
    ("Nadam", {}),
    ("Nadam", {"schedule_decay": 0.1, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.5, "decay": 0.2, "amsgrad": True, "epsilon": 1e-2}),
]
# From one step to the next: unchanged, off, on again, tiny, large.
RATES = [0.1, 0.1, 0.0, 0.0, 0.05, 0.5, 1e-12, 1e-12, 0.0, 0.2, 0.2, 0.01, 0.01]
FORMS = {"one": 1, "many": 9}


@pytest.mark.parametrize("count", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("first", [0.1, 0.0])
@pytest.mark.parametrize(("name", "arguments"), VARIANTS)
def test_changed_rates_follow_keras(
    name: str, arguments: dict[str, Any], first: float, count: int
) -> None:
    """A rate set between steps, also to 0 and back, acts as in Keras: momentum rolls on."""
    starts = [np.linspace(-1, 2, 5) * (i + 1) for i in range(count)]
    parameters = [torch.nn.Parameter(torch.tensor(s, dtype=torch.float32)) for s in starts]
    references = [RULES[name](start, lr=first, **arguments) for start in starts]
    optimizer = getattr(optimizers, name)(first, **arguments)
    optimizer.bind(parameters)
    draw = np.random.default_rng(0)

    for rate in [first, *RATES]:
        optimizer.lr = rate
        for parameter, reference in zip(parameters, references, strict=True):
            reference.lr = rate
            gradient = draw.normal(size=5).astype(np.float32)
            parameter.grad = torch.tensor(gradient)
            reference.step(gradient)
        kept = [parameter.grad.clone() for parameter in parameters]  # type: ignore[union-attr]
        optimizer.step()

        assert optimizer.lr == rate
        for parameter, reference, gradient in zip(parameters, references, kept, strict=True):
            np.testing.assert_allclose(
                parameter.detach().numpy(), reference.value, atol=1e-5, rtol=1e-5
            )
            assert torch.equal(parameter.grad, gradient)  # type: ignore[arg-type]


CLIPPED = [("SGD", {"momentum": 0.9}), *((name, {}) for name in RULES if name != "SGD")]


@pytest.mark.parametrize(("norm", "value"), [(1.0, None), (None, 0.3), (2.0, 0.5), (0.0, 0.0)])
@pytest.mark.parametrize(("name", "arguments"), CLIPPED)
def test_clipping_takes_the_norm_of_all_gradients(
    name: str, arguments: dict[str, Any], norm: float | None, value: float | None
) -> None:
    """clipnorm looks at all parameters together, then clipvalue at each number."""
    draw = np.random.default_rng(1)
    starts = [draw.normal(size=size) for size in ((3,), (2, 2))]
    parameters = [torch.nn.Parameter(torch.tensor(s, dtype=torch.float32)) for s in starts]
    references = [RULES[name](start, lr=0.1, **arguments) for start in starts]
    optimizer = getattr(optimizers, name)(0.1, **arguments, clipnorm=norm, clipvalue=value)
    optimizer.bind(parameters)

    for size in (0.01, 1.0, 10.0, 0.0):
        gradients = [size * draw.normal(size=start.shape) for start in starts]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = torch.tensor(gradient, dtype=torch.float32)
        optimizer.step()
        for reference, gradient in zip(references, clipped(gradients, norm, value), strict=True):
            reference.step(gradient)

    for parameter, reference in zip(parameters, references, strict=True):
        np.testing.assert_allclose(parameter.detach().numpy(), reference.value, atol=1e-5)


@pytest.mark.parametrize("name", RULES)
def test_every_group_follows_its_own_rate(name: str) -> None:
    """Each group moves by its own rate, also when `lr` scales them all in mid-run."""
    starts = [np.linspace(-1, 2, 4) * (i + 1) for i in range(2)]
    parameters = [torch.nn.Parameter(torch.tensor(s, dtype=torch.float32)) for s in starts]
    references = [
        RULES[name](s, lr=rate) for s, rate in zip(starts, (0.1, 0.02), strict=True)
    ]  # fmt: skip
    optimizer = getattr(optimizers, name)(0.1)
    optimizer.bind([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.02}])
    draw = np.random.default_rng(2)

    for rate in (0.1, 0.1, 0.4, 0.05):
        optimizer.lr = rate
        for parameter, reference, share in zip(parameters, references, (1.0, 0.2), strict=True):
            reference.lr = rate * share
            gradient = draw.normal(size=4).astype(np.float32)
            parameter.grad = torch.tensor(gradient)
            reference.step(gradient)
        optimizer.step()

        for parameter, reference in zip(parameters, references, strict=True):
            np.testing.assert_allclose(
                parameter.detach().numpy(), reference.value, atol=1e-5, rtol=1e-5
            )
