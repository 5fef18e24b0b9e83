"""Makes tests/faults/corpus: files that are broken, or that want to do harm when they are loaded.

    python -m tests.faults.make_corpus

Each must be refused with an error of backbeat's, running nothing, taking no memory to speak of, and
leaving the model as it was. A file that the fuzzer finds wanting is put there too, and stays.
"""

from __future__ import annotations

import io
import json
import marshal
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from backbeat.layers import Dense
from backbeat.models import Sequential

CORPUS = Path(__file__).parent / "corpus"
MARKER = "the-payload-ran"


def model() -> Sequential:
    """The model that the files are for; it has taken a step, so that its optimizer has a state."""
    made = Sequential([Dense(8, input_dim=4, name="hidden"), Dense(3, name="out")])
    made.compile("adam", "mse")
    x = np.linspace(-1, 1, 32, dtype="float32").reshape(8, 4)
    made.fit(x, np.ones((8, 3), "float32"), epochs=1, verbose=0)
    return made


# Anything at all, under every name


class Payload:
    """Pickled code: who unpickles it creates the marker."""

    def __reduce__(self) -> Any:
        return open, (MARKER, "w")


def bomb() -> bytes:
    image = io.BytesIO()
    with zipfile.ZipFile(image, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.pkl", bytes(4 << 20))
    return image.getvalue()


ANYTHING: dict[str, bytes] = {
    "empty": b"",
    "zeroes": bytes(4096),
    "text": b'{"epoch": 3}',
    "pickle": pickle.dumps(Payload()),
    "zip-bomb": bomb(),
    "truncated-zip": bomb()[:100],
}

# safetensors

Parts = dict[str, Any]


def tensors(change: Callable[[Parts], object] = lambda parts: None, data: bytes = b"") -> bytes:
    """A file with the model's tensors, all zero, with its header changed."""
    shapes = {
        "0.weight": [8, 4],
        "0.bias": [8],
        "1.weight": [3, 8],
        "1.bias": [3],
    }
    parts: Parts = {}
    begin = 0
    for name, shape in shapes.items():
        size = 4 * int(np.prod(shape))
        parts[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, begin + size]}
        begin += size
    change(parts)
    return raw(json.dumps(parts), bytes(begin) + data)


def raw(header: str | bytes, data: bytes = b"", length: int | None = None) -> bytes:
    text = header.encode() if isinstance(header, str) else header
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(**changes: Any) -> Callable[[Parts], object]:
    return lambda parts: parts["1.bias"].update(changes)


def metadata(texts: dict[str, str]) -> Callable[[Parts], object]:
    """Texts as backbeat would have written them."""
    return lambda parts: parts.update(__metadata__={"backbeat.format": "1", **texts})


ONE = '"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'

SAFETENSORS: dict[str, bytes] = {
    "truncated-length": b"\x40\0\0",
    "truncated-header": tensors()[:60],
    "truncated-data": tensors()[:-1],
    "trailing-bytes": tensors(data=b"!"),
    "giant-header": raw("{}", length=1 << 62),
    "header-over-limit": raw("{}", length=100_000_001),
    "deep-json": raw("[" * 5000),
    "deep-objects": raw('{"x":' * 5000),
    "not-an-object": raw("[]"),
    "not-utf-8": raw(b'{"\xff\xfe":{}}'),
    "name-twice": raw(f"{{{ONE},{ONE}}}", b"\0"),
    "key-twice": raw(ONE.join("{}").replace('"U8",', '"U8","dtype":"I8",'), b"\0"),
    "unknown-type": tensors(entry(dtype="F4096")),
    "type-is-a-list": tensors(entry(dtype=["F32"])),
    "negative-size": tensors(entry(shape=[-3])),
    "huge-shape": tensors(entry(shape=[1 << 62, 1 << 62])),
    "endless-shape": tensors(entry(shape=[1] * 5000 + [3])),
    "shape-of-truths": tensors(entry(shape=[True, 3])),
    "shape-of-fractions": tensors(entry(shape=[3.0])),
    "shape-is-a-text": tensors(entry(shape="3")),
    "wrong-shape": tensors(entry(shape=[1, 3])),
    "shape-does-not-fit": tensors(entry(shape=[4])),
    "offsets-overlap": tensors(entry(data_offsets=[0, 12])),
    "offsets-leave-a-hole": tensors(lambda parts: parts.pop("0.bias")),
    "offsets-out-of-range": tensors(entry(data_offsets=[1 << 40, (1 << 40) + 12])),
    "offsets-backwards": tensors(entry(data_offsets=[268, 256])),
    "offsets-missing": tensors(lambda parts: parts["1.bias"].pop("data_offsets")),
    "nan-as-size": raw('{"x":{"dtype":"U8","shape":[NaN],"data_offsets":[0,1]}}', b"\0"),
    "nan-metadata": tensors(lambda parts: parts.update(__metadata__={"epoch": float("nan")})),
    "metadata-is-a-list": tensors(lambda parts: parts.update(__metadata__=["epoch"])),
    "digests-damaged": tensors(metadata({"backbeat.sha256": "{"})),
    "digests-of-a-later-version": tensors(
        metadata({"backbeat.sha256": '{"0.bias": {"sha512": ""}}', "backbeat.format": "2"})
    ),
    "digests-of-other-values": tensors(metadata({"backbeat.sha256": '{"0.bias": "00"}'})),
    "digests-missing": tensors(lambda p: p.update(__metadata__={"backbeat.format": "1"})),
    "path-as-name": tensors(lambda p: p.update({"../../etc/passwd": p.pop("1.bias")})),
    "complex-values": tensors(
        lambda p: p.update({"1.bias": {"dtype": "C64", "shape": [3], "data_offsets": [256, 280]}}),
        data=bytes(12),
    ),
}

