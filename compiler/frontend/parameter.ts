import { STORAGE_TYPES, scaleName } from '../../ir/dtypes.ts';
import type { ParameterRole } from '../../ir/graph.ts';
import type { LayerPart } from '../../ir/plan.ts';
import { type SourceSpan, scopeOfName } from '../../ir/source.ts';
import { formatType, type Shape, sameShape } from '../../ir/tensor.ts';
import { formatShape } from '../format.ts';
import { currentSpan, inOneCall } from '../reporting/call-sites.ts';
import { MisuseError, report } from '../reporting/report.ts';
import {
  appendDeclared,
  checkShape,
  currentTrace,
  FROZEN_STORAGE,
  type FrozenOptions,
  isPoisoned,
  poisoned,
  type Trace,
  type TracedParameter,
} from './context.ts';
import { mul } from './elementwise.ts';
import { type Initialiser, isInitialiser, zerosInit } from './initialisers.ts';
import { markLayer, strangeText, withArguments } from './misused.ts';
import { forbiddenName } from './names.ts';
import { placeOfCall, within } from './scope.ts';
import { Tensor } from './tensor.ts';

/**
 * A trainable f32 tensor of the model, shared by all its programs. The same name with another shape is BTC1007; the same
 * name twice in one program is BTC1008 (keep the tensor, or a layer object, to share weights).
 */
export function param(name: string, shape: Shape, initialiser: Initialiser): Tensor {
  const trace = currentTrace('param');
  const full = trace.scope + name;
  const owner = { owner: {}, layer: null };
  return asRead(trace, full, declare(trace, full, owner, 'parameter', shape, initialiser));
}

/** A parameter, or what stands for it now. One that is held in fewer bytes is never trained, and has no average. */
function asRead({ averaging, parameters }: Trace, full: string, value: Tensor): Tensor {
  const declaration = parameters.get(full)?.declaration;
  const isOther = !declaration || declaration.storage || isPoisoned(value);
  return !averaging || isOther ? value : averaging(declaration, value);
}

/** A tensor that outlives runs of programs and that programs, not gradients, change: a running mean, a counter, a memory. */
export interface State {
  /** What the last program left, or what this one has assigned so far. */
  readonly value: Tensor;
  /** Replaces the value, for the rest of this program and, when that is done, for every later one. */
  assign(value: Tensor): void;
}

/**
 * An f32 state of the model, shared by all its programs, saved in checkpoints and not trained. The initialiser gives its
 * first value. Errors are those of {@link param}; BTC2003 for an assigned tensor of another type.
 */
export function state(name: string, shape: Shape, initialiser: Initialiser): State {
  const trace = currentTrace('state');
  const full = trace.scope + name;
  return stateOf(
    trace,
    full,
    declare(trace, full, { owner: {}, layer: null }, 'state', shape, initialiser),
  );
}

function stateOf(trace: Trace, full: string, initial: Tensor): State {
  return {
    get value() {
      return trace.assignments.get(full) ?? initial;
    },
    assign(value) {
      if (isPoisoned(value) || isPoisoned(initial)) return;
      if (currentTrace('assign') !== trace || !trace.tensors.has(value))
        report(1015, { op: 'assign' });
      else if (value.dtype !== 'f32' || !sameShape(value.shape, initial.shape)) {
        const wanted = `${formatType(initial.type)} for state '${full}'`;
        report(2003, { op: 'assign', wanted, given: formatType(value.type) });
      } else trace.assignments.set(full, value);
    },
  };
}

/** Parameters of one layer object: named when the layer is first used in a trace, the same tensors at every later use. */
export interface LayerParameters {
  /** The full name of one. */
  nameOf(name: string): string;
  get(name: string, shape: Shape, initialiser: Initialiser): Tensor;
  state(name: string, shape: Shape, initialiser: Initialiser): State;
}

/** The parameters of the layer `owner`, of which such facts are known; an anonymous layer is named by its kind and a count. */
export function layerParameters(
  owner: object,
  kind: string,
  name: string | undefined,
  facts: Pick<LayerPart, 'heads'> = {},
): LayerParameters {
  const trace = currentTrace(kind);
  const prefix = layerName(trace, owner, kind, name);
  const declareOnce = (
    role: ParameterRole,
    part: string,
    shape: Shape,
    initialiser: Initialiser,
  ) => {
    const full = `${prefix}.${part}`;
    if (trace.owners.get(full) === owner) {
      checkFrozenAlike(trace, full);
      return trace.parameterValues.get(full)!;
    }
    const tensor = declare(
      trace,
      full,
      { owner, layer: { ...layerPart(owner, kind, part), ...facts } },
      role,
      shape,
      initialiser,
    );
    if (trace.owners.get(full) === owner) trace.parameterValues.set(full, tensor);
    return tensor;
  };
  return {
    nameOf: (part) => `${prefix}.${part}`,
    get: (part, ...rest) =>
      asRead(trace, `${prefix}.${part}`, declareOnce('parameter', part, ...rest)),
    state: (part, ...rest) =>
      stateOf(trace, `${prefix}.${part}`, declareOnce('state', part, ...rest)),
  };
}

