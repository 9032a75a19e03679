"""Writes networks of PyTorch as ONNX, with what PyTorch computes: python3 make.py (torch 1.13, onnx 1.12).

The files beside it are what it wrote. They show how an exporter writes functions out that the operator set has no operator for.
"""

import base64
import io
import json
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent


class Images(nn.Module):
    """Batch norm that is not folded, transposed convolutions with output padding, groups, SiLU."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.up = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1)
        self.grouped = nn.ConvTranspose2d(6, 4, (3, 2), groups=2, dilation=(2, 1), bias=False)
        self.whole = nn.Conv2d(4, 5, (12, 9))

    def forward(self, image):
        x = F.silu(self.norm(self.stem(image)))
        x = F.gelu(self.grouped(self.up(x)), approximate="tanh")
        return self.whole(x).flatten(1)


class Text(nn.Module):
    """A tied embedding, layer norms, GELU by the error function, attention with a softmax written out."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(11, 8)
        self.before = nn.LayerNorm(8, eps=1e-6)
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
        self.wide, self.narrow = nn.Linear(8, 16), nn.Linear(16, 8)
        self.after = nn.LayerNorm(8)

    def forward(self, ids):
        x = self.tokens(ids)
        y = self.before(x)
        scores = self.query(y) @ self.key(y).transpose(1, 2) / 8**0.5
        powers = torch.exp(scores - scores.amax(-1, keepdim=True))
        x = x + powers / powers.sum(-1, keepdim=True) @ self.value(y)
        x = x + self.narrow(F.gelu(self.wide(self.after(x))))
        return F.log_softmax(x @ self.tokens.weight.t(), -1)


def write(name, model, inputs, axes=None, opset=13):
    model.eval()
    with torch.no_grad():
        for one in model.modules():
            if isinstance(one, nn.BatchNorm2d):
                one.running_mean.normal_()
                one.running_var.uniform_(0.5, 2)
            if isinstance(one, (nn.BatchNorm2d, nn.LayerNorm)):
                one.weight.uniform_(0.5, 2)
                one.bias.normal_()
        wanted = model(*inputs.values())
    file = io.BytesIO()
    torch.onnx.export(
        model,
        tuple(inputs.values()),
        file,
        input_names=list(inputs),
        output_names=["y"],
        dynamic_axes=axes,
        opset_version=opset,
        # As one that is to be trained: norms stay apart.
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=True,
    )
    made = {
        "torch": torch.__version__.split("+")[0],
        "model": base64.b64encode(file.getvalue()).decode(),
        "inputs": {key: value.flatten().tolist() for key, value in inputs.items()},
        "y": wanted.flatten().tolist(),
    }
    (HERE / f"{name}.json").write_text(json.dumps(made) + "\n")


torch.manual_seed(1)
write("images", Images(), {"image": torch.randn(2, 3, 8, 8)})
write("text", Text(), {"ids": torch.randint(0, 11, (2, 5))}, {"ids": {0: "batch", 1: "time"}})
