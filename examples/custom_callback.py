"""What a callback can see and do: its settings, its model, the logs of each moment, and stop."""

import numpy as np
from _digits import load_data

import backbeat as keras
from backbeat.layers import Activation, Dense
from backbeat.models import Sequential

(x_train, y_train), (x_test, y_test) = load_data()


class Reporter(keras.callbacks.Callback):
    """Tells once what each moment's logs hold, and stops when the model is good enough."""

    def on_train_begin(self, logs={}):
        self.told = set()
        print("params:", self.params)
        print("validation_data is what fit was given:", self.validation_data[0] is x_test)

    def on_batch_begin(self, batch, logs={}):
        self.tell("on_batch_begin", logs)

    def on_batch_end(self, batch, logs={}):
        self.tell("on_batch_end", logs)

    def on_epoch_end(self, epoch, logs={}):
        self.tell("on_epoch_end", logs)
        if logs["val_acc"] >= 0.85:
            self.model.stop_training = True

    def on_train_end(self, logs={}):
        largest = max(np.abs(weight).max() for weight in self.model.get_weights())
        print(f"largest weight: {largest:.2f}")

    def tell(self, moment, logs):
        if moment not in self.told:
            self.told.add(moment)
            print(f"{moment}: {', '.join(sorted(logs))}")


model = Sequential()
model.add(Dense(10, input_dim=784, kernel_initializer="uniform"))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["acc"])
history = model.fit(
    x_train,
    y_train,
    batch_size=128,
    epochs=50,
    verbose=0,
    validation_data=(x_test, y_test),
    callbacks=[Reporter()],
)

print("stopped by", history.stopped.by, "after", len(history.epoch), "epochs")
