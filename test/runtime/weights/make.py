"""Writes layers.safetensors and dtypes.safetensors: modules of PyTorch 1.13 with their weights, inputs and outputs in evaluation.

    python3 make.py

Tensors are named CASE/weights/NAME, CASE/input and CASE/output; the test reads cases by these names.
"""

import json
import struct

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(7)

NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}


def write(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        tensor = tensor.detach().contiguous()
        raw = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
        content = raw.numpy().tobytes()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


class Flat(nn.Module):
    """A classifier of images: the rows of its linear layer are channels first."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.flat = nn.BatchNorm1d(3 * 2 * 3)
        self.fc = nn.Linear(3 * 2 * 3, 4)

    def forward(self, x):
        y = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return self.fc(self.flat(y.flatten(1)))


class Decoder(nn.Module):
    """Images out of codes: the columns of its linear layer are channels first."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 3 * 2 * 4)
        self.up = nn.ConvTranspose2d(3, 2, (3, 2), stride=2, padding=(1, 0))

    def forward(self, x):
        return self.up(F.relu(self.fc(x)).view(-1, 3, 2, 4))


class Strips(nn.Module):
    """Columns of images as a sequence."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, (2, 1))
        self.rnn = nn.LSTM(3 * 4, 5, batch_first=True)

    def forward(self, x):
        y = self.conv(x)
        return self.rnn(y.permute(0, 3, 1, 2).flatten(2))[0]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        nn.init.normal_(self.attention.in_proj_bias)
        nn.init.normal_(self.attention.out_proj.bias)

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


class Conv1D(nn.Module):
    """As Hugging Face's GPT-2 has it: weight [in, out]."""

    def __init__(self, outside, inside):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inside, outside) * 0.3)
        self.bias = nn.Parameter(torch.randn(outside))

    def forward(self, x):
        return x @ self.weight + self.bias


