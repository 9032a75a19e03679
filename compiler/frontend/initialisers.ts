import { uniform as draw, streamOf } from '../../ir/random.ts';
import { elementCount, type Shape } from '../../ir/tensor.ts';

/** Fills a parameter: `random(k)` is the k-th number of the parameter's own stream, uniform in [0, 1). */
export interface Initialiser {
  readonly kind: string;
  readonly fill: (
    shape: Shape,
    random: (k: number) => number,
    /** The outputs fall into so many groups of equal size with inputs of their own; 1 where it is left out. */
    groups?: number,
    /** Only so many of the first numbers are wanted; more may be given. All where it is left out. */
    wanted?: number,
  ) => Float32Array;
}

/** What fills the initialisers of btc's, which never fail. */
const builtIn = new WeakSet<Initialiser['fill']>();

/** Whether an initialiser is btc's own and not the user's. */
export const isBuiltIn = ({ fill }: Initialiser): boolean => builtIn.has(fill);

/** An initialiser of btc's own. */
export function ownInitialiser(kind: string, fill: Initialiser['fill']): Initialiser {
  builtIn.add(fill);
  return { kind, fill };
}

/** Of a grouped kernel [taps…, in / groups, out]: an output has the inputs, and an input the outputs, of its group alone. */
export function perGroup(initialiser: Initialiser, groups: number): Initialiser {
  if (groups === 1 || !isInitialiser(initialiser)) return initialiser;
  const fill: Initialiser['fill'] = (shape, random, _, wanted) =>
    initialiser.fill(shape, random, groups, wanted);
  if (isBuiltIn(initialiser)) builtIn.add(fill);
  return { ...initialiser, fill };
}

/** What fills another shape of as many elements, whose fans count. */
export function ofShape(initialiser: Initialiser, shape: Shape): Initialiser {
  if (!isInitialiser(initialiser)) return initialiser;
  const fill: Initialiser['fill'] = (_, ...rest) => initialiser.fill(shape, ...rest);
  if (isBuiltIn(initialiser)) builtIn.add(fill);
  return { ...initialiser, fill };
}

/**
 * The initial value of a parameter. Streams are keyed by (seed, name), so a new layer changes no other's values.
 */
export function initialValues(
  initialiser: Initialiser,
  name: string,
  shape: Shape,
  seed: number,
  wanted?: number,
): Float32Array {
  const stream = streamOf(name);
  return initialiser.fill(shape, (k) => draw(seed, stream, k, 0), undefined, wanted);
}

export function isInitialiser(value: unknown): value is Initialiser {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<Initialiser>).fill === 'function'
  );
}

const each = (
  kind: string,
  element: (random: (k: number) => number, k: number, shape: Shape) => number,
): Initialiser =>
  ownInitialiser(kind, (shape, random, _, wanted = Number.POSITIVE_INFINITY) => {
    const values = new Float32Array(Math.min(wanted, elementCount(shape)));
    for (let k = 0; k < values.length; k++) values[k] = element(random, k, shape);
    return values;
  });

/** One number at every element. */
export const constantInit = (value: number): Initialiser => each('constant', () => value);
/** 0 at every element. */
export const zerosInit: Initialiser = each('zeros', () => 0);
/** 1 at every element. */
export const onesInit: Initialiser = each('ones', () => 1);

/** Uniform in [low, high). */
export const uniformInit = (low: number, high: number): Initialiser =>
  each('uniform', (random, k) => low + (high - low) * random(k));

/** Normal with mean 0, by Box and Muller. */
export const normalInit = (deviation = 1): Initialiser =>
  each('normal', (random, k) => deviation * gaussian(random, k));

/** Normal with mean 0, values beyond two deviations redrawn (at most eight times, then cut off). */
export const truncatedNormalInit = (deviation = 1): Initialiser =>
  each('truncatedNormal', (random, k, shape) => {
    const count = elementCount(shape);
    for (let attempt = 0; attempt < 8; attempt++) {
      const value = gaussian(random, k + attempt * count);
      if (Math.abs(value) <= 2) return deviation * value;
    }
    return 2 * deviation;
  });