# HDF5


def saved() -> bytes:
    path = CORPUS / "whole.h5"
    model().save(path)
    data = path.read_bytes()
    path.unlink()
    return data


def changed(change: Callable[[h5py.File], object], *, digests: bool = False) -> bytes:
    """The model's file after a change; without its digests, for those would notice it."""
    image = io.BytesIO(saved())
    with h5py.File(image, "r+") as file:
        if not digests:
            del file.attrs["backbeat_sha256"]
        change(file)
    return image.getvalue()


def kernel_as(make: Callable[[h5py.Group], object]) -> Callable[[h5py.File], object]:
    """Put something else in the place of one kernel."""

    def change(file: h5py.File) -> None:
        group = file["model_weights/out/out"]
        del group["kernel:0"]
        make(group)

    return change


def virtual(group: h5py.Group) -> None:
    layout = h5py.VirtualLayout((8, 3), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "secret", (8, 3))
    group.create_virtual_dataset("kernel:0", layout)


def deep(file: h5py.File) -> None:
    group: Any = file
    for _ in range(70):
        group = group.create_group("d")


def laughs(file: h5py.File) -> None:
    """Groups in groups: read without care they are 2 to the power of 60."""
    below = file.create_group("laugh")
    for number in range(60):
        above = file.create_group(f"laugh{number}")
        above["a"] = below
        above["b"] = below
        below = above


def configured(**layer: Any) -> Callable[[h5py.File], object]:
    """Change what the file says of the model's last layer."""

    def change(file: h5py.File) -> None:
        config = json.loads(file.attrs["model_config"])
        last = config["config"]["layers"][-1]
        last["class_name"] = layer.pop("class_name", last["class_name"])
        last["config"].update(layer)
        file.attrs["model_config"] = json.dumps(config)

    return change


def attribute(name: str, value: Any) -> Callable[[h5py.File], object]:
    return lambda file: file.attrs.__setitem__(name, value)


def names_as(names: list[bytes]) -> Callable[[h5py.File], object]:
    return lambda file: file["model_weights"].attrs.__setitem__("layer_names", names)


def flipped(data: bytes) -> bytes:
    """One bit of a weight turned over."""
    with h5py.File(io.BytesIO(data)) as file:
        place = file["model_weights/out/out/kernel:0"].id.get_offset()
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


CODE = marshal.dumps(compile(f"open({MARKER!r}, 'w')", "payload", "eval"))

