import { elementType } from '../element-types.ts';
import type { OnnxNode } from '../node.ts';
import { type OperatorRow, type OperatorTable, row } from './row.ts';

/** Other numbers at each run, of the model's seed: never computed while importing. */
const drawn = (make: OperatorRow['make']): OperatorRow => ({ ...row(make), folds: false });

function typeOf(n: OnnxNode, fallback: number) {
  const type = elementType(n.attributes.int('dtype', fallback));
  return typeof type === 'string' ? n.refuse(`it is of type ${type}`) : type;
}

/** The shape of an attribute, or of the operand. */
const shapeFor = (n: OnnxNode) =>
  n.op.endsWith('Like') ? n.shape(0) : (n.attributes.ints('shape') ?? n.refuse('it has no shape'));

const ofLike = (n: OnnxNode) => (n.op.endsWith('Like') ? n.type(0).id : 1);

const normal = drawn((n) => {
  const { f, attributes } = n;
  const draws = f.randomNormal(shapeFor(n));
  const scaled = f.mul(draws, attributes.float('scale', 1));
  return n.result(f.add(scaled, attributes.float('mean', 0)), typeOf(n, ofLike(n)));
});

const uniform = drawn((n) => {
  const { f, attributes } = n;
  const [low, high] = [attributes.float('low', 0), attributes.float('high', 1)];
  const draws = f.randomUniform(shapeFor(n));
  return n.result(f.add(f.mul(draws, high - low), low), typeOf(n, ofLike(n)));
});

export const RANDOM: OperatorTable = {
  Bernoulli: drawn((n) => {
    const { f } = n;
    const type = typeOf(n, n.type(0).id);
    const hit = f.less(f.randomUniform(n.shape(0)), n.tensor(0));
    return n.result(f.cast(hit, type.dtype), type);
  }),
  Multinomial: drawn((n) => {
    const { f } = n;
    const logits = n.tensor(0);
    const count = n.attributes.int('sample_size', 1);
    const [rows, classes] = logits.shape;
    const all = f.broadcastTo(f.expandDims(logits, 1), [rows, count, classes]);
    return n.result(f.categorical(all), typeOf(n, 6));
  }),
  RandomNormal: normal,
  RandomNormalLike: normal,
  RandomUniform: uniform,
  RandomUniformLike: uniform,
};
