"""Train 784-64-64-10 on MNIST with PyTorch: ``python benchmarks/cold/with_pytorch.py [EPOCHS]``."""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
with np.load(Path(__file__).parents[2] / "data" / "mnist.npz") as mnist:
    x_train, y_train, x_test, y_test = (torch.from_numpy(mnist[k]) for k in ("x_train", "y_train", "x_test", "y_test"))
x_train, x_test = x_train[:55_000].reshape(-1, 784) / 255, x_test.reshape(-1, 784) / 255
y_train, y_test = y_train[:55_000].long(), y_test.long()

model = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), fused=True)
for _ in range(epochs):
    for batch in torch.randperm(len(x_train)).split(32):  # slices: faster than a DataLoader
        loss = nn.functional.cross_entropy(model(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
print(f"test accuracy {accuracy:.4f}")
