"""Three callbacks made of functions: print, stream into a file, clean up."""

import json
import multiprocessing
import time

from _digits import load_data

from backbeat.callbacks import LambdaCallback
from backbeat.layers import Activation, Dense
from backbeat.models import Sequential


def main():
    (x_train, y_train), _ = load_data()

    model = Sequential()
    model.add(Dense(10, input_dim=784, kernel_initializer="uniform"))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop")

    # Says which batch begins.
    batch_print_callback = LambdaCallback(on_batch_begin=lambda batch, logs: print(batch))

    # Writes the loss of each epoch as it becomes known. Every line is a JSON object of its own, so
    # the file as a whole is not JSON.
    json_log = open("loss_log.json", mode="wt", buffering=1)  # noqa: PTH123, UP015 as in the seed
    json_logging_callback = LambdaCallback(
        on_epoch_end=lambda epoch, logs: json_log.write(
            json.dumps({"epoch": epoch, "loss": logs["loss"]}) + "\n"
        ),
        on_train_end=lambda logs: json_log.close(),
    )

    # Ends processes that were there for the training only.
    spawning = multiprocessing.get_context("spawn")
    processes = [spawning.Process(target=time.sleep, args=(600,)) for _ in range(2)]
    for process in processes:
        process.start()
    cleanup_callback = LambdaCallback(
        on_train_end=lambda logs: [p.terminate() for p in processes if p.is_alive()]
    )

    model.fit(
        x_train,
        y_train,
        batch_size=128,
        epochs=3,
        verbose=0,
        callbacks=[batch_print_callback, json_logging_callback, cleanup_callback],
    )

    for process in processes:
        process.join()
    print("processes left:", sum(process.is_alive() for process in processes))


# The processes import this file themselves, to find what they are to run.
if __name__ == "__main__":
    main()
