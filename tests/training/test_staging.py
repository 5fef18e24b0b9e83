from __future__ import annotations

import torch
from torch import Tensor, nn

from backbeat.checkpoints import Draft
from backbeat.training.staging import Hold, Staging, alias, captured


def test_copies_are_no_views() -> None:
    """What happens to the tensor afterwards does not reach them."""
    staging, live = Staging(), torch.ones(3)
    copy = staging.hold(live, live.dtype)
    staging.finish()
    live.zero_()

    assert copy.tolist() == [1, 1, 1]


def test_the_next_copies_use_the_memory_again() -> None:
    """As long as shapes and types are the same; where they differ new memory is taken."""
    staging = Staging()
    shapes = [(3,), (2, 2), ()]

    def places(*wanted: tuple[int, ...]) -> list[int]:
        staging.begin()
        held = [staging.hold(torch.ones(shape), torch.float32) for shape in wanted]
        staging.finish()
        return [each.data_ptr() for each in held]

    first = places(*shapes)

    assert places(*shapes) == first
    assert places((3,), (2, 3), ())[0] == first[0]
    assert places((3,)) == first[:1]


def test_any_layout_and_a_wider_type() -> None:
    """A tensor that lies crosswise is copied row by row; bfloat16 may become float32."""
    crosswise = torch.arange(6.0).reshape(2, 3).T
    copy = Staging().hold(crosswise, torch.float32)
    wide = Staging().hold(torch.ones(2, dtype=torch.bfloat16, requires_grad=True), torch.float32)

    assert copy.is_contiguous()
    assert torch.equal(copy, crosswise)
    assert wide.dtype is torch.float32
    assert not wide.requires_grad


def test_alias_is_the_tensor_itself() -> None:
    """Nothing is copied for a file that is written at once."""
    live = nn.Parameter(torch.ones(3))

    assert alias(live, torch.float32).data_ptr() == live.data_ptr()


def test_a_draft_brings_its_memory() -> None:
    """The memory of an earlier draft is overwritten; a foreign one is left alone."""
    held: list[Tensor] = []

    def make(hold: Hold) -> Draft:
        held.append(hold(torch.ones(3), torch.float32))
        return Draft(12, lambda path: None)

    first = captured(make, None)
    captured(make, first)
    captured(make, Draft(0, lambda path: None))

    assert held[0].data_ptr() == held[1].data_ptr()
    assert held[2].data_ptr() != held[0].data_ptr()
