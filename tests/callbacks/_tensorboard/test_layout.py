"""Under which folder and tag things are shown, in each layout."""

from backbeat.callbacks._tensorboard.layout import LAYOUTS


def places(name):
    layout = LAYOUTS[name]
    return [
        layout.epoch("loss"),
        layout.epoch("val_loss"),
        layout.epoch("lr"),
        (layout.main, layout.batch("loss")),
        layout.weight("dense_1/kernel"),
        layout.gradient("dense_1/kernel"),
        layout.image("dense_1/kernel"),
        layout.output("dense_1", None),
        layout.output("dense_1", 1),
    ]


def test_own_layout():
    """The seed's tags, in one folder; batch values begin with batch_."""
    assert places("backbeat") == [
        ("", "loss"),
        ("", "val_loss"),
        ("", "lr"),
        ("", "batch_loss"),
        ("", "dense_1/kernel_0"),
        ("", "dense_1/kernel_0_grad"),
        ("", "dense_1/kernel_0/image"),
        ("", "dense_1_out"),
        ("", "dense_1_out_1"),
    ]


def test_layout_of_the_seed():
    """The same, but batches and epochs share their tags."""
    own, seed = places("backbeat"), places("keras2")

    assert seed[3] == ("", "loss")
    assert seed[:3] + seed[4:] == own[:3] + own[4:]


def test_layout_of_keras_3():
    """Two folders, and the names that Keras 3 gives."""
    assert places("keras3") == [
        ("train", "epoch_loss"),
        ("validation", "epoch_loss"),
        ("train", "epoch_learning_rate"),
        ("train", "batch_loss"),
        ("train", "dense_1/kernel/histogram"),
        ("train", "dense_1/kernel/gradient/histogram"),
        ("train", "dense_1/kernel/image"),
        ("train", "dense_1/output/histogram"),
        ("train", "dense_1/output_1/histogram"),
    ]