class Gpt2Block(nn.Module):
    """A block of GPT-2 under Hugging Face's names; `make` gives its products."""

    def __init__(self, make, size=6, heads=2):
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(size)
        self.attn = nn.Module()
        self.attn.c_attn = make(3 * size, size)
        self.attn.c_proj = make(size, size)
        self.attn.register_buffer("bias", torch.tril(torch.ones(1, 1, 4, 4)).bool())
        self.ln_2 = nn.LayerNorm(size)
        self.mlp = nn.Module()
        self.mlp.c_fc = make(4 * size, size)
        self.mlp.c_proj = make(size, 4 * size)

    def forward(self, x):
        batch, time, size = x.shape
        split = lambda y: y.view(batch, time, self.heads, size // self.heads).transpose(1, 2)
        q, k, v = (split(y) for y in self.attn.c_attn(self.ln_1(x)).split(size, 2))
        scores = (q @ k.transpose(2, 3) / (size // self.heads) ** 0.5).masked_fill(~self.attn.bias, -1e30)
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, time, size)
        x = x + self.attn.c_proj(y)
        return x + self.mlp.c_proj(F.gelu(self.mlp.c_fc(self.ln_2(x)), approximate="tanh"))


class Grouped(nn.Module):
    """Attention whose queries share keys, under LLaMA's names."""

    def __init__(self):
        super().__init__()
        self.self_attn = nn.Module()
        for name, width in [("q_proj", 8), ("k_proj", 4), ("v_proj", 4), ("o_proj", 8)]:
            setattr(self.self_attn, name, nn.Linear(8, width))

    def forward(self, x):
        a, (batch, time, _) = self.self_attn, x.shape
        heads = lambda y: y.view(batch, time, -1, 2).transpose(1, 2)
        q, k, v = heads(a.q_proj(x)), heads(a.k_proj(x)), heads(a.v_proj(x))
        k, v = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
        y = (q @ k.transpose(2, 3) / 2**0.5).softmax(-1) @ v
        return a.o_proj(y.transpose(1, 2).reshape(batch, time, 8))


class Interleaved(nn.Module):
    """Attention whose queries, keys and values are one matrix head by head, as GPT-NeoX, BLOOM and Falcon have it."""

    def __init__(self, name, heads, groups):
        super().__init__()
        self.name, self.heads, self.groups = name, heads, groups
        module = nn.Module()
        module.query_key_value = nn.Linear(8, (heads + 2 * groups) * 2)
        module.dense = nn.Linear(2 * heads, 8)
        setattr(self, name, module)

    def forward(self, x):
        own, (batch, time, _) = getattr(self, self.name), x.shape
        split = own.query_key_value(x).view(batch, time, self.groups, self.heads // self.groups + 2, 2)
        q = split[..., :-2, :].flatten(2, 3).transpose(1, 2)
        k, v = (split[..., place, :].repeat_interleave(self.heads // self.groups, 2).transpose(1, 2) for place in (-2, -1))
        y = (q @ k.transpose(2, 3) / 2**0.5).softmax(-1) @ v
        return own.dense(y.transpose(1, 2).reshape(batch, time, 2 * self.heads))


class Wrapped(nn.Module):
    """One module, of whose results the first counts."""

    def __init__(self, module):
        super().__init__()
        self.layer = module

    def forward(self, x):
        y = self.layer(x)
        return y[0] if isinstance(y, tuple) else y


def apart(make):
    """What it makes draws no numbers from those of the others."""
    with torch.random.fork_rng():
        torch.manual_seed(8)
        return make(), torch.randn(2, 4, 8)


CASES = {
    "linear": (Wrapped(nn.Linear(4, 3)), torch.randn(2, 4)),
    "square": (Wrapped(nn.Linear(3, 3)), torch.randn(2, 3)),
    "embedding": (Wrapped(nn.Embedding(5, 3)), torch.tensor([[0, 4, 2]])),
    "convolution": (Wrapped(nn.Conv2d(4, 6, (3, 2), groups=2, padding=1, stride=2)), torch.randn(2, 4, 5, 6)),
    "convolution1d": (Wrapped(nn.Conv1d(3, 4, 3)), torch.randn(2, 3, 7)),
    "convolution3d": (Wrapped(nn.Conv3d(2, 3, (1, 2, 3))), torch.randn(1, 2, 3, 4, 5)),
    "transposed": (Wrapped(nn.ConvTranspose2d(3, 2, (3, 2), stride=2)), torch.randn(1, 3, 3, 4)),
    "batchNorm": (Wrapped(nn.BatchNorm2d(3)), torch.randn(4, 3, 2, 2)),
    "layerNorm": (Wrapped(nn.LayerNorm(5)), torch.randn(2, 3, 5)),
    "groupNorm": (Wrapped(nn.GroupNorm(2, 6)), torch.randn(2, 6, 3, 2)),
    "instanceNorm": (Wrapped(nn.InstanceNorm2d(3, affine=True)), torch.randn(2, 3, 3, 2)),
    "rnn": (Wrapped(nn.RNN(3, 4, batch_first=True)), torch.randn(2, 5, 3)),
    "lstm": (Wrapped(nn.LSTM(3, 4, batch_first=True)), torch.randn(2, 5, 3)),
    "gru": (Wrapped(nn.GRU(3, 4, batch_first=True)), torch.randn(2, 5, 3)),
    "attention": (Attention(), torch.randn(2, 4, 6)),
    "grouped": (Grouped(), torch.randn(2, 4, 8)),
    "gpt2": (Gpt2Block(Conv1D), torch.randn(2, 4, 6)),
    "nanogpt": (Gpt2Block(lambda outside, inside: nn.Linear(inside, outside)), torch.randn(2, 4, 6)),
    "flat": (Flat(), torch.randn(3, 2, 4, 6)),
    "decoder": (Decoder(), torch.randn(2, 5)),
    "strips": (Strips(), torch.randn(2, 1, 5, 6)),
    "stackedRnn": (Wrapped(nn.RNN(3, 4, num_layers=3, nonlinearity="relu", batch_first=True)), torch.randn(2, 5, 3)),
    "stackedLstm": (Wrapped(nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)), torch.randn(2, 5, 3)),
    "bidirectionalLstm": (Wrapped(nn.LSTM(3, 2, bidirectional=True, batch_first=True)), torch.randn(2, 5, 3)),
    "stackedGru": (Wrapped(nn.GRU(3, 2, num_layers=2, bidirectional=True, batch_first=True)), torch.randn(2, 5, 3)),
    "transposedGroups": (Wrapped(nn.ConvTranspose2d(4, 6, (3, 2), stride=2, groups=2)), torch.randn(1, 4, 3, 4)),
    "transposed1d": (Wrapped(nn.ConvTranspose1d(4, 6, 3, stride=2, groups=2, output_padding=1)), torch.randn(2, 4, 5)),
    "transposed3d": (Wrapped(nn.ConvTranspose3d(2, 3, (1, 2, 3))), torch.randn(1, 2, 2, 3, 4)),
    "neox": apart(lambda: Interleaved("attention", 4, 4)),
    "falcon": apart(lambda: Interleaved("self_attention", 4, 2)),
    "sharedKey": apart(lambda: Interleaved("self_attention", 4, 1)),
}


def disturb(module):
    """Norms start at ones and zeros, which would hide what is mistaken for what."""
    for name, tensor in list(module.named_parameters()) + list(module.named_buffers()):
        if tensor.dtype == torch.float32 and tensor.dim() == 1:
            tensor.data.uniform_(0.5, 1.5)


def main():
    tensors = {}
    for case, (module, x) in CASES.items():
        disturb(module)
        module.eval()
        with torch.no_grad():
            y = module(x)
        for name, tensor in module.state_dict().items():
            tensors[f"{case}/weights/{name}"] = tensor
        last = lambda t: t.movedim(1, -1) if t.dim() >= 4 or case in ("convolution1d", "transposed1d") else t
        tensors[f"{case}/input"] = last(x)
        tensors[f"{case}/output"] = last(y)
    write("layers.safetensors", tensors)
    values = torch.tensor([[0.0, 1.0, 2.0], [3.0, 100.0, 7.0]])
    write("dtypes.safetensors", {name: values.to(dtype) for dtype, name in NAMES.items()})


main()
