"""Train a digit classifier with all thirteen callbacks of the seed at work; `make demo` runs this.

Data: the 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from backbeat.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    RemoteMonitor,
    TensorBoard,
    TerminateOnNaN,
)
from backbeat.layers import Dense, Dropout
from backbeat.models import Sequential, load_model
from backbeat.utils import to_categorical

WARM_UP = 4
SHOWN = 8


class LossHistory(Callback):
    """A callback of one's own, as the seed writes it: the loss of every batch."""

    def on_train_begin(self, logs=None):
        self.losses = []

    def on_batch_end(self, batch, logs=None):
        self.losses.append(logs.get("loss"))


class Listener:
    """A server on this machine that RemoteMonitor reports to."""

    def __init__(self):
        self.epochs = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                listener.epochs.append(json.loads(parse_qs(body)["data"][0]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                """Stay quiet: the demo's own lines are the ones to read."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def digits():
    """Images as rows of 64 numbers from 0 to 1, labels one-hot, a fifth of them for the test."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype("float32")
    return train_test_split(
        images, to_categorical(labels, 10), test_size=0.2, random_state=0, stratify=labels
    )


def classifier():
    """A small multilayer perceptron."""
    model = Sequential(
        [
            Dense(128, activation="relu", input_dim=64),
            Dropout(0.3),
            Dense(64, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["acc"])
    return model


def main(folder: Path) -> float:
    """Train, say what happened and what was written; returns the best checkpoint's accuracy."""
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    x_train, x_test, y_train, y_test = digits()
    model = classifier()
    model.summary()

    best, rows, lines = folder / "best.h5", folder / "training.csv", folder / "losses.jsonl"
    curves = folder / "logs"
    rows.unlink(missing_ok=True)
    shutil.rmtree(curves, ignore_errors=True)
    batch_losses, listener = LossHistory(), Listener()
    checkpoint = ModelCheckpoint(best, monitor="val_acc", mode="max", save_best_only=True)
    with lines.open("w", buffering=1) as stream:
        watching = [
            batch_losses,
            TerminateOnNaN(),
            checkpoint,
            CSVLogger(rows, append=True),
            TensorBoard(curves, histogram_freq=5, write_grads=True, write_images=True),
            RemoteMonitor(root=listener.root),
            LambdaCallback(
                on_epoch_end=lambda epoch, logs: stream.write(
                    json.dumps({"epoch": epoch, "loss": logs["loss"]}) + "\n"
                )
            ),
        ]
        # The test data stay out of it: what is chosen by validation is judged by something else.
        settings = {"batch_size": 64, "verbose": 2, "validation_split": 0.2}

        print(f"\nWarm-up: {WARM_UP} epochs in which LearningRateScheduler raises the rate")
        rise = LearningRateScheduler(lambda epoch: 0.002 * (epoch + 1) / WARM_UP)
        model.fit(x_train, y_train, epochs=WARM_UP, callbacks=[*watching, rise], **settings)

        print("\nThen up to 60 epochs with ReduceLROnPlateau and EarlyStopping")
        checkpoint.initial_value_threshold = checkpoint.best  # it starts afresh with each fit
        history = model.fit(
            x_train,
            y_train,
            initial_epoch=WARM_UP,
            epochs=60,
            callbacks=[
                *watching,
                ReduceLROnPlateau(factor=0.3, patience=4, min_lr=1e-5, verbose=1),
                EarlyStopping(patience=10, restore_best_weights=True),
            ],
            **settings,
        )
    listener.close()

    stopped = history.stopped
    why = f"{stopped.by}: {stopped.reason}" if stopped else "all epochs were done"
    print(f"\nWhy it stopped: {why}")
    print(f"Batch losses of this fit, kept by a callback of our own: {len(batch_losses.losses)}")
    print(f"Epochs received by the server that RemoteMonitor posts to: {len(listener.epochs)}")
    header, *rows_of_cost = str(history.cost).splitlines()
    print("\nWhat the callbacks cost in seconds, the dearest first (all of it: history.cost):")
    print("\n".join([header, *rows_of_cost[:SHOWN]]))
    print("\nWritten, and how to look at it:")
    print(f"  a row per epoch:  column -s, -t {rows}")
    print(f"  a line per epoch: tail {lines}")
    tools = Path(sys.executable).parent
    print(f"  all curves:       {tools / 'tensorboard'} --logdir {curves}")
    print(f"  the same, here:   {tools / 'backbeat'} curves {curves}")
    print(f"  the best model:   backbeat.load_model({str(best)!r}), or Keras' own load_model")

    loss, accuracy = load_model(best).evaluate(x_test, y_test, verbose=0)
    print(f"\nThe best checkpoint, loaded back: test loss {loss:.4f}, test accuracy {accuracy:.4f}")
    return accuracy


if __name__ == "__main__":
    reached = main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo-output"))
    sys.exit(0 if reached >= 0.95 else f"test accuracy {reached:.4f} is below 0.95")
