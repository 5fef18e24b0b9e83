"""Keep the best model in a file: weights.hdf5 in the current folder."""

from _digits import load_data

from backbeat.callbacks import ModelCheckpoint
from backbeat.layers import Activation, Dense
from backbeat.models import Sequential, load_model

(x_train, y_train), (X_test, Y_test) = load_data()

model = Sequential()
model.add(Dense(10, input_dim=784, kernel_initializer="uniform"))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer="rmsprop")

# Writes the file again whenever an epoch ends with a lower validation loss than all before it.
checkpointer = ModelCheckpoint(filepath="weights.hdf5", verbose=1, save_best_only=True)
model.fit(
    x_train,
    y_train,
    batch_size=128,
    epochs=20,
    verbose=0,
    validation_data=(X_test, Y_test),
    callbacks=[checkpointer],
)

best = load_model("weights.hdf5")
print(f"validation loss of weights.hdf5: {best.evaluate(X_test, Y_test, verbose=0):.4f}")
print(f"the lowest that the checkpoint saw: {checkpointer.best:.4f}")