WHOLE_MODELS: dict[str, Callable[[], bytes]] = {
    "truncated": lambda: saved()[:-100],
    "truncated-early": lambda: saved()[:600],
    "zeroed-tail": lambda: saved()[:-2000] + bytes(2000),
    "flipped-bit": lambda: flipped(saved()),
    "digest-missing": lambda: changed(
        lambda file: file["model_weights/out/out"].__delitem__("bias:0"), digests=True
    ),
    "weight-missing": lambda: changed(lambda f: f["model_weights/out/out"].__delitem__("bias:0")),
    "soft-link": lambda: changed(
        kernel_as(lambda g: g.__setitem__("kernel:0", h5py.SoftLink("/model_weights/hidden")))
    ),
    "external-link": lambda: changed(
        kernel_as(lambda g: g.__setitem__("kernel:0", h5py.ExternalLink("/etc/passwd", "/")))
    ),
    "external-data": lambda: changed(
        kernel_as(
            lambda g: g.create_dataset("kernel:0", (8, 3), "f4", external=[("/etc/passwd", 0, 96)])
        )
    ),
    "virtual-data": lambda: changed(kernel_as(virtual)),
    "bomb": lambda: changed(
        kernel_as(
            lambda g: g.create_dataset("kernel:0", (1 << 40,), "f4", chunks=(9999,), compression=9)
        )
    ),
    "bomb-of-one-chunk": lambda: changed(
        kernel_as(
            lambda g: g.create_dataset(
                "kernel:0", (8, 3), "f4", maxshape=(None, 3), chunks=(1 << 27, 3), compression=9
            )
        )
    ),
    "bomb-of-many": lambda: changed(
        lambda f: [f.create_dataset(f"x{n}", (4 << 20,), "f4", compression=9) for n in range(40)]
    ),
    "unknown-filter": lambda: changed(
        kernel_as(lambda g: g.create_dataset("kernel:0", (8, 3), "f4", compression="lzf"))
    ),
    "group-in-itself": lambda: changed(lambda f: f["model_weights"].__setitem__("again", f["/"])),
    "groups-without-end": lambda: changed(laughs),
    "deep-groups": lambda: changed(deep),
    "wrong-shape": lambda: changed(
        kernel_as(lambda g: g.create_dataset("kernel:0", (3, 8), "f4", np.zeros((3, 8))))
    ),
    "complex-values": lambda: changed(
        kernel_as(lambda g: g.create_dataset("kernel:0", (8, 3), "c8", np.zeros((8, 3), "c8")))
    ),
    "values-are-texts": lambda: changed(
        kernel_as(lambda g: g.create_dataset("kernel:0", data=np.array([["a"] * 3] * 8, "O")))
    ),
    "no-layer-names": lambda: changed(lambda f: f["model_weights"].attrs.pop("layer_names")),
    "layer-names-lead-out": lambda: changed(names_as([b"../../secret", b"out"])),
    "layer-twice": lambda: changed(names_as([b"hidden", b"hidden"])),
    "layer-of-a-later-version": lambda: changed(names_as([b"hidden", b"out", b"gate"])),
}

DESCRIPTIONS: dict[str, Callable[[], bytes]] = {
    "config-is-no-json": lambda: changed(attribute("model_config", "{")),
    "config-is-a-list": lambda: changed(attribute("model_config", "[]")),
    "config-is-deep": lambda: changed(attribute("model_config", "[" * 20_000)),
    "config-names-a-function": lambda: changed(configured(class_name="builtins.eval")),
    "config-names-a-module": lambda: changed(configured(class_name="Custom", module="os")),
    "config-with-code": lambda: changed(
        configured(class_name="Lambda", function=[CODE.hex(), None, None], function_type="lambda")
    ),
    "activation-is-an-expression": lambda: changed(
        configured(activation=f"open({MARKER!r}, 'w').close")
    ),
    "giant-layer": lambda: changed(configured(units=10**11)),
    "large-layers": lambda: changed(configured(units=10**7)),
    "negative-layer": lambda: changed(configured(units=-1)),
    "nan-layer": lambda: changed(configured(units=float("nan"))),
}
"""Files whose weights are good; only `load_model`, which believes the description, refuses them."""


def all_files() -> Mapping[str, bytes]:
    """Every file of the corpus by its name."""
    made = {
        f"{name}.{end}": data for name, data in ANYTHING.items() for end in ("h5", "safetensors")
    }
    made |= {f"{name}.safetensors": data for name, data in SAFETENSORS.items()}
    made |= {f"{name}.h5": make() for name, make in WHOLE_MODELS.items()}
    made |= {f"described/{name}.h5": make() for name, make in DESCRIPTIONS.items()}
    return made


def main() -> None:
    (CORPUS / "described").mkdir(exist_ok=True)
    files = all_files()
    for name, data in files.items():
        (CORPUS / name).write_bytes(data)
    print(f"{len(files)} files, {sum(map(len, files.values())):,} bytes")


if __name__ == "__main__":
    main()
