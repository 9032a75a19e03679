import { valueType } from '../../../ir/dtypes.ts';
import type { Affine, Bound, Indirection, Kernel, NodeIndex, Store } from '../../../ir/kernel.ts';
import { affinesOf } from '../../../ir/kernel-affines.ts';
import { nodeOperands } from '../../../ir/kernel-cost.ts';
import { append } from '../../../ir/lists.ts';
import { axisDependence } from '../contraction-groups.ts';
import { VECTOR_WIDTH } from './dialect.ts';
import {
  addressText,
  drawOf,
  insideText,
  nodeLines,
  type Scope,
  storedText,
  storedValues,
  storeLine,
} from './expression.ts';

/** One of several points at which an invocation evaluates the same nodes. */
export interface Point {
  readonly scope: Scope;
  /** Per axis, which of its indices among the points: points that agree on it have the same index. */
  readonly at: readonly number[];
  /** Whether `at` is how far each index is from that of the first point, so that windows that overlap are read once. */
  readonly isShift?: true;
}

/**
 * What is one vector for four points that are neighbours along an axis, the first at a multiple of four: accesses to a buffer, and
 * random numbers of neighbouring elements.
 */
export interface Quads {
  /** Loads and random numbers, each with its axis. */
  readonly loads: ReadonlyMap<NodeIndex, number>;
  readonly draws: ReadonlyMap<NodeIndex, number>;
  readonly stores: ReadonlySet<Store>;
  /** That of all stores. */
  readonly axis: number;
}

/** Those of some nodes and stores that are vectors along `axis`. */
export function quadAccesses(
  kernel: Kernel,
  axis: number | undefined,
  nodes: Iterable<NodeIndex>,
  stores: readonly Store[] = [],
): Quads {
  if (axis === undefined || kernel.axes[axis].extent % VECTOR_WIDTH !== 0)
    return { axis: axis ?? 0, loads: new Map(), draws: new Map(), stores: new Set() };
  const varies = axisDependence(kernel);
  const lone = new Set(stores.filter(({ accumulate }) => accumulate).map(({ buffer }) => buffer));
  const aligned = ({ offset, coefficients }: Affine) =>
    offset % VECTOR_WIDTH === 0 &&
    coefficients.every(
      (coefficient, a) =>
        a === axis || kernel.axes[a].extent === 1 || coefficient % VECTOR_WIDTH === 0,
    );
  const whole = ({ index, extent }: Bound) =>
    index.coefficients[axis] === 0 ||
    (index.coefficients[axis] === 1 && extent % VECTOR_WIDTH === 0 && aligned(index));
  const isVector = (
    buffer: number,
    index: Affine,
    indirect: Indirection | undefined,
    bounds: readonly Bound[],
  ) =>
    buffer >= 0 &&
    !lone.has(buffer) &&
    kernel.buffers[buffer].elements % VECTOR_WIDTH === 0 &&
    index.coefficients[axis] === 1 &&
    aligned(index) &&
    (!indirect || (indirect.stride % VECTOR_WIDTH === 0 && !varies[indirect.node][axis])) &&
    bounds.every(whole);
  const loads = new Map<NodeIndex, number>();
  const draws = new Map<NodeIndex, number>();
  for (const index of nodes) {
    const node = kernel.nodes[index];
    if (node.kind === 'load') {
      if (isVector(node.buffer, node.index, node.indirect, node.bounds)) loads.set(index, axis);
    } else if (node.kind === 'random') {
      const { counter, step } = node;
      if (counter.coefficients[axis] === 1 && aligned(counter) && !varies[step][axis])
        draws.set(index, axis);
    }
  }
  return {
    axis,
    loads,
    draws,
    stores: new Set(
      stores.filter(({ buffer, index, indirect }) => isVector(buffer, index, indirect, [])),
    ),
  };
}

/** Some vectors, and of `more` the loads and random numbers that are not among them. */
export function withMore(quads: Quads, more: Quads): Quads {
  return {
    ...quads,
    loads: new Map([...more.loads, ...quads.loads]),
    draws: new Map([...more.draws, ...quads.draws]),
  };
}

