"""Write a row per epoch into training.log, readable while the training runs."""

from pathlib import Path

from _digits import load_data

from backbeat.callbacks import CSVLogger
from backbeat.layers import Activation, Dense
from backbeat.models import Sequential

(X_train, Y_train), _ = load_data()

model = Sequential()
model.add(Dense(10, input_dim=784, kernel_initializer="uniform"))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["acc"])

csv_logger = CSVLogger("training.log")
model.fit(X_train, Y_train, epochs=3, verbose=0, callbacks=[csv_logger])

# append=True goes on with the file that is there, as long as the training does.
csv_logger = CSVLogger("training.log", append=True)
model.fit(X_train, Y_train, initial_epoch=3, epochs=5, verbose=0, callbacks=[csv_logger])

print(Path("training.log").read_text())
