"""Writes values.json: attention and its gradients in PyTorch (1.13, float64). python3 make.py

Operands are numbers of a formula, which the test computes again. A result is given as sums of each SUMS-th of its elements, times
weights: all elements count, and the file stays small.
"""

import json
import math
from pathlib import Path

import torch
from torch.nn.functional import pad

SUMS = 61


def numbers(salt, *shape):
    """Multiples of 1/1024 in [-1, 1), which float32 holds."""
    place = torch.arange(math.prod(shape))
    return (((31 * place + 7 * salt + 3) * place + 577 * salt) % 2039 / 1024 - 1).double().reshape(shape)


def folded(result):
    flat = result.detach().flatten()
    weighted = flat * (1 + torch.arange(len(flat)) % 5 / 4)
    padded = pad(weighted, (0, -len(flat) % SUMS))
    # JSON has no NaN.
    return [None if math.isnan(total) else float(f"{total:.10g}") for total in padded.reshape(-1, SUMS).sum(0).tolist()]


def case(batch, time, keys, heads, features, **options):
    """
    Queries [batch, time, heads, features], keys and values [batch, keys, heads, features], as btc has them, these of fewer heads where
    "groups" says so.
    """
    groups = options.get("groups", heads)
    operands = {
        "query": 4 * numbers(1, batch, time, heads, features),
        "key": numbers(2, batch, keys, groups, features),
        "value": numbers(3, batch, keys, groups, features),
    }
    if "bias" in options:
        operands["bias"] = 2 * numbers(4, heads, time, keys)
    for operand in operands.values():
        operand.requires_grad_()
    query, key, value = (operands[name].transpose(1, 2) for name in ["query", "key", "value"])
    key, value = (one.repeat_interleave(heads // groups, 1) for one in [key, value])
    scores = query @ key.transpose(-1, -2) / math.sqrt(features)
    rows, columns = torch.arange(time)[:, None], torch.arange(keys)
    seen = torch.ones(batch, 1, time, keys, dtype=torch.bool)
    if "bias" in options:
        scores = scores + operands["bias"]
    if "keys_of_batch" in options:
        seen = seen & (columns < torch.tensor(options["keys_of_batch"])[:, None, None, None])
    if "causal" in options:
        seen = seen & (columns <= rows)
    if "band" in options:
        seen = seen & ((columns - rows).abs() < options["band"])
    if "hidden_rows" in options:
        hidden = (rows % options["hidden_rows"] == 1) | ((rows + columns) % 3 == 0)
        scores = scores + torch.where(hidden, -math.inf, 0.0).double()
    y = scores.masked_fill(~seen, -math.inf).softmax(-1) @ value
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
    "causal in tiles": case(1, 128, 128, 1, 8, causal=True),
    "causal, more keys": case(1, 96, 128, 2, 4, causal=True),
    "causal, fewer keys": case(1, 128, 96, 2, 4, causal=True),
    "causal and masked": case(2, 64, 64, 2, 4, causal=True, keys_of_batch=[40, 64]),
    "banded": case(1, 96, 96, 2, 4, band=20),
    "grouped": case(1, 64, 64, 4, 4, groups=2, causal=True),
    # Of a row that sees nothing all weights are NaN, and so are the gradients of all keys of its head.
    "hidden": case(2, 96, 96, 1, 4, hidden_rows=40),
}
Path(__file__).with_name("values.json").write_text(json.dumps(cases) + "\n")
