"""A PyTorch user's own module, DataLoader, optimizer and lr_scheduler, with callbacks added."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

from backbeat.callbacks import CSVLogger, EarlyStopping, ModelCheckpoint
from backbeat.models import Model
from backbeat.training import TorchScheduler


class Digits(nn.Module):
    """A small convolutional network, as one writes it with torch alone."""

    def __init__(self):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.classes = nn.Linear(16 * 4 * 4, 10)

    def forward(self, images):
        return self.classes(self.convolutions(images).flatten(1))


torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
data = TensorDataset(
    torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(labels)
)
training, held_out = random_split(data, [0.8, 0.2])

module = Digits()
optimizer = torch.optim.AdamW(module.parameters(), lr=0.01)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)

model = Model(module)
model.compile(optimizer, nn.CrossEntropyLoss(), metrics=["acc"])
history = model.fit(
    DataLoader(training, batch_size=64, shuffle=True),
    epochs=10,
    verbose=2,
    validation_data=DataLoader(held_out, batch_size=256),
    callbacks=[
        TorchScheduler(schedule),
        EarlyStopping("val_loss", patience=4, restore_best_weights=True),
        ModelCheckpoint("best.safetensors", save_best_only=True, save_weights_only=True),
        CSVLogger("training.csv"),
    ],
)

print("learning rates:", [round(rate, 5) for rate in history.history["lr"]])
loss, accuracy = model.evaluate(DataLoader(held_out, batch_size=256), verbose=0)
print(f"held-out accuracy: {accuracy:.3f}")

# The weights are those of the module itself, under its own names.
again = Model(Digits())
again.load_weights("best.safetensors")
print(sorted(module.state_dict()) == sorted(again.wrapped.state_dict()))