/**
 * A function that is a layer: what it computes is at the layer's place, `encoder.linear1`, which is also the name that
 * {@link layerParameters} of this function go by. `most`: how many arguments it takes, where some of them have defaults.
 */
export function layerOf<Given extends readonly unknown[], Result>(
  kind: string,
  { name }: { readonly name?: string } = {},
  call: (...given: Given) => Result,
  most = call.length,
): (...given: Given) => Result {
  const layer = withArguments(kind, most, (...given: Given): Result => {
    if (!(given[0] instanceof Tensor))
      throw new MisuseError(2003, { op: kind, wanted: 'a tensor', given: strangeText(given[0]) });
    return inLayer(layer, kind, name, () => call(...given));
  });
  markLayer(layer);
  return layer;
}

/** A value of a layer's own, made at its place of its parameters. */
export function ofLayer<T>(
  owner: object,
  kind: string,
  { name }: { readonly name?: string },
  make: (parameters: LayerParameters) => T,
): T {
  return inLayer(owner, kind, name, () => make(layerParameters(owner, kind, name)));
}

/** Adds what a layer's parameters are in the program that is traced: `layer.weight`. They are declared when they are first read. */
export function withValues<
  Layer extends object,
  Values extends Record<string, () => Tensor | null>,
>(
  layer: Layer,
  values: Values,
): Layer & { readonly [Name in keyof Values]: ReturnType<Values[Name]> } {
  for (const [name, get] of Object.entries(values)) Object.defineProperty(layer, name, { get });
  return layer as Layer & { readonly [Name in keyof Values]: ReturnType<Values[Name]> };
}

/** Runs something that a layer computes. */
export function inLayer<T>(owner: object, kind: string, name: string | undefined, fn: () => T): T {
  const trace = currentTrace(kind);
  const full = layerName(trace, owner, kind, name);
  return within(trace, placeOfCall(trace.scope.slice(0, -1), full), () => inOneCall(fn));
}

/** What a layer is called by. */
interface Called {
  readonly owner: object;
  readonly kind: string;
  readonly name: string | undefined;
}

const parents = new WeakMap<object, Called & { readonly own: string }>();

/** Lets a layer be a part of another one, under whose name its own stands: `lstm1.layer2`. */
export function childOf(owner: object, parent: Called, own: string): void {
  parents.set(owner, { ...parent, own });
}

/** A part of a layer that is a part itself is one of the whole: `layer2.reverse.bias` of an LSTM. */
function layerPart(owner: object, kind: string, part: string): LayerPart {
  const parent = parents.get(owner);
  return parent ? layerPart(parent.owner, parent.kind, `${parent.own}.${part}`) : { kind, part };
}

function layerName(trace: Trace, owner: object, kind: string, name: string | undefined): string {
  const known = trace.layerNames.get(owner);
  if (known) return known;
  const parent = parents.get(owner);
  if (parent) {
    const full = `${layerName(trace, parent.owner, parent.kind, parent.name)}.${parent.own}`;
    trace.layerNames.set(owner, full);
    return full;
  }
  let given = name;
  if (given === undefined) {
    const counted = `${trace.scope}${kind}`;
    const count = (trace.layerCounts.get(counted) ?? 0) + 1;
    trace.layerCounts.set(counted, count);
    given = `${kind}${count}`;
  }
  const full = trace.scope + given;
  trace.layerNames.set(owner, full);
  return full;
}

function declare(
  trace: Trace,
  full: string,
  { owner, layer }: { readonly owner: object; readonly layer: TracedParameter['layer'] },
  role: ParameterRole,
  shape: Shape,
  initialiser: Initialiser,
): Tensor {
  const type = { dtype: 'f32', shape } as const;
  if (!checkShape(full, shape)) return poisoned(type);
  const forbidden = forbiddenName(full);
  if (forbidden) {
    report(1016, { name: full, what: 'a parameter', reason: forbidden });
    return poisoned(type);
  }
  if (!isInitialiser(initialiser)) {
    report(1018, { name: full, reason: 'is not one; call it, as in init.normal(0.02)' });
    return poisoned(type);
  }
  if (trace.owners.has(full)) {
    const other = trace.parameters.get(full)!.declaration.type.shape;
    if (formatShape(other) === formatShape(shape)) report(1008, { name: full });
    else
      report(1007, {
        name: full,
        what: 'shapes',
        first: formatShape(other),
        second: formatShape(shape),
      });
    return poisoned(type);
  }
  const source = currentSpan();
  const isFrozen = trace.frozen !== null && role === 'parameter';
  // Biases, scales and shifts are small, and what they do is not averaged over many terms.
  const isNarrow = isFrozen && shape.length >= 2;
  const storage = isNarrow ? FROZEN_STORAGE[trace.frozen?.storage ?? 'f32'] : null;
  trace.owners.set(full, owner);
  trace.parameters.set(full, {
    declaration: {
      ...{ name: full, type, role: isFrozen ? 'state' : role, source },
      ...(storage ? { storage } : {}),
    },
    initialiser,
    isFrozen,
    layer,
  });
  const held = appendDeclared(trace, 'parameter', full, type, source);
  return storage && STORAGE_TYPES[storage].isScaled
    ? mul(held, scales(trace, full, shape, source))
    : held;
}

