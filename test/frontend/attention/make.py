"""Writes values.json: attention and its gradients in PyTorch (1.13, float64). python3 make.py

Operands are numbers of a formula, which the test computes again. A result is given as sums of each SUMS-th of its elements, times
weights: all elements count, and the file stays small.
"""

import json
import math
from pathlib import Path

import torch
from torch.nn import functional as F

SUMS = 61


def numbers(salt, *shape):
    """Multiples of 1/1024 in [-1, 1), which float32 holds."""
    place = torch.arange(math.prod(shape))
    return (((31 * place + 7 * salt + 3) * place + 577 * salt) % 2039 / 1024 - 1).double().reshape(shape)


def folded(result):
    flat = result.detach().flatten()
    weighted = flat * (1 + torch.arange(len(flat)) % 5 / 4)
    padded = F.pad(weighted, (0, -len(flat) % SUMS))
    return [float(f"{total:.10g}") for total in padded.reshape(-1, SUMS).sum(0).tolist()]


def case(batch, time, keys, heads, features, **options):
    """Queries [batch, time, heads, features], keys and values [batch, keys, heads, features], as btc has them."""
    operands = {
        "query": 4 * numbers(1, batch, time, heads, features),
        "key": numbers(2, batch, keys, heads, features),
        "value": numbers(3, batch, keys, heads, features),
    }
    if "bias" in options:
        operands["bias"] = 2 * numbers(4, heads, time, keys)
    for operand in operands.values():
        operand.requires_grad_()
    query, key, value = (operands[name].transpose(1, 2) for name in ["query", "key", "value"])
    if "bias" in options:
        scores = query @ key.transpose(-1, -2) / math.sqrt(features) + operands["bias"]
        y = scores.softmax(-1) @ value
    else:
        seen = None
        if "keys_of_batch" in options:
            lengths = torch.tensor(options["keys_of_batch"])
            seen = (torch.arange(keys) < lengths[:, None])[:, None, None].expand(-1, heads, time, -1)
        causal = options.get("causal", False)
        y, _ = F._scaled_dot_product_attention(query, key, value, seen, is_causal=causal)
    y = y.transpose(1, 2)
    (y * numbers(5, *y.shape)).sum().backward()
    return {
        "shape": {"batch": batch, "time": time, "keys": keys, "heads": heads, "features": features},
        "y": folded(y),
        "gradients": {name: folded(operand.grad) for name, operand in operands.items()},
        **options,
    }


cases = {
    "plain": case(1, 96, 96, 2, 4),
    "causal": case(2, 67, 67, 2, 8, causal=True),
    "bias": case(2, 64, 64, 3, 4, bias=True),
    "masked": case(2, 96, 100, 1, 4, keys_of_batch=[61, 100]),
    "crossed": case(1, 64, 131, 2, 6),
}
Path(__file__).with_name("values.json").write_text(json.dumps(cases) + "\n")