function gaussian(random: (k: number) => number, k: number): number {
  // 1 - u is in (0, 1], so the logarithm is finite.
  return Math.sqrt(-2 * Math.log(1 - random(2 * k))) * Math.cos(2 * Math.PI * random(2 * k + 1));
}

/** Inputs and outputs of a weight [in, out]; leading axes of more are the receptive field. A vector has both equal. */
function fans(shape: Shape, groups: number): { fanIn: number; fanOut: number } {
  if (shape.length < 2) return { fanIn: elementCount(shape), fanOut: elementCount(shape) };
  const field = elementCount(shape.slice(0, -2));
  return {
    fanIn: field * shape[shape.length - 2],
    fanOut: (field * shape[shape.length - 1]) / groups,
  };
}

/** Zero-mean values of a variance that the shape decides. */
const scaled = (
  kind: string,
  law: 'uniform' | 'normal',
  variance: (fanIn: number, fanOut: number) => number,
): Initialiser =>
  ownInitialiser(kind, (shape, random, groups = 1, wanted) => {
    const { fanIn, fanOut } = fans(shape, groups);
    const deviation = Math.sqrt(variance(fanIn, fanOut));
    // A uniform law on [-a, a] has variance a²/3.
    const inner =
      law === 'normal'
        ? normalInit(deviation)
        : uniformInit(-Math.sqrt(3) * deviation, Math.sqrt(3) * deviation);
    return inner.fill(shape, random, groups, wanted);
  });

/** Uniform with variance 2 / (in + out) (Glorot, Bengio 2010). */
export const glorotUniform: Initialiser = scaled(
  'glorotUniform',
  'uniform',
  (fanIn, fanOut) => 2 / (fanIn + fanOut),
);
/** Normal with variance 2 / (in + out) (Glorot, Bengio 2010). */
export const glorotNormal: Initialiser = scaled(
  'glorotNormal',
  'normal',
  (fanIn, fanOut) => 2 / (fanIn + fanOut),
);
/** Uniform with variance 2 / in (He, Zhang, Ren, Sun 2015), for relu. */
export const heUniform: Initialiser = scaled('heUniform', 'uniform', (fanIn) => 2 / fanIn);
/** Normal with variance 2 / in (He, Zhang, Ren, Sun 2015), for relu. */
export const heNormal: Initialiser = scaled('heNormal', 'normal', (fanIn) => 2 / fanIn);
/** Uniform with variance 1 / in (LeCun, Bottou, Orr, Müller 1998). */
export const lecunUniform: Initialiser = scaled('lecunUniform', 'uniform', (fanIn) => 1 / fanIn);
/** Normal with variance 1 / in (LeCun, Bottou, Orr, Müller 1998). */
export const lecunNormal: Initialiser = scaled('lecunNormal', 'normal', (fanIn) => 1 / fanIn);

/**
 * A matrix [rows, columns] with orthonormal rows or columns, whichever are fewer, times `gain` (Saxe, McClelland, Ganguli
 * 2014). By modified Gram-Schmidt on normal vectors, each taken twice, which keeps orthogonality to rounding.
 */
export const orthogonal = (gain = 1): Initialiser =>
  ownInitialiser('orthogonal', (shape, random) => {
    const columns = shape[shape.length - 1] ?? 1;
    const rows = elementCount(shape) / columns;
    const [count, length] = rows <= columns ? [rows, columns] : [columns, rows];
    const vectors: Float64Array[] = [];
    for (let v = 0; v < count; v++) {
      const vector = Float64Array.from({ length }, (_, k) => gaussian(random, v * length + k));
      for (let pass = 0; pass < 2; pass++)
        for (const other of vectors) removeComponent(vector, other);
      const norm = Math.hypot(...vector);
      for (let k = 0; k < length; k++) vector[k] /= norm;
      vectors.push(vector);
    }
    return Float32Array.from({ length: rows * columns }, (_, k) => {
      const row = Math.floor(k / columns);
      const column = k % columns;
      return gain * (rows <= columns ? vectors[row][column] : vectors[column][row]);
    });
  });

function removeComponent(vector: Float64Array, unit: Float64Array): void {
  let dot = 0;
  for (let k = 0; k < vector.length; k++) dot += vector[k] * unit[k];
  for (let k = 0; k < vector.length; k++) vector[k] -= dot * unit[k];
}
