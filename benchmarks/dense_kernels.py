"""Is there a faster kernel for a dense layer than the one torch takes?

Forward product of one layer, by torch's own choice and by the other kernels that it carries. On
some processors oneDNN takes half the time of what `linear` calls, on others it is the slower one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from _interleaved import interleave, machine

SHAPES = ((128, 784, 256), (128, 256, 256), (128, 784, 10))
REPEATED, ROUNDS = 20, 15


def kernels(batch: int, inputs: int, outputs: int) -> dict[str, Callable[[], Any]]:
    """Each does the same product on the same numbers."""
    torch.manual_seed(0)
    x, weight, bias = torch.randn(batch, inputs), torch.randn(outputs, inputs), torch.randn(outputs)
    kernel = weight.t().contiguous()
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, batch)
    onednn: Any = torch.ops.mkldnn._linear_pointwise
    return {
        "linear (torch's choice)": partial(F.linear, x, weight, bias),
        "addmm, Keras' orientation": partial(torch.addmm, bias, x, kernel),
        "oneDNN": partial(onednn, x, weight, bias, "none", [], ""),
        "oneDNN, packed weight": partial(onednn, x, packed, bias, "none", [], ""),
    }


def repeated(product: Callable[[], Any]) -> Callable[[], None]:
    """Often enough for the clock."""

    def run() -> None:
        for _ in range(REPEATED):
            product()

    return run


def main() -> None:
    """Print one table for each shape."""
    torch.set_num_threads(1)
    instructions = torch.backends.cpu.get_cpu_capability()
    print(f"fastest of {ROUNDS} rounds, CPU µs; instructions: {instructions}")
    for shape in SHAPES:
        found = kernels(*shape)
        expected = found["linear (torch's choice)"]()
        timings = interleave({name: repeated(each) for name, each in found.items()}, ROUNDS)
        own = min(timings["linear (torch's choice)"].cpu)
        print(f"\n{shape[0]}×{shape[1]} · {shape[1]}×{shape[2]}")
        for name, timing in timings.items():
            micro, apart = min(timing.cpu) / REPEATED * 1e6, (found[name]() - expected).abs().max()
            print(f"{name:<28}{micro:>9.1f}{min(timing.cpu) / own:>8.2f} x   off by {apart:.0e}")
    print(machine())


if __name__ == "__main__":
    main()
