import { type Axis, isLocal, type Reduction, type Store } from '../../ir/kernel.ts';
import { renameStages } from '../../ir/kernel-stage.ts';
import { rememberByText } from '../../ir/remember.ts';
import type { StepAccess } from '../liveness/access.ts';
import { expressionKey, type LoopNest } from './loop-nest.ts';
import type { Range } from './ranges.ts';

// Deep networks repeat their layers, and so their loop nests, but for the tensors that these run on. What depends on nothing
// else is found once for each shape.

/** What nests have in common that differ in their tensors, ops and origins alone. */
export interface NestShape {
  readonly id: number;
  /** How many points its parallel axes have, and all of its axes. */
  readonly parallelPoints: number;
  readonly points: number;
  /** The nest over tensors that are numbered in the order in which it names them. */
  readonly nest: LoopNest;
}

/** A nest as a shape and the tensor that stands for each number of it. */
export interface ShapedNest {
  readonly shape: NestShape;
  readonly tensors: readonly number[];
  /** What was derived from both, each when it was asked for first: nests do not change, and are in many sequences. */
  readonly derived: DerivedFacts;
}

/** Facts about one nest. They are held here, and not each in a weak map of its own, which garbage collection walks. */
export interface DerivedFacts {
  loads?: ReadonlySet<number>;
  stores?: ReadonlySet<number>;
  ranges?: readonly Range[];
  /** What a step that runs it does to memory, by who has asked. */
  use?: { readonly by: object; readonly access: StepAccess };
}

const remembered = rememberByText<NestShape>(1 << 16);
let shapeCount = 0;
const shapedNests = new WeakMap<LoopNest, ShapedNest>();

export function shapeOf(nest: LoopNest): ShapedNest {
  let shaped = shapedNests.get(nest);
  if (!shaped) {
    const tensors: number[] = [];
    const numberOf = (tensor: number) => {
      if (isLocal(tensor)) return tensor;
      const known = tensors.indexOf(tensor);
      return known >= 0 ? known : tensors.push(tensor) - 1;
    };
    const shape = remembered(keyOf(nest, numberOf), () => {
      const { axes } = nest;
      const made: NestShape = {
        id: shapeCount++,
        parallelPoints: pointsOf(axes.filter(({ kind }) => kind === 'parallel')),
        points: pointsOf(axes),
        nest: renamed(nest, numberOf, NOBODY),
      };
      shapedNests.set(made.nest, {
        ...{ shape: made, tensors: tensors.map((_, number) => number) },
        derived: {},
      });
      return made;
    });
    shaped = { shape, tensors, derived: {} };
    shapedNests.set(nest, shaped);
  }
  return shaped;
}

/** What is special to a nest of a shape. */
export type NestWork = Pick<LoopNest, 'ops' | 'origins' | 'macs'>;

const NOBODY: NestWork = { ops: [], origins: [] };

/** The nest of a shape over `tensors`. */
export function nestOf(
  { shape, tensors }: Omit<ShapedNest, 'derived'>,
  work: NestWork = NOBODY,
): LoopNest {
  const nest = renamed(shape.nest, (number) => (number < 0 ? number : tensors[number]), work);
  shapedNests.set(nest, { shape, tensors, derived: {} });
  return nest;
}

/** `find`, which must not look at ops, origins or what tensors there are, called once per shape. */
export function perShape<Found>(find: (nest: LoopNest) => Found): (shape: NestShape) => Found {
  const known = new WeakMap<NestShape, Found>();
  return (shape) => {
    let found = known.get(shape);
    if (found === undefined) {
      found = find(shape.nest);
      known.set(shape, found);
    }
    return found;
  };
}

function renamed(
  { axes, nodes, reductions, stores, staging }: LoopNest,
  rename: (tensor: number) => number,
  work: NestWork,
): LoopNest {
  const inNodes = (list: LoopNest['nodes']) =>
    list.map((node) => (node.kind === 'load' ? { ...node, buffer: rename(node.buffer) } : node));
  const inStore = (store: Store) => ({ ...store, buffer: rename(store.buffer) });
  return {
    ...{ axes, nodes: inNodes(nodes), reductions, stores: stores.map(inStore) },
    ...(staging
      ? { staging: renameStages(staging, { loads: rename, stores: rename, holders: rename }) }
      : {}),
    ...work,
  };
}

/** Equal keys, equal shapes. */
function keyOf(
  { axes, nodes, reductions, stores, staging }: LoopNest,
  numberOf: (tensor: number) => number,
): string {
  const own = `${axesKey(axes)}${bodyKey(nodes, reductions, stores, numberOf)}`;
  if (!staging) return own;
  const stages = staging.stages.map((stage) => {
    const { local } = stage;
    const holder = local.buffer === null ? '' : numberOf(local.buffer);
    const body = bodyKey(stage.nodes, stage.reductions, stage.stores, numberOf);
    return `stage ${local.dtype} ${local.elements} ${holder} ${axesKey(stage.axes)}${body}`;
  });
  return [`${own}\ntiles ${staging.tileAxes} ${staging.tileTerms}`, ...stages].join('\n');
}

function pointsOf(axes: readonly Axis[]): number {
  return axes.reduce((product, axis) => product * axis.extent, 1);
}

const axesKey = (axes: readonly Axis[]) =>
  axes.map(({ kind, extent }) => `${kind[0]}${extent}`).join(' ');

function bodyKey(
  nodes: LoopNest['nodes'],
  reductions: readonly Reduction[],
  stores: readonly Store[],
  numberOf: (tensor: number) => number,
): string {
  let key = '';
  for (const { combiner, value, rescaled = '' } of reductions)
    key += `\n${combiner} ${value} ${rescaled}`;
  for (const node of nodes) key += `\n${expressionKey(node, numberOf)}`;
  for (const { buffer, index, indirect, value, accumulate, stored = '' } of stores) {
    const row = indirect ? `${indirect.node}*${indirect.stride}<${indirect.extent}` : '';
    key += `\nstore ${numberOf(buffer)} ${index.offset}:${index.coefficients.join()} ${row} ${value} ${accumulate} ${stored}`;
  }
  return key;
}
