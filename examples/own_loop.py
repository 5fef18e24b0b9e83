"""The same callbacks around a training loop of one's own, in plain PyTorch."""

import torch
import torch.nn.functional as F
from _digits import load_data
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from backbeat.callbacks import CSVLogger, EarlyStopping
from backbeat.training import Loop

torch.manual_seed(0)
(x_train, y_train), (x_test, y_test) = [map(torch.from_numpy, part) for part in load_data()]
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=128, shuffle=True)

module = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(module.parameters(), lr=0.01)


def train_step(x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(module(x), y)
    loss.backward()
    optimizer.step()
    return loss


def validate():
    with torch.no_grad():
        return F.cross_entropy(module(x_test), y_test)


callbacks = [EarlyStopping(patience=3), CSVLogger("own_loop.csv")]
with Loop(module, optimizer, callbacks=callbacks, epochs=50) as loop:
    for epoch in loop.epochs():
        for x, y in loop.batches(train_loader):
            loss = train_step(x, y)  # entirely yours
            loop.log_batch(loss=loss, size=len(x))
        loop.log_epoch(val_loss=validate())
        print("epoch", epoch, "done")

print("epochs:", len(loop.history.epoch))
print(f"lowest val_loss: {min(loop.history.history['val_loss']):.3f}")
print("stopped by", loop.history.stopped.by if loop.history.stopped else "nobody")
