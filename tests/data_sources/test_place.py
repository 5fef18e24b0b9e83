"""Place: which dtype and device each role gets, and when nothing has to be done."""

import pytest
import torch

from backbeat.data.place import Place


@pytest.mark.parametrize(
    ("dtype", "role", "expected"),
    [
        (torch.float64, "input", torch.float32),
        (torch.float16, "input", torch.float32),
        (torch.uint8, "input", torch.uint8),
        (torch.bool, "input", torch.bool),
        (torch.uint16, "input", torch.int32),
        (torch.uint32, "label", torch.int64),
        (torch.complex64, "input", torch.complex64),
        (torch.float64, "label", torch.float32),
        (torch.int64, "label", torch.int64),
        (torch.bool, "label", torch.bool),
        (torch.int64, "weight", torch.float32),
    ],
)
def test_dtype_of_keeps_integers_and_casts_floats(dtype, role, expected):
    """By default floats become float32 and integers stay what torch can compute with."""
    assert Place().dtype_of(dtype, role) is expected


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.float64])
def test_cast_turns_every_real_input_into_the_float_dtype(dtype):
    """`integers="cast"` is for models without an embedding."""
    place = Place(floating=torch.bfloat16, integers="cast")

    assert place.dtype_of(dtype, "input") is torch.bfloat16


def test_named_inputs_may_be_labels():
    """Among those of a model that computes its own loss; else they are measurements too."""
    unnamed = Place(integers="cast unnamed")

    assert unnamed.dtype_of(torch.int64, "input") is torch.float32
    assert unnamed.dtype_of(torch.int64, "named input") is torch.int64
    assert Place(integers="cast").dtype_of(torch.int64, "named input") is torch.float32


def test_cast_leaves_integer_labels_alone():
    """What integer labels become is the loss's affair."""
    assert Place(integers="cast").dtype_of(torch.int64, "label") is torch.int64


def test_without_a_float_dtype_floats_stay_and_the_rest_gets_the_default():
    """`floating=None` leaves floats as they are; what must become a float becomes torch's own."""
    place = Place(floating=None, integers="cast")

    assert place.dtype_of(torch.float64, "input") is torch.float64
    assert place.dtype_of(torch.int64, "input") is torch.float32
    assert place.dtype_of(torch.int64, "weight") is torch.float32


def test_mover_is_none_when_there_is_nothing_to_do():
    """A tensor that is right already costs no call."""
    assert Place().mover(torch.zeros(2), "input") is None
    assert Place(device=torch.device("cpu", 0)).mover(torch.zeros(2), "input") is None


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_mover_brings_to_device_and_dtype(dtype):
    """Whatever is wrong with a tensor is put right by the mover."""
    place = Place(device=torch.device("meta"), integers="cast")
    tensor = torch.zeros(2, dtype=dtype)

    moved = place.mover(tensor, "input")(tensor)

    assert (moved.device.type, moved.dtype) == ("meta", torch.float32)


def test_a_device_without_a_number_holds_every_card_of_its_kind():
    """A tensor on cuda:0 need not move to reach "cuda", but it must to reach cuda:1."""
    tensor = torch.zeros(2, device="meta")

    assert Place(device=torch.device("meta")).holds(tensor)
    assert not Place(device=torch.device("cuda")).holds(tensor)