/** The buffers that vectors are read from or written to; those of accumulating stores stay as they are. */
export function quadBuffers(kernel: Kernel, ...all: readonly Quads[]): Set<number> {
  const buffers = new Set<number>();
  for (const { loads, stores } of all) {
    for (const index of loads.keys()) {
      const node = kernel.nodes[index];
      if (node.kind === 'load') buffers.add(node.buffer);
    }
    for (const { buffer } of stores) buffers.add(buffer);
  }
  for (const { buffer, accumulate } of kernel.stores) if (accumulate) buffers.delete(buffer);
  return buffers;
}

/** `roots` and all that they need, but for what is known. */
export function neededNodes(
  { nodes }: Kernel,
  roots: readonly NodeIndex[],
  known: (node: NodeIndex) => boolean = () => false,
): NodeIndex[] {
  const needed = new Uint8Array(nodes.length);
  for (const root of roots) needed[root] = 1;
  for (let index = nodes.length - 1; index >= 0; index--)
    if (needed[index] && !known(index))
      for (const operand of nodeOperands(nodes[index])) needed[operand] = 1;
  const found: NodeIndex[] = [];
  for (let index = 0; index < needed.length; index++)
    if (needed[index] && !known(index)) found.push(index);
  return found;
}

/** Statements that compute `roots` and what they need at every point; what is the same at several points is computed once. */
export function evaluatePoints(
  points: readonly Point[],
  roots: readonly NodeIndex[],
  quads?: Quads,
): string[] {
  const { kernel } = points[0].scope;
  const lines: string[] = [];
  const first = points[0].scope.names;
  for (const node of neededNodes(kernel, roots, (index) => first.has(index))) {
    const axis = quads?.loads.get(node) ?? quads?.draws.get(node);
    const known = new Map<string, string>();
    points.forEach((point, k) => {
      const { scope } = point;
      const own = valueKey(kernel, node, point);
      let name = known.get(own);
      if (name === undefined) {
        name = `n${node}${scope.suffix}`;
        if (axis !== undefined && quadOf(points, k, axis))
          append(
            lines,
            quadLines(points, k, node, axis, (other, part) => {
              known.set(valueKey(kernel, node, other), part);
            }),
          );
        else append(lines, nodeLines(scope, name, kernel.nodes[node]));
        name = known.get(own) ?? name;
        known.set(own, name);
      }
      scope.names.set(node, name);
    });
  }
  return lines;
}

/** What tells the values of a node at several points apart: points with equal keys have the same value. */
function valueKey({ nodes }: Kernel, index: NodeIndex, { scope, at, isShift }: Point): string {
  const node = nodes[index];
  let key = '';
  for (const operand of nodeOperands(node)) key += `${scope.names.get(operand)},`;
  const affines = affinesOf(node);
  if (affines.length === 0) return key;
  if (isShift) for (const affine of affines) key += `${shiftOf(affine, at)},`;
  else
    for (let axis = 0; axis < at.length; axis++)
      if (affines.some(({ coefficients }) => coefficients[axis] !== 0)) key += `${at[axis]},`;
  return key;
}

/** How much larger an affine function is at a point than at the first one. */
function shiftOf({ coefficients }: Affine, at: readonly number[]): number {
  let sum = 0;
  for (let axis = 0; axis < coefficients.length; axis++) sum += coefficients[axis] * at[axis];
  return sum;
}

/** At how many points of a box over some axes a node has another value, where what it computes from does. */
export function distinctValues(
  kernel: Kernel,
  node: NodeIndex,
  sides: readonly number[],
  axes: readonly number[],
): number {
  const affines = affinesOf(kernel.nodes[node]);
  const depends = axisDependence(kernel)[node];
  const isOwn = affines.length > 0 && nodeOperands(kernel.nodes[node]).length === 0;
  const used = axes.filter(
    (axis) =>
      sides[axis] > 1 &&
      (isOwn ? affines.some(({ coefficients }) => coefficients[axis] !== 0) : depends[axis]),
  );
  const points = used.reduce((product, axis) => product * sides[axis], 1);
  if (!isOwn || used.length < 2 || affines.some((affine) => isOneToOne(affine, sides, used)))
    return points;
  const places = placesOf(sides, used);
  return new Set(places.map((at) => affines.map((affine) => shiftOf(affine, at)).join())).size;
}

/** Whether a function has another value at each point of a box, as it surely has where each of its strides reaches beyond those below. */
function isOneToOne({ coefficients }: Affine, sides: readonly number[], axes: readonly number[]) {
  const strides = axes
    .map((axis) => ({ stride: Math.abs(coefficients[axis]), side: sides[axis] }))
    .sort((a, b) => a.stride - b.stride);
  let reach = 0;
  return strides.every(({ stride, side }) => {
    const isBeyond = stride > reach;
    reach += stride * (side - 1);
    return isBeyond;
  });
}

