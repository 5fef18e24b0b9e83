"""`import backbeat` opens every room at once, and waits with loading until one is entered."""

import subprocess
import sys

import pytest

import backbeat


def in_fresh_python(code: str) -> str:
    """What `code` prints in a Python that has imported nothing yet."""
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_import_loads_nothing_heavy():
    """`import backbeat` loads neither torch, NumPy nor any room, only what opens the rooms."""
    loaded = in_fresh_python(
        "import sys, backbeat; print(*[name for name in sys.modules "
        "if name.split('.')[0] in ('torch', 'numpy') or name.startswith('backbeat.')])"
    )

    assert loaded == "backbeat.lazy"


def test_callbacks_are_loaded_one_by_one():
    """`fit` without callbacks does not wait for TensorBoard to be loaded, nor for any other."""
    loaded = in_fresh_python(
        "import sys; from backbeat.callbacks import History; from backbeat.models import Model; "
        "print([name for name in sys.modules if name.endswith(('.tensorboard', '.csv_logger'))])"
    )

    assert loaded == "[]"


def test_import_is_light():
    """`import backbeat` loads none of the packages that it needs later."""
    code = "import sys, backbeat; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = set(in_fresh_python(code).split())

    assert "backbeat" in loaded
    assert loaded.isdisjoint({"torch", "numpy", "h5py", "safetensors", "requests", "tqdm"})


def test_callbacks_do_not_load_torch():
    """A callback can be made without waiting for torch."""
    loaded = in_fresh_python(
        "import sys; from backbeat.callbacks import EarlyStopping; EarlyStopping(); "
        "print('torch' in sys.modules)"
    )

    assert loaded == "False"


@pytest.mark.parametrize("name", backbeat.__all__)
def test_every_name_opens(name):
    """Each name of `__all__` is found on the package, by itself, in a fresh interpreter's way."""
    assert getattr(backbeat, name) is not None


def test_dir_is_complete():
    """`dir(backbeat)` names everything public before any of it has been loaded."""
    listed = in_fresh_python("import backbeat; print(*dir(backbeat))").split()

    assert set(backbeat.__all__) <= set(listed)


def test_all_is_sorted():
    """`__all__` lists each name once, sorted."""
    assert list(backbeat.__all__) == sorted(set(backbeat.__all__))


def test_a_keras_user_finds_everything():
    """`import backbeat as keras` followed by dotted names works without further imports."""
    printed = in_fresh_python(
        "import backbeat as keras\n"
        "class LossHistory(keras.callbacks.Callback): pass\n"
        "drawn = keras.Input((2,))\n"
        "model = keras.models.Sequential([keras.layers.Dense(1, input_dim=2)])\n"
        "model.compile(optimizer=keras.optimizers.SGD(lr=0.1), loss='mse')\n"
        "print(keras.callbacks.EarlyStopping.__name__, keras.utils.to_categorical([1]).tolist())"
    )

    assert printed == "EarlyStopping [[0.0, 1.0]]"


def test_a_name_is_the_same_wherever_it_is_found():
    """The front door hands out the rooms' own objects, not copies."""
    from backbeat.callbacks import early_stopping

    assert backbeat.callbacks.EarlyStopping is early_stopping.EarlyStopping


def test_unknown_name_teaches():
    """A misspelt name is an AttributeError, and Python offers the nearest name."""
    command = [sys.executable, "-c", "import backbeat; backbeat.callbakcs"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.stderr.splitlines()[-1] == (
        "AttributeError: module 'backbeat' has no attribute 'callbakcs'. Did you mean: 'callbacks'?"
    )


def test_unknown_import_fails_as_usual():
    """`from backbeat import nonsense` is an ImportError."""
    with pytest.raises(ImportError, match="nonsense"):
        from backbeat import nonsense  # noqa: F401
