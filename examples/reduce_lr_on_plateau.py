"""Lower the learning rate when the loss no longer improves."""

from _digits import load_data

from backbeat.callbacks import ReduceLROnPlateau
from backbeat.layers import Activation, Dense
from backbeat.models import Sequential
from backbeat.optimizers import RMSprop

(X_train, Y_train), (X_test, Y_test) = load_data()


def classifier():
    model = Sequential()
    model.add(Dense(10, input_dim=784, kernel_initializer="uniform"))
    model.add(Activation("softmax"))
    # A rate that is too high for the end of the training, so that there is something to lower.
    model.compile(loss="categorical_crossentropy", optimizer=RMSprop(0.02))
    return model


# As in the documentation of Keras. There is no val_loss without validation data: the callback says
# so before the first batch, and the training goes on at the rate that it has.
reduce_lr = ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=5, min_lr=0.001)
history = classifier().fit(X_train, Y_train, verbose=0, callbacks=[reduce_lr])
print("epochs without validation data:", len(history.epoch))

# With validation data there is one, and the rate goes down.
history = classifier().fit(
    X_train,
    Y_train,
    epochs=40,
    verbose=0,
    validation_data=(X_test, Y_test),
    callbacks=[reduce_lr],
)
print("rates with validation data:", sorted(set(history.history["lr"]), reverse=True))
