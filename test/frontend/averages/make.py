"""Writes values.json: averages of weights as torch.optim.swa_utils keeps them (PyTorch 1.13, float64). python3 make.py"""

import json
from pathlib import Path

import torch
from torch.optim.swa_utils import AveragedModel

torch.manual_seed(0)
STEPS, FROM, DECAY = 7, 3, 0.75
start = torch.randn(3, 2, dtype=torch.float64).round(decimals=3)
batches = torch.randn(STEPS, 4, 3, dtype=torch.float64).round(decimals=3)
aims = torch.randn(STEPS, 4, 2, dtype=torch.float64).round(decimals=3)


def trained(average):
    """The average after each step; before the first that counts it is the model."""
    layer = torch.nn.Linear(3, 2, bias=False).double()
    with torch.no_grad():
        layer.weight.copy_(start.T)
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    averaged = AveragedModel(layer, avg_fn=average)
    seen = []
    for step in range(STEPS):
        optimiser.zero_grad()
        (layer(batches[step]) - aims[step]).square().mean().backward()
        optimiser.step()
        if step >= FROM:
            averaged.update_parameters(layer)
        model = averaged.module if step >= FROM else layer
        seen.append(model.weight.detach().T.flatten().tolist())
    return seen


values = {
    "from": FROM,
    "decay": DECAY,
    "start": start.flatten().tolist(),
    "x": batches.flatten(1).tolist(),
    "y": aims.flatten(1).tolist(),
    "equal": trained(None),
    "decayed": trained(lambda mean, now, _: DECAY * mean + (1 - DECAY) * now),
}
Path(__file__).with_name("values.json").write_text(json.dumps(values) + "\n")
