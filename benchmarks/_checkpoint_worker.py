"""What one contender of checkpoints.py does, in a process and an environment of its own.

Prints one JSON object: seconds blocked, of a copy of the same bytes, and until written; memory.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

# 100 million weights, where nothing smaller is asked for.
WIDTH = int(sys.argv[3]) if len(sys.argv) > 3 else 3536
LAYERS, SAVES = 8, 3

Contender = Callable[[Path, int], tuple[list[Tensor], Callable[[], Any], Callable[[], Any]]]
"""Given a folder and a width: all tensors, what saves them, what waits until they are written."""


def network(width: int) -> nn.Sequential:
    """100 million weights."""
    return nn.Sequential(*(nn.Linear(width, width) for _ in range(LAYERS)))


def batch(width: int) -> Tensor:
    return torch.zeros(1, width)


def adam_tensors(module: nn.Module, optimizer: torch.optim.Optimizer) -> list[Tensor]:
    state = [
        held
        for parameter in module.parameters()
        for held in optimizer.state[parameter].values()
        if isinstance(held, Tensor) and held.ndim
    ]
    return [*(each.detach() for each in module.parameters()), *state]


def trained(width: int) -> tuple[nn.Sequential, torch.optim.Adam]:
    module = network(width)
    optimizer = torch.optim.Adam(module.parameters())
    module(batch(width)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    return module, optimizer


def our_model(width: int) -> Any:
    from backbeat.models import Model

    model = Model(network(width))
    model.compile("adam", "mse", device="cpu")
    model.train_on_batch(batch(width), batch(width))
    return model


def backbeat(folder: Path, width: int) -> Any:
    from backbeat.callbacks import ModelCheckpoint

    model, saving = our_model(width), ModelCheckpoint(folder / "m.h5")
    saving.set_model(model)
    saving.on_train_begin()
    tensors = adam_tensors(model, model.optimizer.torch)
    return tensors, lambda: saving.on_epoch_end(0, {}), saving.state_dict


def backbeat_in_line(folder: Path, width: int) -> Any:
    model = our_model(width)
    tensors = adam_tensors(model, model.optimizer.torch)
    return tensors, lambda: model.save(folder / "m.h5"), lambda: None


def backbeat_safetensors(folder: Path, width: int) -> Any:
    model = our_model(width)
    tensors = [each.detach() for each in model.parameters()]
    return tensors, lambda: model.save_weights(folder / "m.safetensors"), lambda: None


def copy_alone(folder: Path, width: int) -> Any:
    """What nobody can do without: shows how exact the figures are."""
    module, optimizer = trained(width)
    tensors = adam_tensors(module, optimizer)
    kept: list[Tensor] = []

    def save() -> None:
        if not kept:
            kept.extend(torch.empty_like(each) for each in tensors)
        copies(tensors, kept)

    return tensors, save, lambda: None


def digests(folder: Path, width: int) -> Any:
    """What the digests of a backbeat file cost alone."""
    from backbeat.checkpoints.digests import of

    module, optimizer = trained(width)
    tensors = adam_tensors(module, optimizer)
    return tensors, lambda: [of(each.numpy()) for each in tensors], lambda: None


def safetensors(folder: Path, width: int, with_adam: bool = True) -> Any:
    from safetensors.torch import save_file

    module, optimizer = trained(width)
    tensors = adam_tensors(module, optimizer)
    if not with_adam:
        tensors = tensors[: 2 * LAYERS]
    named = {str(number): each for number, each in enumerate(tensors)}

    def save() -> None:
        save_file(named, folder / "m.safetensors")
        for path, flags in ((folder / "m.safetensors", os.O_RDONLY), (folder, os.O_DIRECTORY)):
            descriptor = os.open(path, flags)
            os.fsync(descriptor)
            os.close(descriptor)

    return tensors, save, lambda: None


def safetensors_weights(folder: Path, width: int) -> Any:
    return safetensors(folder, width, with_adam=False)


def lightning(folder: Path, width: int, in_background: bool = False) -> Any:
    import warnings

    import lightning as pl
    from lightning.pytorch.plugins.io import AsyncCheckpointIO

    warnings.simplefilter("ignore")

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network(width)

        def training_step(self, data: Any, index: int) -> Any:
            return self.network(data[0]).sum()

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters())

    io = AsyncCheckpointIO() if in_background else None
    silent = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(
        max_steps=1,
        accelerator="cpu",
        enable_checkpointing=False,
        default_root_dir=folder,
        plugins=[io] if io else None,
        **silent,
    )
    module = Module()
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(batch(width)))
    trainer.fit(module, data)
    tensors = adam_tensors(module, trainer.optimizers[0])

    def written() -> None:
        if io is not None and io._executor is not None:
            io._executor.submit(int).result()

    return tensors, lambda: trainer.save_checkpoint(folder / "m.ckpt"), written


def lightning_async(folder: Path, width: int) -> Any:
    return lightning(folder, width, in_background=True)


def keras(folder: Path, width: int) -> Any:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras as k

    model = k.Sequential([k.layers.Dense(width) for _ in range(LAYERS)])
    model.compile("adam", "mse")
    model.fit(batch(width).numpy(), batch(width).numpy(), verbose=0)
    tensors = [each.value.data for each in (*model.variables, *model.optimizer.variables)]
    large = [each for each in tensors if each.ndim]
    return large, lambda: model.save(folder / "m.keras"), lambda: None


class Memory(threading.Thread):
    """The most memory that the process had, sampled every few milliseconds."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.first = self.most = resident()
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.004):
            self.most = max(self.most, resident())


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    contender: Contender = globals()[sys.argv[1]]
    torch.manual_seed(0)
    save_a_tiny_model(contender)
    with tempfile.TemporaryDirectory(dir=sys.argv[2]) as folder:
        tensors, save, written = contender(Path(folder), WIDTH)
        size = sum(each.nbytes for each in tensors)
        memory = Memory()
        memory.start()
        save()
        written()
        memory.ended.set()
        memory.join()
        kept = [torch.empty_like(each) for each in tensors]
        copies(tensors, kept)
        times: dict[str, list[float]] = {"copy": [], "blocked": [], "written": []}
        for _ in range(SAVES):
            os.sync()  # nobody waits for what another one left to write
            times["copy"].append(copies(tensors, kept))
            began = time.perf_counter()
            save()
            times["blocked"].append(time.perf_counter() - began)
            written()
            times["written"].append(time.perf_counter() - began)
        file = max((each.stat().st_size for each in Path(folder).iterdir()), default=0)
    extra = memory.most - memory.first
    threads = torch.get_num_threads()
    print(json.dumps({**times, "size": size, "extra": extra, "file": file, "threads": threads}))


def save_a_tiny_model(contender: Contender) -> None:
    """What is imported for a first save is not memory of the save."""
    with tempfile.TemporaryDirectory(dir=sys.argv[2]) as folder:
        _, save, written = contender(Path(folder), 8)
        save()
        written()


def copies(tensors: list[Tensor], kept: list[Tensor]) -> float:
    """Seconds for a copy of everything into memory that is there."""
    began = time.perf_counter()
    for source, target in zip(tensors, kept, strict=True):
        target.copy_(source)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
