import { elementCount } from '../../../../ir/tensor.ts';
import type { Tensor } from '../../../frontend/tensor.ts';
import { like, rawOf } from '../operators/layout.ts';
import { kept, keptAxis } from './reductions.ts';
import type { Matched, PatternRow } from './row.ts';
import { any, either, node, number, type Term } from './terms.ts';

const x = any('x');

/** Along an axis of ONNX's, whichever way the operand lies. */
function alongAxis({ node: n }: Matched, axis: number, make: (x: Tensor, axis: number) => Tensor) {
  const value = n.value(0);
  const own = value.kind === 'tensor' && value.order ? value.order[axis] : axis;
  return like(n, 0, make(rawOf(n, 0), own));
}

/** A row of what is computed along the axis that both of two reductions go over. */
const alongBoth = (
  op: string,
  term: Term,
  make: (f: Matched['node']['f'], x: Tensor, axis: number) => Tensor,
): PatternRow => ({
  ...{ op, term, inputs: ['x'] },
  make: (matched) => {
    const { node: n } = matched;
    const shape = n.shape(0);
    const axis = keptAxis(matched, 'greatest', shape);
    if (n.type(0).kind !== 'float' || axis === null) return null;
    if (keptAxis(matched, 'total', shape) !== axis) return null;
    return alongAxis(matched, axis, (operand, own) => make(n.f, operand, own));
  },
});

const shifted = node('Sub', x, kept('greatest', 'ReduceMax', x));
const powers = node('Exp', shifted);

/** A row of a function of one operand, element by element. */
const pointwise = (
  op: string,
  term: Term,
  make: (f: Matched['node']['f'], x: Tensor) => Tensor,
): PatternRow => ({
  ...{ op, term, inputs: ['x'] },
  make: ({ node: n }) =>
    n.type(0).kind === 'float' && elementCount(n.shape(0)) > 0
      ? like(n, 0, make(n.f, rawOf(n, 0)))
      : null,
});

/** x·g(x) as btc's own exports have it: between bounds beyond which g is 0 or 1. */
const gated = (bound: number, gate: (z: Term) => Term): Term => {
  const above = node('Max', x, number(-bound));
  return node('Mul', above, gate(node('Min', above, number(bound))));
};

/** Half of x times a term, in the ways in which three factors are multiplied. */
const halfTimes = (of: Term): Term =>
  either(
    node('Mul', node('Mul', x, of), number(0.5)),
    node('Mul', node('Mul', x, number(0.5)), of),
    node('Mul', x, node('Mul', of, number(0.5))),
    node('Mul', node('Div', x, number(2)), of),
  );

const cubed = (of: Term): Term =>
  either(node('Mul', of, node('Mul', of, of)), node('Pow', of, number(3)));

/** √(2/π)·(x + 0.044715·x³) times a factor. */
const bent = (of: Term, times: number): Term =>
  node(
    'Mul',
    node('Add', of, node('Mul', cubed(of), number(0.044715))),
    number(times * Math.sqrt(2 / Math.PI)),
  );

const distribution = either(
  node('Div', x, number(Math.SQRT2)),
  node('Mul', x, number(Math.SQRT1_2)),
);

export const ACTIVATION_PATTERNS: readonly PatternRow[] = [
  alongBoth(
    'Softmax',
    node('Div', powers, kept('total', 'ReduceSum', powers)),
    (f, operand, axis) => f.softmax(operand, axis),
  ),
  alongBoth(
    'LogSoftmax',
    node('Sub', shifted, node('Log', kept('total', 'ReduceSum', powers))),
    (f, operand, axis) => f.logSoftmax(operand, axis),
  ),
  pointwise(
    'Gelu',
    either(
      halfTimes(node('Add', node('Erf', distribution), number(1))),
      gated(20, (z) =>
        node(
          'Mul',
          node('Sub', number(1), node('Erf', node('Mul', z, number(-Math.SQRT1_2)))),
          number(0.5),
        ),
      ),
    ),
    (f, operand) => f.gelu(operand, { approximate: 'none' }),
  ),
  pointwise(
    'Gelu',
    either(
      halfTimes(node('Add', node('Tanh', bent(x, 1)), number(1))),
      gated(20, (z) => node('Sigmoid', bent(z, 2))),
    ),
    (f, operand) => f.gelu(operand),
  ),
  pointwise(
    'Silu',
    either(
      node('Mul', x, node('Sigmoid', x)),
      gated(120, (z) => node('Sigmoid', z)),
    ),
    (f, operand) => f.silu(operand),
  ),
];
