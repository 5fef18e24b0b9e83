"""A Keras user's functional model: two inputs, two outputs, a loss and metrics for each.

It reads an image as pixels and, apart from them, how bright its four quarters are; it tells which
digit it is, and how much ink it took.
"""

import numpy as np
from _digits import load_data

from backbeat.callbacks import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from backbeat.layers import (
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPooling2D,
)
from backbeat.models import Model, load_model


def both_inputs(rows):
    pictures = rows.reshape(-1, 28, 28, 1)[:, ::2, ::2]
    quarters = pictures.reshape(-1, 2, 7, 2, 7).mean(axis=(2, 4)).reshape(-1, 4)
    return {"picture": pictures, "quarters": quarters}


def both_outputs(rows, classes):
    return {"digit": classes, "ink": rows.mean(axis=1, keepdims=True)}


(rows, classes), (rows_test, classes_test) = load_data()
x, y = both_inputs(rows), both_outputs(rows, classes)
x_test, y_test = both_inputs(rows_test), both_outputs(rows_test, classes_test)

picture = Input(shape=(14, 14, 1), name="picture")
quarters = Input(shape=(4,), name="quarters")
seen = Conv2D(8, 3, activation="relu")(picture)
seen = MaxPooling2D()(BatchNormalization(momentum=0.9)(seen))
both = Concatenate()([Flatten()(seen), Dense(8, activation="relu")(quarters)])
both = Dropout(0.2)(Dense(64, activation="relu")(both))
digit = Dense(10, activation="softmax", name="digit")(both)
ink = Dense(1, name="ink")(both)

model = Model(inputs=[picture, quarters], outputs=[digit, ink], name="digits")
model.summary()
model.compile(
    optimizer="adam",
    loss={"digit": "categorical_crossentropy", "ink": "mse"},
    loss_weights={"digit": 1.0, "ink": 0.5},
    metrics={"digit": ["acc"], "ink": ["mae"]},
)
model.fit(
    x,
    y,
    batch_size=64,
    epochs=6,
    verbose=2,
    validation_split=0.2,
    callbacks=[
        ReduceLROnPlateau("val_loss", factor=0.3, patience=2),
        EarlyStopping("val_digit_acc", patience=4, restore_best_weights=True),
        ModelCheckpoint("digits.h5", monitor="val_digit_acc", save_best_only=True),
    ],
)

# The file opens in Keras too; here it becomes the same model again.
again = load_model("digits.h5")
values = dict(zip(again.metrics_names, again.evaluate(x_test, y_test, verbose=0), strict=True))
print(f"loaded back, on images it has not seen: accuracy {values['digit_acc']:.3f}", end=", ")
print(f"ink within {values['ink_mae']:.3f}")

digits, inks = again.predict(x_test)
right = np.mean(digits.argmax(axis=1) == classes_test.argmax(axis=1))
print(f"the same by hand: {right:.3f}, {np.abs(inks - y_test['ink']).mean():.3f}")
print(
    "drawn again from its config, with new weights:",
    Model.from_config(again.get_config()).output_names,
)
