"""Values and gradients of PyTorch's stacked and bidirectional recurrent layers in float64, for recurrent.json, in btc's layouts and
names. Run by hand: python3 recurrent.py > recurrent.json (PyTorch 1.13)."""
import json
import math
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.set_default_dtype(torch.float64)
BATCH, TIME, INSIDE, HIDDEN = 3, 4, 2, 3
SALT = 0


def numbers(shape, scale=0.6):
    global SALT
    SALT += 1
    count = math.prod(shape)
    return torch.tensor([round(scale * math.sin(1.3 + SALT + 2.7 * k), 3) for k in range(count)]).reshape(shape)


def entry(x):
    return {'shape': list(x.shape), 'data': [round(v, 12) for v in x.detach().flatten().tolist()]}


def own(kind, name, weights):
    """PyTorch's parameters of one direction as btc's."""
    made = {f'{name}.inputWeight': weights['weight_ih'].T, f'{name}.hiddenWeight': weights['weight_hh'].T}
    if kind == 'GRU':
        return {**made, f'{name}.bias': weights['bias_ih'], f'{name}.hiddenBias': weights['bias_hh']}
    return {**made, f'{name}.bias': weights['bias_ih']}


def case(kind, layers, bidirectional, lengths=None, initial=True, **options):
    network = getattr(nn, kind)(INSIDE, HIDDEN, layers, bidirectional=bidirectional, batch_first=True, **options)
    for key, weight in network.named_parameters():
        # One bias of the RNN and the LSTM is the sum of two: a half of it is 0, and both have its gradient.
        weight.data = torch.zeros_like(weight) if key.startswith('bias_hh') and kind != 'GRU' else numbers(weight.shape)
    x = numbers([BATCH, TIME, INSIDE], 1.5).requires_grad_()
    directions = 2 if bidirectional else 1
    state = [numbers([layers * directions, BATCH, HIDDEN]).requires_grad_() for _ in range(2 if kind == 'LSTM' else 1)]
    given = (tuple(state) if kind == 'LSTM' else state[0]) if initial else None
    if lengths:
        packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
        packed, final = network(packed, given)
        outputs, _ = pad_packed_sequence(packed, batch_first=True, total_length=TIME)
    else:
        outputs, final = network(x, given)
    results = [outputs, *(final if kind == 'LSTM' else [final])]
    loss = sum((y.flatten() * (1 + torch.arange(y.numel()) % 5 / 4)).sum() for y in results)
    loss.backward()
    parameters, gradients = {'x': x}, {'x': x.grad}
    if initial:
        for key, one in zip(['hidden', 'cell'], state):
            parameters[key], gradients[key] = one, one.grad
    for layer in range(layers):
        for direction in range(directions):
            suffix = f'_l{layer}' + ('_reverse' if direction else '')
            name = f'r.layer{layer + 1}' + ('.reverse' if direction else '')
            keys = ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh']
            weights = {key: getattr(network, key + suffix) for key in keys}
            parameters.update(own(kind, name, weights))
            gradients.update(own(kind, name, {key: weight.grad for key, weight in weights.items()}))
    return {
        'kind': kind.lower(), 'layers': layers, 'bidirectional': bidirectional, 'initial': initial, 'lengths': lengths,
        'nonlinearity': options.get('nonlinearity', 'tanh'),
        'parameters': {key: entry(value) for key, value in parameters.items()},
        'gradients': {key: entry(value)['data'] for key, value in gradients.items()},
        'results': [entry(y)['data'] for y in results],
    }


cases = [
    case('LSTM', 2, True),
    case('LSTM', 2, True, lengths=[2, 4, 1]),
    case('LSTM', 1, True, initial=False),
    case('GRU', 3, False, lengths=[3, 1, 4]),
    case('GRU', 1, True, lengths=[1, 4, 2], initial=False),
    case('RNN', 2, False, nonlinearity='relu'),
    case('RNN', 1, True),
]
print('[\n' + ',\n'.join(json.dumps(one) for one in cases) + '\n]')
