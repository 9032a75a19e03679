"""Writes values.json: adapters as PEFT applies them, by their formulas in PyTorch (1.13, float64). python3 make.py"""

import json
from pathlib import Path

import torch
from torch.nn import functional as F

torch.manual_seed(0)
SCALE = 3 / 2  # alpha / rank
RANK = 2


def numbers(*shape):
    return torch.randn(*shape, dtype=torch.float64).round(decimals=3)


def listed(tensor):
    return {"shape": list(tensor.shape), "data": tensor.detach().flatten().tolist()}


def case(x, weights, forward, merged):
    """Weights by name as PyTorch lays them out; those of the adapter have gradients of the sum of squares."""
    for name, weight in weights.items():
        weight.requires_grad_("lora" in name)
    y = forward(x, **{name.replace(".", "_"): weight for name, weight in weights.items()})
    y.square().sum().backward()
    with_merged = merged({name.replace(".", "_"): weight for name, weight in weights.items()})
    return {
        "x": listed(x),
        "weights": {name: listed(weight) for name, weight in weights.items()},
        "y": listed(y),
        "gradients": {name: listed(w.grad) for name, w in weights.items() if "lora" in name},
        "merged": listed(with_merged),
    }


def convolution(convolve, kernel, size, options):
    """Of 3 channels to 4: A is a convolution of the same windows, B one of a single tap."""
    ones = [1] * len(kernel)
    weights = {
        "weight": numbers(4, 3, *kernel),
        "bias": numbers(4),
        "lora_A.weight": numbers(RANK, 3, *kernel),
        "lora_B.weight": numbers(4, RANK, *ones),
    }

    def forward(x, weight, bias, lora_A_weight, lora_B_weight):
        down = convolve(x, lora_A_weight, **options)
        return convolve(x, weight, bias, **options) + SCALE * convolve(down, lora_B_weight)

    def merged(w):
        delta = torch.einsum("or...,ri...->oi...", w["lora_B_weight"], w["lora_A_weight"])
        return w["weight"] + SCALE * delta

    return case(numbers(2, 3, *size), weights, forward, merged)


def embedding():
    weights = {
        "weight": numbers(7, 4),
        "lora_embedding_A": numbers(RANK, 7),
        "lora_embedding_B": numbers(4, RANK),
    }

    def forward(x, weight, lora_embedding_A, lora_embedding_B):
        low = F.embedding(x, lora_embedding_A.T)
        return F.embedding(x, weight) + SCALE * low @ lora_embedding_B.T

    def merged(w):
        return w["weight"] + SCALE * (w["lora_embedding_B"] @ w["lora_embedding_A"]).T

    return case(torch.tensor([[0, 3, 3], [6, 1, 0]]), weights, forward, merged)


cases = {
    "convolution": convolution(F.conv2d, [3, 2], [6, 5], {"stride": 2, "padding": (1, 0)}),
    "dilated": convolution(F.conv2d, [2, 2], [6, 5], {"dilation": 2}),
    "pointwise": convolution(F.conv2d, [1, 1], [3, 2], {}),
    "convolution1d": convolution(F.conv1d, [3], [7], {"padding": 1}),
    "convolution3d": convolution(F.conv3d, [2, 1, 2], [3, 2, 3], {}),
    "embedding": embedding(),
}
Path(__file__).with_name("values.json").write_text(json.dumps(cases) + "\n")
