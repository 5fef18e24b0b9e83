"""Structure-aware mutations: broken files that get further than random bytes would."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from backbeat.checkpoints.strict_json import to_json

Random = np.random.Generator
Mutation = Callable[[bytes, Random], bytes]

NUMBERS = [0, 1, -1, 2, 7, 255, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 62, (1 << 63) - 1, 1 << 64]
VALUES: list[Any] = [
    *NUMBERS,
    *(None, True, False, 0.5, -0.0, 1e308, float("nan"), float("inf"), 10**400),
    *("", "x", "F32", "../../x", "\0", "\ud800", "ñ" * 300, "[" * 2000, "Dense", "relu", "adam"),
    *([], {}, [[]], [1, 2, 3], [None], {"x": 1}, {"class_name": "Dense", "config": {}}),
]


def pick(random: Random, choices: Any) -> Any:
    listed = list(choices)
    return listed[int(random.integers(len(listed)))]


def any_bytes(whole: bytes, random: Random) -> bytes:
    """Bits, numbers, runs and lengths changed, without knowing what they mean."""
    data = bytearray(whole)
    for _ in range(int(random.integers(1, 6))):
        place = int(random.integers(len(data) or 1))
        size = int(random.integers(1, 65))
        kind = int(random.integers(6))
        if kind == 0 and data:
            data[place % len(data)] ^= 1 << int(random.integers(8))
        elif kind == 1:
            data[place : place + 8] = (pick(random, NUMBERS) % (1 << 64)).to_bytes(8, "little")
        elif kind == 2:
            data[place : place + size] = b""
        elif kind == 3:
            data[place : place + size] = bytes(size)
        elif kind == 4:
            source = int(random.integers(len(data) or 1))
            data[place : place + size] = data[source : source + size]
        else:
            data[place:place] = random.bytes(size)
    return bytes(data)


def mutated_json(value: Any, random: Random) -> Any:
    """The same JSON with one part, however deep, replaced, removed, doubled or renamed."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = pick(random, value)
        changed = dict(value)
        kind = random.random()
        if kind < 0.1:
            del changed[key]
        elif kind < 0.2:
            changed[str(pick(random, VALUES))] = changed.pop(key)
        elif kind < 0.3:
            changed[str(random.integers(99))] = changed[key]
        else:
            changed[key] = mutated_json(value[key], random)
        return changed
    if isinstance(value, list) and value and random.random() < 0.9:
        place = int(random.integers(len(value)))
        kind = random.random()
        if kind < 0.1:
            return value[:place] + value[place + 1 :]
        if kind < 0.2:
            return value[:place] + value[place:] * 2
        return [*value[:place], mutated_json(value[place], random), *value[place + 1 :]]
    return pick(random, VALUES)


def mutated_text(text: str, random: Random) -> str:
    """A JSON text with a part changed, or a key twice."""
    changed = json.dumps(mutated_json(json.loads(text), random))
    if random.random() < 0.05:
        changed = changed.replace("{", '{"x": 1, "x": 2, ', 1)
    return changed


def safetensors_header(whole: bytes, random: Random) -> bytes:
    """The header's JSON changed, with or without the digests that would notice."""
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    if random.random() < 0.7:
        header["__metadata__"] = {"format": "pt"}
    for _ in range(int(random.integers(1, 3))):
        header = mutated_json(header, random)
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    length = len(text) if random.random() < 0.95 else pick(random, NUMBERS) % (1 << 64)
    return length.to_bytes(8, "little") + text + whole[8 + size :]


def json_text(whole: bytes, random: Random) -> bytes:
    """A file of JSON with a part changed."""
    return mutated_text(whole.decode(), random).encode("utf-8", "surrogatepass")


def manifest(whole: bytes, random: Random) -> bytes:
    """A generation's manifest with parts changed, mostly with a digest that vouches for them."""
    content: Any = json.loads(whole)
    for _ in range(int(random.integers(1, 3))):
        content = mutated_json(content, random)
    if isinstance(content, dict) and random.random() < 0.8:
        content.pop("sha256", None)
        with contextlib.suppress(ValueError):
            content["sha256"] = hashlib.sha256(to_json(content)).hexdigest()
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def csv_text(whole: bytes, random: Random) -> bytes:
    """Rows with signs in them that mean something in CSV, or bytes that are no text."""
    data = bytearray(any_bytes(whole, random) if random.random() < 0.3 else whole)
    signs = (
        b'"',
        b'""',
        b",",
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"epoch",
        b"x" * 200_000,
    )
    for _ in range(int(random.integers(1, 6))):
        place = int(random.integers(len(data) + 1))
        data[place : place + int(random.integers(4))] = pick(random, signs)
    return bytes(data)


def hdf5_structure(whole: bytes, random: Random) -> bytes:
    """Groups, arrays and attributes changed by HDF5 itself, so that the file stays one."""
    image = io.BytesIO(whole)
    with h5py.File(image, "r+") as file:
        if random.random() < 0.8:
            del file.attrs["backbeat_sha256"]
        for _ in range(int(random.integers(1, 4))):
            names: list[str] = []
            file.visit(names.append)
            try:
                change_hdf5(file, pick(random, names) if names else "/", random)
            except (ValueError, TypeError, OSError, KeyError, RuntimeError, AttributeError):
                continue  # what HDF5 itself does not allow
    return image.getvalue()


def change_hdf5(file: h5py.File, name: str, random: Random) -> None:
    kind = int(random.integers(8))
    holder = pick(random, [file, file[name]])
    if kind < 3 and len(holder.attrs):
        key = pick(random, holder.attrs)
        value = holder.attrs[key]
        if isinstance(value, (str, bytes)) and random.random() < 0.8:
            text = value if isinstance(value, str) else value.decode()
            holder.attrs[key] = mutated_text(text, random)
        elif isinstance(value, np.ndarray) and value.size and random.random() < 0.7:
            holder.attrs[key] = random.permutation(value)[: int(random.integers(value.size + 1))]
        else:
            holder.attrs[key] = pick(random, [1, 2.5, "x", b"\xff\xfe", [b"a", b"b"], [1, 2]])
    elif kind == 3:
        del file[name]
    elif kind == 4:
        file.move(name, f"{name}{pick(random, ['x', '/x', ':0'])}")
    elif kind == 5:
        file[f"again{random.integers(99)}"] = file[name]
    elif kind == 6:
        del file[name]
        file[name] = pick(random, [h5py.SoftLink("/"), h5py.ExternalLink("/etc/passwd", "/")])
    else:
        del file[name]
        shape = tuple(int(random.integers(0, 9)) for _ in range(int(random.integers(0, 4))))
        file.create_dataset(name, shape, pick(random, ["f4", "f8", "i8", "c8", "b1", "S3", ">f4"]))
