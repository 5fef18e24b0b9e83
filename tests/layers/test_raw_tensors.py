"""Torch tensors as bytes and back."""

import pytest
import torch

from backbeat.checkpoints import RawTensor, read_tensors, write_tensors
from backbeat.errors import ArgumentError
from backbeat.layers.raw_tensors import from_raw, raw_tensor

TENSORS = [
    torch.randn(2, 3).t(),
    torch.tensor(5),
    torch.zeros(0, 4, dtype=torch.float64),
    torch.tensor([True, False]),
    torch.randn(4).to(torch.bfloat16),
    torch.randn(4).to(torch.float8_e4m3fn),
    torch.randn(2, dtype=torch.complex64),
]


@pytest.mark.parametrize("tensor", TENSORS, ids=lambda tensor: str(tensor.dtype))
def test_every_type_travels(tensor: torch.Tensor, tmp_path) -> None:
    """Type, shape and every bit survive, also through a file."""
    write_tensors(tmp_path / "a.safetensors", {"x": raw_tensor(tensor)})
    found = from_raw(read_tensors(tmp_path / "a.safetensors").tensors["x"])

    assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape)
    assert bytes(raw_tensor(found).data) == bytes(raw_tensor(tensor).data)


def test_own_memory() -> None:
    """What comes back does not share memory with what was given."""
    tensor = torch.ones(2)
    found = from_raw(raw_tensor(tensor))
    tensor.zero_()

    assert found.tolist() == [1.0, 1.0]


def test_an_unknown_type() -> None:
    """A type of some other torch is refused by name."""
    with pytest.raises(ArgumentError, match="this torch has no type float3"):
        from_raw(RawTensor("float3", (1,), b"\0"))
