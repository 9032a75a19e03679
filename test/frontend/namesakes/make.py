"""Values and gradients of PyTorch's namesakes in float64, for values.json. Run by hand: python3 make.py > values.json (PyTorch 1.13)."""
import json
import math
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
CASES = {}


def numbers(shape, salt, scale=2.0):
    count = math.prod(shape)
    data = [round(scale * math.sin(1.3 + salt + 2.7 * k), 3) for k in range(count)]
    return torch.tensor(data).reshape(shape)


def ints(shape, high, salt=0):
    count = math.prod(shape)
    return torch.tensor([(7 * k + k * k // 3 + salt) % high for k in range(count)]).reshape(shape)


def case(name, f, **inputs):
    CASES[name] = (f, inputs)


X = numbers([3, 5], 0)
KINKS = torch.tensor([-7.0, -6, -3, -1, -0.5, 0, 0.5, 1, 3, 6, 7, 30])
for name, f in {
    'elu': lambda x: F.elu(x, alpha=0.7),
    'celu': lambda x: F.celu(x, alpha=0.7),
    'selu': F.selu,
    'mish': F.mish,
    'hardSwish': F.hardswish,
    'hardSigmoid': F.hardsigmoid,
    'hardTanh': F.hardtanh,
    'relu6': F.relu6,
    'softsign': F.softsign,
    'softplus beta': lambda x: F.softplus(x, beta=2, threshold=1000),
}.items():
    case(name, f, x=KINKS)
case('prelu', lambda x, a: F.prelu(x, a), x=X, a=numbers([5], 1))
case('glu', lambda x: F.glu(x, 0), x=numbers([4, 3], 0))

A, B = numbers([3, 4], 0), numbers([3, 4], 5)
case('mse sum', lambda a, b: F.mse_loss(a, b, reduction='sum'), a=A, b=B)
case('mse none', lambda a, b: F.mse_loss(a, b, reduction='none'), a=A, b=B)
case('l1', F.l1_loss, a=A, b=B)
case('smoothL1', lambda a, b: F.smooth_l1_loss(a, b, beta=0.5), a=A, b=B)
case('smoothL1 zero', lambda a, b: F.smooth_l1_loss(a, b, beta=0.0), a=A, b=B)
case('huber', lambda a, b: F.huber_loss(a, b, delta=1.5, reduction='none'), a=A, b=B)
T = torch.softmax(B, -1).detach()
T0 = torch.tensor([[0.0, 0.25, 0.75, 0], [0.5, 0, 0, 0.5], [0.1, 0.2, 0.3, 0.4]])
case('kl', lambda x, t: F.kl_div(x, t), x=A, t=T)
case('kl batch', lambda x: F.kl_div(F.log_softmax(x, -1), T0, reduction='batchmean'), x=A)
case('kl log', lambda x, t: F.kl_div(x, t, log_target=True, reduction='sum'), x=A, t=B)
P = torch.sigmoid(A).detach()
Y01 = torch.tensor([[0.0, 1, 1, 0], [1, 0, 0.5, 0.25], [1, 1, 0, 0]])
case('bce saturated', lambda p: F.binary_cross_entropy(p, torch.tensor([1.0, 0, 0.5, 1]), reduction='none'), p=torch.tensor([0.0, 1, 1, 0.5]))
case('bce', lambda p: F.binary_cross_entropy(p, Y01), p=P)
case('nll', lambda x, y: F.nll_loss(x, y, ignore_index=2), x=A, y=ints([3], 4))
case('nll weights', lambda x, y: F.nll_loss(x, y, weight=torch.tensor([1.0, 2, 3, 0.5])), x=A, y=ints([3], 4))
case('cosineSimilarity', lambda a, b: F.cosine_similarity(a, b, dim=1), a=A, b=B)
case('cosineSimilarity rows', lambda a, b: F.cosine_similarity(a, b, dim=0), a=A, b=B)
case('cosineSimilarity repeated', lambda a, b: F.cosine_similarity(a, b, dim=2), a=numbers([2, 1, 4], 1), b=numbers([3, 1], 2))
SIGNS = torch.tensor([1, -1, -1])
case('cosineEmbedding', lambda a, b: F.cosine_embedding_loss(a, b, SIGNS, margin=0.1), a=A, b=B)
case('cosineEmbedding of zeros', lambda a, b: F.cosine_embedding_loss(a, b, SIGNS, reduction='none'), a=torch.zeros(3, 4), b=B)
C = numbers([3, 4], 9)
case('triplet', lambda a, b, c: F.triplet_margin_loss(a, b, c, margin=3), a=A, b=B, c=C)
case('triplet swap', lambda a, b, c: F.triplet_margin_loss(a, b, c, margin=3, p=1.5, swap=True), a=A, b=B, c=C)
case('pairwise', lambda a, b: F.pairwise_distance(a, b, p=3), a=A, b=B)
case('ranking', lambda a, b: F.margin_ranking_loss(a[:, 0], b[:, 0], SIGNS, margin=0.3), a=A, b=B)

for order in [1, 2, 3, 0.5, float('inf'), float('-inf')]:
    case(f'norm {order}', lambda x, p=order: torch.linalg.vector_norm(x, p, dim=1), x=X)
case('norm all', lambda x: torch.linalg.vector_norm(x), x=X)
case('norm of zeros', lambda x: torch.linalg.vector_norm(x, dim=1), x=torch.zeros(2, 3))
case('std', lambda x: torch.std(x, dim=1, unbiased=False), x=X)
case('std all', lambda x: torch.std(x, unbiased=True), x=X)

case('cumsum', lambda x: torch.cumsum(x, 1), x=X)
case('cumsum first', lambda x: torch.cumsum(x, 0), x=numbers([11, 2], 3))
case('cumprod', lambda x: torch.cumprod(x, 1), x=X)
Z = X.clone()
Z[0, 1] = 0
Z[1, 1] = 0
Z[1, 3] = 0
case('prod', lambda x: torch.prod(x, 1), x=Z)
case('prod all', lambda x: torch.prod(x), x=numbers([7], 2))
case('flip', lambda x: torch.flip(x, [0, 1]), x=X)
case('roll', lambda x: torch.roll(x, -2, 1), x=X)
case('roll all', lambda x: torch.roll(x, 4), x=X)
case('tril', lambda x: torch.tril(x, 1), x=X)
case('triu', lambda x: torch.triu(x, -1), x=numbers([2, 3, 3], 1))
case('flatten', lambda x: torch.flatten(x, 1), x=numbers([2, 3, 2], 1))
case('permute', lambda x: x.permute(2, 0, -2), x=numbers([2, 3, 2], 1))

CUBE = numbers([2, 4, 3], 4)
case('take', lambda x, i: torch.index_select(x, 1, i), x=CUBE, i=ints([5], 4))
case('takeAlongAxis', lambda x, i: torch.gather(x, 1, i), x=CUBE, i=ints([2, 6, 3], 4))
case('takeAlongAxis last', lambda x, i: torch.gather(x, 2, i), x=CUBE, i=ints([2, 4, 2], 3))
case('scatterAdd', lambda x, i, u: torch.scatter_add(x, 1, i, u), x=CUBE, i=ints([2, 6, 3], 4), u=numbers([2, 6, 3], 6))
APART = torch.tensor([[2, 0], [1, 4], [3, 0]])
case('scatter', lambda x, u: torch.scatter(x, 1, APART, u), x=X, u=numbers([3, 2], 6))
TIES = torch.tensor([[1.0, 3, 1, 2, 3], [0, -1, 0, 5, -1], [2, 2, 2, 2, 2]])
case('sort', lambda x: torch.sort(x, dim=1, stable=True)[0], x=X)
case('sort indices', lambda x: torch.sort(x, dim=1, stable=True)[1], x=TIES)
case('sort descending', lambda x: torch.sort(x, dim=0, descending=True, stable=True)[0], x=numbers([9, 2], 1))
case('topk', lambda x: torch.topk(x, 2, 1)[0], x=numbers([2, 17], 1))
case('topk indices', lambda x: torch.topk(x, 3, 1, largest=False)[1], x=numbers([2, 17], 1))
case('sort of four', lambda x: torch.sort(x, dim=1, stable=True)[1], x=numbers([6, 4], 2))
case('topk of four', lambda x: torch.topk(x, 2, 1)[0], x=numbers([6, 4], 1))
case('topk many', lambda x: torch.topk(x, 4, 1)[0], x=X)

case('einsum implicit', lambda a, b: torch.einsum('ij,kj', a, b), a=A, b=B)
case('einsum ellipsis', lambda a, b: torch.einsum('...ij,...jk->...ik', a, b), a=numbers([2, 1, 3, 4], 1), b=numbers([5, 4, 2], 2))
case('einsum batch', lambda a, b: torch.einsum('b...,b...->b', a, b), a=CUBE, b=numbers([2, 4, 3], 8))
case('einsum swap', lambda a: torch.einsum('...ij->...ji', a), a=CUBE)

IMAGES = numbers([2, 3, 2, 4], 3)


def channels_last(f):
    return lambda x, *rest: f(x.movedim(-1, 1), *rest).movedim(1, -1)


case('groupNorm', channels_last(lambda x, s, t: F.group_norm(x, 2, s, t)), x=IMAGES, s=numbers([4], 1), t=numbers([4], 2))
case('instanceNorm', channels_last(lambda x: F.instance_norm(x)), x=IMAGES)
case('rmsNorm', lambda x, s: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * s, x=IMAGES, s=numbers([4], 1))

LOGITS = numbers([3, 6, 5], 2)
TARGETS = torch.tensor([[1, 2, 2], [3, 3, 4], [2, 1, 1]])
INPUT_LENGTHS, TARGET_LENGTHS = torch.tensor([6, 5, 4]), torch.tensor([3, 2, 1])


def ctc(x, **options):
    return F.ctc_loss(F.log_softmax(x, -1).transpose(0, 1), TARGETS, INPUT_LENGTHS, TARGET_LENGTHS, **options)


case('ctc', ctc, x=LOGITS)
case('ctc none', lambda x: ctc(x, reduction='none'), x=LOGITS)
case('ctc blank', lambda x: ctc(x, blank=0, reduction='sum'), x=LOGITS)
IMPOSSIBLE = torch.tensor([[2, 2, 2, 2]])
case(
    'ctc impossible',
    lambda x: F.ctc_loss(F.log_softmax(x, -1).transpose(0, 1), IMPOSSIBLE, torch.tensor([5]), torch.tensor([4]), zero_infinity=True),
    x=numbers([1, 5, 4], 3),
)

VOLUME = numbers([2, 4, 3, 5, 2], 1)
OIDHW = lambda w: w.permute(4, 3, 0, 1, 2)
case('conv3d', channels_last(lambda x, w: F.conv3d(x, OIDHW(w), stride=(2, 1, 1), padding=1)), x=VOLUME, w=numbers([3, 2, 3, 2, 3], 2))
case('maxPool1d', channels_last(lambda x: F.max_pool1d(x, 3, 2, padding=1)), x=numbers([2, 8, 3], 2))
case('avgPool1d', channels_last(lambda x: F.avg_pool1d(x, 3, 2, padding=1, ceil_mode=True)), x=numbers([2, 8, 3], 2))
case('maxPool3d', channels_last(lambda x: F.max_pool3d(x, (2, 3, 2))), x=VOLUME)
case('avgPool3d', channels_last(lambda x: F.avg_pool3d(x, 2, 1)), x=VOLUME)


def transposed(convolve, **options):
    """Kernels [taps…, in, out / groups] as PyTorch's [in, out / groups, taps…]."""
    def f(x, w):
        n = w.dim() - 2
        kernel = w.permute(n, n + 1, *range(n))
        return channels_last(lambda y: convolve(y, kernel, **options))(x)
    return f


SIGNAL, IMAGE = numbers([2, 5, 4], 1), numbers([2, 4, 3, 4], 2)
case('conv1dTranspose', transposed(F.conv_transpose1d, stride=3, padding=1, output_padding=2, groups=2), x=SIGNAL, w=numbers([4, 4, 3], 3))
case('conv2dTranspose', transposed(F.conv_transpose2d, stride=(2, 1), padding=(1, 0), output_padding=(1, 0), groups=2), x=IMAGE, w=numbers([3, 2, 4, 2], 3))
case('conv2dTranspose dilation', transposed(F.conv_transpose2d, stride=2, dilation=3, output_padding=2, padding=1), x=IMAGE, w=numbers([2, 2, 4, 1], 3))
case('conv3dTranspose', transposed(F.conv_transpose3d, stride=2, output_padding=(1, 0, 1), groups=3), x=numbers([1, 2, 3, 2, 3], 4), w=numbers([2, 3, 2, 3, 2], 5))
case('maxPool2d dilation', channels_last(lambda x: F.max_pool2d(x, 2, 1, padding=1, dilation=2, ceil_mode=True)), x=numbers([2, 5, 6, 2], 2))
case('maxPool1d ceil', channels_last(lambda x: F.max_pool1d(x, 3, 2, ceil_mode=True)), x=numbers([2, 8, 3], 2))
case('avgPool2d ceil', channels_last(lambda x: F.avg_pool2d(x, 3, 2, padding=1, ceil_mode=True)), x=numbers([1, 6, 7, 2], 2))
case('avgPool2d exclude', channels_last(lambda x: F.avg_pool2d(x, 3, 2, padding=1, ceil_mode=True, count_include_pad=False)), x=numbers([1, 6, 7, 2], 2))
case('avgPool3d ceil', channels_last(lambda x: F.avg_pool3d(x, 2, 2, ceil_mode=True)), x=numbers([1, 3, 5, 4, 2], 2))
case('adaptiveAvgPool1d', channels_last(lambda x: F.adaptive_avg_pool1d(x, 3)), x=numbers([2, 8, 3], 2))
case('adaptiveAvgPool2d', channels_last(lambda x: F.adaptive_avg_pool2d(x, (2, 3))), x=numbers([1, 6, 7, 2], 2))
case('adaptiveAvgPool2d more', channels_last(lambda x: F.adaptive_avg_pool2d(x, 5)), x=numbers([1, 3, 4, 2], 2))
case('adaptiveAvgPool3d', channels_last(lambda x: F.adaptive_avg_pool3d(x, (1, 2, 3))), x=numbers([1, 3, 5, 4, 2], 2))
case('adaptiveMaxPool1d', channels_last(lambda x: F.adaptive_max_pool1d(x, 3)), x=numbers([2, 8, 3], 2))
case('adaptiveMaxPool2d', channels_last(lambda x: F.adaptive_max_pool2d(x, (3, 2))), x=numbers([1, 5, 4, 2], 2))
case('adaptiveMaxPool3d', channels_last(lambda x: F.adaptive_max_pool3d(x, 2)), x=numbers([1, 3, 5, 4, 1], 2))

IMAGE = numbers([1, 3, 4, 2], 2)
for name, options in {
    'nearest': dict(scale_factor=2),
    'nearest size': dict(size=(5, 3)),
    'nearest exact': dict(size=(5, 3), mode='nearest-exact'),
    'nearest scale': dict(scale_factor=1.7),
    'bilinear': dict(scale_factor=2, mode='bilinear'),
    'bilinear three': dict(scale_factor=3, mode='bilinear', align_corners=False),
    'bilinear corners': dict(size=(6, 7), mode='bilinear', align_corners=True),
    'bilinear scale': dict(scale_factor=(1.5, 0.6), mode='bilinear'),
    'bilinear size': dict(size=(2, 7), mode='bilinear'),
    'bilinear one': dict(size=(1, 1), mode='bilinear', align_corners=True),
    'bicubic': dict(scale_factor=2, mode='bicubic'),
    'bicubic size': dict(size=(5, 3), mode='bicubic'),
    'bicubic corners': dict(size=(5, 8), mode='bicubic', align_corners=True),
}.items():
    case('interpolate ' + name, channels_last(lambda x, o=options: F.interpolate(x, **o)), x=IMAGE)
case('interpolate linear', channels_last(lambda x: F.interpolate(x, scale_factor=4, mode='linear')), x=numbers([2, 3, 2], 1))
case('interpolate trilinear', channels_last(lambda x: F.interpolate(x, size=(4, 3, 5), mode='trilinear')), x=numbers([1, 2, 3, 2, 2], 1))
case('pixelShuffle', channels_last(lambda x: F.pixel_shuffle(x, 2)), x=numbers([2, 2, 3, 8], 1))
case('pixelUnshuffle', channels_last(lambda x: F.pixel_unshuffle(x, 2)), x=numbers([2, 4, 6, 2], 1))
case('unfold', lambda x: F.unfold(x.movedim(-1, 1), (2, 3), padding=1, stride=(2, 1)).transpose(1, 2), x=numbers([2, 3, 4, 2], 1))
case('fold', lambda x: F.fold(x.transpose(1, 2), (4, 5), (2, 3), stride=(2, 1), padding=(0, 1)).movedim(1, -1), x=numbers([2, 10, 12], 1))
for mode in ['reflect', 'replicate', 'circular']:
    case(f'pad {mode}', channels_last(lambda x, m=mode: F.pad(x, (2, 1, 1, 2), mode=m)), x=IMAGE)
PADDING = torch.tensor([[1, 1, 0, 1, 1], [0, 1, 1, 1, 0]])
SEEN = torch.tensor([[1, 0, 1, 1, 1], [1, 1, 1, 0, 1], [0, 1, 1, 1, 1]])


def attend(q, k, v, bias):
    """As nn.MultiheadAttention, heads of keys repeated as in LLaMA."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + bias
    return (torch.softmax(scores, -1) @ v).transpose(1, 2)


Q, K, V = numbers([2, 3, 4, 2], 1), numbers([2, 5, 2, 2], 2), numbers([2, 5, 2, 2], 3)
HIDDEN = torch.where(PADDING == 0, -1e30, 0.0)[:, None, None]
case('attention groups', lambda q, k, v, b: attend(q, k, v, b + HIDDEN), q=Q, k=K, v=V, b=numbers([4, 3, 5], 4))
case('attention mask', lambda q, k, v: attend(q, k, v, torch.where(SEEN == 0, -1e30, 0.0)), q=Q, k=numbers([2, 5, 4, 2], 2), v=numbers([2, 5, 4, 2], 3))


def rotary(x, base, offset):
    """apply_rotary_pos_emb of LLaMA."""
    half = x.shape[-1] // 2
    inverse = 1.0 / base ** (torch.arange(0, half) * 2.0 / x.shape[-1])
    angles = (torch.arange(x.shape[1]) + offset)[:, None] * inverse
    angles = torch.cat([angles, angles], -1)[None, :, None]
    rotated = torch.cat([-x[..., half:], x[..., :half]], -1)
    return x * angles.cos() + rotated * angles.sin()


def interleaved(x, base):
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    inverse = 1.0 / base ** (torch.arange(0, pairs.shape[-1]) * 2.0 / x.shape[-1])
    turns = torch.polar(torch.ones(()), torch.arange(x.shape[1])[:, None] * inverse)
    return torch.view_as_real(pairs * turns[None, :, None]).flatten(-2)


case('rotary', lambda x: rotary(x, 10000.0, 3), x=numbers([2, 3, 2, 6], 1))
case('rotary interleaved', lambda x: interleaved(x, 100.0), x=numbers([2, 3, 2, 6], 1))


def tensor(x):
    dtype = 'f32' if x.is_floating_point() else 'i32'
    data = [round(v, 12) if dtype == 'f32' else v for v in x.detach().flatten().tolist()]
    return {'dtype': dtype, 'shape': list(x.shape), 'data': data}


results = {}
for name, (f, inputs) in CASES.items():
    own = {key: x.clone().requires_grad_(x.is_floating_point()) for key, x in inputs.items()}
    output = f(*own.values())
    result = {'inputs': {key: tensor(x) for key, x in inputs.items()}, 'output': tensor(output)}
    if output.is_floating_point():
        weights = torch.tensor([1 + (k % 5) / 4 for k in range(output.numel())]).reshape(output.shape)
        (output * weights).sum().backward()
        result['gradients'] = {key: tensor(x.grad)['data'] for key, x in own.items() if x.grad is not None}
    results[name] = result
print('{\n' + ',\n'.join(f'{json.dumps(name)}: {json.dumps(result)}' for name, result in results.items()) + '\n}')
