"""Batches that travel from host memory to a GPU, one ahead."""

import numpy as np
import pytest
import torch

from backbeat.data import Place, as_source

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

# Wide enough that labels are not all cut at once.
WIDE = 4096


def source(x, y, **more):
    place = Place(torch.device("cuda"), integers="cast")
    return as_source(x, y, place=place, training=True, batch_size=64, **more)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "uint8", "int64"])
@pytest.mark.parametrize("shuffle", [False, True, "batch"])
def test_batches_arrive_whole_and_in_order(dtype, shuffle):
    """Each is what was selected, although memory is used again and the GPU is kept busy."""
    x = np.random.default_rng(0).integers(0, 200, (1000, WIDE)).astype(dtype)
    y = np.arange(1000)
    busy = torch.rand(4096, 4096, device="cuda")
    got = []
    for batch in source(x, y, shuffle=shuffle):
        busy = busy @ busy / 2048  # the copies have to wait for nobody, their readers for them
        got.append((batch.x * 1.0, batch.y))

    order = torch.cat([labels for _, labels in got]).cpu().numpy()
    assert sorted(order) == list(range(1000))
    assert all(images.dtype is torch.float32 for images, _ in got)
    np.testing.assert_array_equal(
        torch.cat([images for images, _ in got]).cpu().numpy(), x[order].astype("float32")
    )


def test_a_pass_may_be_left_early():
    """The copy that is under way is finished, and the next pass is whole."""
    x, y = torch.rand(1000, WIDE), torch.arange(1000)
    data = source(x, y)
    for _ in range(20):
        next(iter(data))

    assert sum(float(batch.x.double().sum()) for batch in data) == pytest.approx(
        float(x.double().sum()), rel=1e-6
    )


def test_batches_may_be_kept():
    """They own their memory."""
    x = torch.rand(1000, WIDE)
    kept = [batch.x for batch in source(x, torch.arange(1000), shuffle=False)]

    assert torch.equal(torch.cat(kept).cpu(), x)


@pytest.mark.parametrize("width", [128, 129, WIDE])
@pytest.mark.parametrize("shuffle", [False, True])
def test_data_on_the_gpu_are_cut_there(width, shuffle):
    """Many batches at once where that fits, and each begins as memory of its own would."""
    x, y = torch.rand(1000, width, device="cuda"), torch.arange(1000, device="cuda")
    batches = list(source(x, y, shuffle=shuffle))

    order = torch.cat([batch.y for batch in batches])
    assert torch.equal(torch.cat([batch.x for batch in batches]), x[order])
    assert all(batch.x.data_ptr() % 512 == 0 for batch in batches if width != 129)
    batches[0].x.zero_()
    assert torch.equal(torch.cat([batch.x for batch in batches[1:]]), x[order[64:]])
    assert x.min(1).values.sum() > 0