/** The four points of the vector that begins at point `k`; null where it does not begin there. */
function quadOf(points: readonly Point[], k: number, axis: number): readonly Point[] | null {
  const { at } = points[k];
  if (at[axis] % VECTOR_WIDTH !== 0) return null;
  const four: Point[] = [];
  for (let c = 0; c < VECTOR_WIDTH; c++) {
    const one = points.find((other) => isFrom(other.at, at, axis, c));
    if (!one) return null;
    four.push(one);
  }
  return four;
}

/** Whether a point is so many steps along an axis from another one. */
function isFrom(at: readonly number[], start: readonly number[], axis: number, steps: number) {
  for (let a = 0; a < at.length; a++)
    if (at[a] !== start[a] + (a === axis ? steps : 0)) return false;
  return true;
}

function quadLines(
  points: readonly Point[],
  k: number,
  index: NodeIndex,
  axis: number,
  name: (point: Point, part: string) => void,
): string[] {
  const { scope } = points[k];
  const { dialect, use } = scope.writer;
  const node = scope.kernel.nodes[index];
  const vector = `q${index}${scope.suffix}`;
  const type = `${node.dtype}x4` as const;
  quadOf(points, k, axis)!.forEach((point, c) => {
    name(point, dialect.component(vector, c));
  });
  if (node.kind === 'random')
    return [dialect.constant(type, vector, dialect.randomQuad(use, drawOf(scope, node)))];
  if (node.kind !== 'load') throw new Error('only loads and random numbers are vectors');
  const inside = insideText(scope, node);
  if (inside === false) return [dialect.constant(type, vector, dialect.zero(type))];
  const address = addressText(scope, node.index, node.indirect);
  const { dtype } = scope.kernel.buffers[node.buffer];
  const element = dialect.loadQuad(dtype, `b${node.buffer}`, address);
  if (inside === true) return [dialect.constant(type, vector, element)];
  return [
    dialect.variable(type, vector, dialect.zero(type)),
    `if (${inside}) { ${vector} = ${element}; }`,
  ];
}

/** Statements that evaluate and do all stores at every point. */
export function storePoints(points: readonly Point[], quads?: Quads): string[] {
  const { kernel, writer } = points[0].scope;
  const { dialect } = writer;
  const roots = storedValues(kernel);
  const lines = evaluatePoints(points, roots, quads);
  for (const store of kernel.stores)
    points.forEach(({ scope, at }, k) => {
      const four = quads?.stores.has(store) ? quadOf(points, k, quads.axis) : null;
      if (four) {
        const { dtype } = kernel.buffers[store.buffer];
        const parts = four.map((point) => storedText(point.scope, dtype, store.value));
        const address = addressText(scope, store.index, store.indirect);
        const vector = dialect.vector(`${valueType(dtype)}x4`, parts);
        const assignment = dialect.storeQuad(dtype, `b${store.buffer}`, address, vector);
        const name = store.indirect && scope.names.get(store.indirect.node)!;
        lines.push(
          store.indirect
            ? `if (${dialect.inside(name!, store.indirect.extent)}) { ${assignment} }`
            : assignment,
        );
      } else if (!quads?.stores.has(store) || !isInQuad(points, at, quads.axis))
        append(lines, storeLine(scope, store));
    });
  return lines;
}

/** Whether a point is part of a vector that begins at another one. */
function isInQuad(points: readonly Point[], at: readonly number[], axis: number): boolean {
  const start = at[axis] - (at[axis] % VECTOR_WIDTH);
  const k = points.findIndex((other) =>
    other.at.every((value, a) => value === (a === axis ? start : at[a])),
  );
  return k >= 0 && quadOf(points, k, axis) !== null;
}

/** Numbers of steps along each axis, of all combinations of sides along `axes`; the last axis is innermost. */
export function placesOf(sides: readonly number[], axes: readonly number[]): number[][] {
  let places: number[][] = [sides.map(() => 0)];
  for (const axis of axes)
    places = places.flatMap((place) =>
      Array.from({ length: sides[axis] }, (_, step) => place.with(axis, step)),
    );
  return places;
}