/** What one stands for in the columns of a parameter that is held as bytes. */
function scales(trace: Trace, full: string, shape: Shape, source: SourceSpan | null): Tensor {
  const name = scaleName(full);
  const type = { dtype: 'f32', shape: shape.slice(-1) } as const;
  trace.parameters.set(name, {
    declaration: { name, type, role: 'state', source },
    ...{ initialiser: zerosInit, isFrozen: true, isDerived: true, layer: null },
  });
  return appendDeclared(trace, 'parameter', name, type, source, scopeOfName(full));
}

/**
 * A parameter is frozen in all of a program that trains or in none of it (BTC1022): which of both is meant does not depend on what the
 * program happens to use first.
 */
function checkFrozenAlike({ training, frozen, parameters }: Trace, name: string): void {
  const known = parameters.get(name);
  const canTrain = known?.isFrozen || known?.declaration.role === 'parameter';
  if (training && canTrain && known.isFrozen !== (frozen !== null)) report(1022, { name });
  if (!known?.isFrozen || !frozen || known.declaration.type.shape.length < 2) return;
  const [first, second] = [known.declaration.storage, FROZEN_STORAGE[frozen.storage ?? 'f32']].map(
    (storage) => storage ?? 'f32',
  );
  if (first !== second) report(1007, { name, what: 'storages', first, second });
}

/**
 * A layer, or any function that makes parameters, whose parameters are not trained: they take no gradient and no optimiser's state, and
 * change only where they are loaded. States go on, as running statistics of batch norm. Gradients pass through to what is in front. A
 * layer's result has the layer's shape. A program that trains uses a parameter frozen at all places or at none, otherwise it is BTC1022; what
 * is no function is BTC2003, an option that is none BTC2015.
 */
export function frozen<Layer extends (...given: never[]) => unknown>(
  layer: Layer,
  options: FrozenOptions = {},
): Layer {
  if (typeof layer !== 'function') {
    report(2003, { op: 'frozen', wanted: 'a layer or a function', given: typeof layer });
    return layer;
  }
  if (!isFrozenStorage('frozen', options)) return layer;
  return heldLayer(layer, (run) => whileFrozen(options, run));
}

/** Reports options of {@link frozen}, or of what freezes too, that are none (BTC2003, BTC2015). */
export function isFrozenStorage(op: string, options: FrozenOptions): boolean {
  if (typeof options !== 'object' || options === null) {
    report(2003, { op, wanted: 'options, { storage }', given: String(options) });
    return false;
  }
  const { storage = 'f32' } = options;
  if (typeof storage === 'string' && Object.hasOwn(FROZEN_STORAGE, storage)) return true;
  const among = Object.keys(FROZEN_STORAGE);
  const wanted = among.map((one) => `'${one}'`).join(', ');
  const given = String(storage);
  report(2015, { op, name: 'storage', value: given, wanted }, { given, among });
  return false;
}

/** Runs something with parameters that it declares frozen, or with `null` trained. */
export function whileFrozen<T>(options: FrozenOptions | null, run: () => T): T {
  const trace = currentTrace('frozen');
  const before = trace.frozen;
  trace.frozen = options;
  try {
    return run();
  } finally {
    trace.frozen = before;
  }
}

/** A layer, or a function that makes layers, whose calls and values are run by `held`. */
export function heldLayer<Layer extends (...given: never[]) => unknown>(
  layer: Layer,
  held: <T>(run: () => T) => T,
): Layer {
  return new Proxy(layer, {
    apply: (target, self, given) => held(() => Reflect.apply(target, self, given)),
    get: (target, name) => {
      // Facts of a layer are there outside of models too; its parameters are not.
      const descriptor = Object.getOwnPropertyDescriptor(target, name);
      if (descriptor?.get) return held(() => Reflect.get(target, name));
      const value = Reflect.get(target, name);
      const isMethod = typeof value === 'function' && Object.hasOwn(target, name);
      return isMethod
        ? (...given: unknown[]) => held(() => Reflect.apply(value, target, given))
        : value;
    },
  });
}
