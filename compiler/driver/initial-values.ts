import type { TensorArray } from '../../ir/dtypes.ts';
import type { SafetensorsTensor } from '../../ir/safetensors.ts';
import { elementCount, type TensorType } from '../../ir/tensor.ts';
import type { LayerFacts } from '../codegen/plan.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { initialValues, isBuiltIn } from '../frontend/initialisers.ts';
import type { TracedModel } from '../frontend/trace.ts';
import { pieceName } from '../micro-batch/index.ts';

// What tensors that outlive runs start with, and what they are to their layers.

/** What a parameter or state starts with. Values are made when they are asked for: they take longer than all passes. */
export interface InitialTensor {
  readonly name: string;
  readonly type: TensorType;
  readonly values: () => TensorArray;
  /** The number that all of the values are, if it is one that JSON keeps. */
  readonly constant: () => number | null;
}

export type InitialValues = readonly InitialTensor[];

export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Of parameters and the model's states; the optimiser's state starts at zero, and constants are in the plan. */
export function initialParameters(traced: TracedModel, diagnostics: Diagnostic[]): InitialValues {
  const own = traced.parameters.filter(
    ({ declaration, isDerived }) => !declaration.data && !isDerived,
  );
  return own.map((parameter) =>
    isBuiltIn(parameter.initialiser)
      ? builtInValues(parameter, traced.seed)
      : usersValues(parameter, traced.seed, diagnostics),
  );
}

export function constantValues({ parameters }: TracedModel): InitialValues {
  return parameters.flatMap(({ declaration: { name, type, data } }) =>
    data ? [{ ...{ name, type }, values: () => data, constant: () => null }] : [],
  );
}

type TracedParameter = TracedModel['parameters'][number];

function builtInValues(
  { declaration: { name, type }, initialiser }: TracedParameter,
  seed: number,
): InitialTensor {
  const values = once(() => initialValues(initialiser, name, type.shape, seed));
  // Most start with two numbers that differ: there is no need to make all of them.
  const some = () => initialValues(initialiser, name, type.shape, seed, SOME);
  return {
    ...{ name, type, values },
    constant: () => (constantOf(some()) === null ? null : constantOf(values())),
  };
}

/** How many numbers are looked at first. */
const SOME = 2;

/** Made at once: the user's own code may fail. */
function usersValues(
  { declaration: { name, type, source }, initialiser }: TracedParameter,
  seed: number,
  diagnostics: Diagnostic[],
): InitialTensor {
  const count = elementCount(type.shape);
  let data: Float32Array = new Float32Array();
  const fail = (reason: string) => diagnostics.push(diagnostic(1018, source, { name, reason }));
  try {
    const values: ArrayLike<number> = initialValues(initialiser, name, type.shape, seed);
    data = values instanceof Float32Array ? values : Float32Array.from(values);
    if (data.length !== count) fail(`gives ${data.length} numbers, not ${count}`);
  } catch (error) {
    fail(`failed: ${error instanceof Error ? error.message : String(error)}`);
  }
  const complete = data.length === count ? data : new Float32Array(count);
  return { ...{ name, type }, values: () => complete, constant: () => constantOf(complete) };
}

/** Of initialisers that are the user's own, which may fail. */
export function usersParameters(traced: TracedModel, diagnostics: Diagnostic[]): InitialValues {
  const parameters = traced.parameters.filter(({ initialiser }) => !isBuiltIn(initialiser));
  return initialParameters({ ...traced, parameters }, diagnostics);
}

/** Parameters that a plan keeps as several, as those. */
export function inPieces(
  parameters: InitialValues,
  pieces: ReadonlyMap<string, number>,
): InitialValues {
  return parameters.flatMap((tensor): InitialValues => {
    const { name, type } = tensor;
    const parts = pieces.get(name);
    if (parts === undefined) return [tensor];
    const shape = type.shape.with(0, type.shape[0] / parts);
    const count = elementCount(shape);
    return Array.from({ length: parts }, (_, part) => {
      const values = () => tensor.values().subarray(part * count, (part + 1) * count);
      const piece = { name: pieceName(name, part), type: { ...type, shape } };
      return { ...piece, values, constant: () => constantOf(values()) };
    });
  });
}

/** By name of a tensor of the plan, what it is to its layer, and of which whole it is a part. */
export function layerFacts(
  { parameters }: TracedModel,
  pieces: ReadonlyMap<string, number>,
): Map<string, LayerFacts> {
  const facts = parameters.flatMap(({ declaration: { name }, layer }): [string, LayerFacts][] => {
    const own = layer ? { layer } : {};
    const parts = pieces.get(name);
    if (parts === undefined) return layer ? [[name, own]] : [];
    return Array.from({ length: parts }, (_, part) => [
      pieceName(name, part),
      { ...own, pieceOf: { name, part, parts } },
    ]);
  });
  return new Map(facts);
}

/** The number that all of `data` are, if it is one that JSON keeps. */
function constantOf(data: SafetensorsTensor['data']): number | null {
  const [first] = data;
  const same = Number.isFinite(first) && data.every((value) => Object.is(value, first));
  return same && !Object.is(first, -0) ? first : null;
}
