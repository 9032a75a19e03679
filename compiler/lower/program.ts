import { letterExtents, parseEquation } from '../../ir/einsum.ts';
import type { Graph, Module, ValueId } from '../../ir/graph.ts';
import {
  type Affine,
  type Axis,
  type AxisKind,
  type Combiner,
  constantAffine,
} from '../../ir/kernel.ts';
import { type OpKind, opRow } from '../../ir/ops.ts';
import type { ScheduleTensor } from '../../ir/schedule.ts';
import type { SourceSpan } from '../../ir/source.ts';
import type { Shape } from '../../ir/tensor.ts';
import { axisAffine, flatten, type SplitRequest } from './affine.ts';
import type { KernelDraft } from './draft.ts';
import { AxisSplit, Emitter, type Storage } from './emit.ts';
import { decideStorage } from './storage.ts';
import { type Replacement, writeThrough } from './update.ts';

/** Tensors of the schedule while programs are being lowered; parameters and state are shared by all programs. */
export class TensorTable {
  readonly tensors: ScheduleTensor[] = [];
  readonly persistent = new Map<string, number>();

  constructor(module: Module) {
    for (const { name, type, role, source } of module.parameters) {
      this.persistent.set(name, this.add({ name, ...type, role, program: null, source }));
    }
  }

  add(tensor: ScheduleTensor): number {
    return this.tensors.push(tensor) - 1;
  }
}

/** One program as kernels in an order that is correct when they run one after the other. */
export interface LoweredProgram {
  readonly drafts: readonly KernelDraft[];
  readonly inputs: readonly { readonly name: string; readonly tensor: number }[];
  readonly outputs: readonly { readonly name: string; readonly tensor: number }[];
}

/** Extra coordinates and destination of a kernel's single store. */
interface Destination {
  readonly tensor: number;
  /** Flat index of an element given its coordinates. */
  readonly index: (coordinates: readonly Affine[], axisCount: number) => Affine;
}

const REDUCTIONS: Partial<Record<string, Combiner>> = {
  reduceSum: 'sum',
  reduceMax: 'max',
  reduceMin: 'min',
};

/**
 * Turns a graph into kernels, one per stored value: views and values without memory of their own are computed where
 * they are read. Works on demand from the results, so dead values make no kernels.
 */
export function lowerProgram(graph: Graph, program: number, table: TensorTable): LoweredProgram {
  const { stored } = decideStorage(graph);
  const tensorOf = new Int32Array(graph.nodes.length).fill(-1);
  const drafts: KernelDraft[] = [];
  const inputs: { name: string; tensor: number }[] = [];
  const outputs: { name: string; tensor: number }[] = [];
  const writers: Record<OpKind, (value: ValueId, destination: Destination) => void> = {
    source: elementwise,
    elementwise,
    view: elementwise,
    gather: elementwise,
    contraction,
    reduction,
    scatter,
    concat: parts,
  };
  const storage: Storage = { graph, tensorOf: (value) => tensorOf[value], materialise };

  for (let value = 0; value < graph.nodes.length; value++) {
    const node = graph.nodes[value];
    if (node.op === 'input') {
      tensorOf[value] = addTensor(node.attributes.name, value, 'input');
      inputs.push({ name: node.attributes.name, tensor: tensorOf[value] });
    } else if (node.op === 'parameter') {
      tensorOf[value] = table.persistent.get(node.attributes.name)!;
    }
  }
  for (let value = 0; value < graph.nodes.length; value++) {
    if (stored[value]) materialise(value);
  }
  for (const { name, value } of graph.outputs) outputs.push({ name, tensor: output(name, value) });
  const replacements = update();
  return { drafts: writeThrough(drafts, replacements), inputs, outputs };

  function addTensor(name: string, value: ValueId, role: ScheduleTensor['role']): number {
    const { type, source } = graph.nodes[value];
    return table.add({
      name: `${graph.name}/${name}`,
      ...type,
      role,
      program,
      source: graph.sources[source] ?? null,
    });
  }

  function materialise(value: ValueId): number {
    if (tensorOf[value] < 0) {
      const tensor = addTensor(`${graph.nodes[value].op}.${value}`, value, 'activation');
      fill(value, tensor);
      tensorOf[value] = tensor;
    }
    return tensorOf[value];
  }

  /** A tensor that only the caller reads: results stay whatever the program does with the value afterwards. */
  function output(name: string, value: ValueId): number {
    const tensor = addTensor(name, value, 'output');
    write(value, rowMajor(tensor, graph.nodes[value].type.shape), true);
    return tensor;
  }

  /** New values of parameters and state are finished first and copied last, so that every kernel reads the old ones. */
  function update(): Replacement[] {
    const replacements: Replacement[] = [];
    for (const { parameter, value } of graph.updates) {
      const tensor = table.persistent.get(parameter)!;
      let temporary = materialise(value);
      if (temporary === tensor) continue;
      if (table.tensors[temporary].program === null) {
        // The old value of another parameter: keep it aside before anything is replaced.
        const aside = addTensor(`old.${value}.${tensor}`, value, 'activation');
        drafts.push(copyDraft(temporary, aside, value));
        temporary = aside;
      }
      replacements.push({ temporary, tensor, value });
    }
    for (const { temporary, tensor, value } of replacements)
      drafts.push(copyDraft(temporary, tensor, value));
    return replacements;
  }

  function copyDraft(from: number, to: number, value: ValueId): KernelDraft {
    const { shape, dtype } = graph.nodes[value].type;
    const axes = parallelAxes(shape);
    const index = flatten(identity(axes), shape, axes.length);
    return {
      axes,
      nodes: [{ kind: 'load', dtype, buffer: from, index, bounds: [] }],
      reduction: null,
      stores: [{ buffer: to, index, value: 0, accumulate: false }],
      ops: ['copy'],
      source: spanOf(value),
    };
  }

  function spanOf(value: ValueId): SourceSpan | null {
    return graph.sources[graph.nodes[value].source] ?? null;
  }

  function fill(value: ValueId, tensor: number): void {
    write(value, rowMajor(tensor, graph.nodes[value].type.shape), false);
  }

  /** Appends the kernels that compute `value` into `destination`; with `copy`, a value that has memory of its own is copied from there. */
  function write(value: ValueId, destination: Destination, copy: boolean): void {
    const node = graph.nodes[value];
    if (copy && (tensorOf[value] >= 0 || stored[value])) {
      materialise(value);
      elementwise(value, destination);
      return;
    }
    writers[opRow(node.op).kind](value, destination);
  }

  /** Builds one kernel, cutting axes as its expressions ask for it. */
  function build(
    value: ValueId,
    initial: readonly Axis[],
    destination: Destination,
    body: (
      emitter: Emitter,
      coordinates: readonly Affine[],
      axisCount: number,
    ) => { result: number; reduction: KernelDraft['reduction']; store: readonly Affine[] },
  ): void {
    const splits: SplitRequest[] = [];
    for (;;) {
      const { axes, coordinates } = applySplits(initial, splits);
      const emitter = new Emitter(storage, axes);
      try {
        const { result, reduction, store } = body(emitter, coordinates, axes.length);
        const index = destination.index(store, axes.length);
        emitter.ops.add(graph.nodes[value].op);
        drafts.push({
          axes,
          nodes: emitter.list.nodes,
          reduction,
          stores: [{ buffer: destination.tensor, index, value: result, accumulate: false }],
          ops: [...emitter.ops],
          source: spanOf(value),
        });
        return;
      } catch (error) {
        if (!(error instanceof AxisSplit)) throw error;
        splits.push(error.request);
      }
    }
  }

  function elementwise(value: ValueId, destination: Destination): void {
    build(
      value,
      parallelAxes(graph.nodes[value].type.shape),
      destination,
      (emitter, coordinates) => {
        const result =
          tensorOf[value] >= 0
            ? emitter.emit(value, coordinates)
            : emitter.compute(value, { coordinates, bounds: [] });
        return { result, reduction: null, store: coordinates };
      },
    );
  }

  function reduction(value: ValueId, destination: Destination): void {
    const node = graph.nodes[value];
    const { axes: reduced } = node.attributes as { axes: readonly number[] };
    const [operand] = node.operands;
    const { shape } = graph.nodes[operand].type;
    const kept = shape.map((_, axis) => axis).filter((axis) => !reduced.includes(axis));
    const order = [...kept, ...reduced];
    const axes = order.map(
      (axis, k): Axis => ({ extent: shape[axis], kind: k < kept.length ? 'parallel' : 'reduced' }),
    );
    build(value, axes, destination, (emitter, coordinates) => {
      const place = new Array<Affine>(shape.length);
      order.forEach((axis, k) => {
        place[axis] = coordinates[k];
      });
      const element = emitter.emit(operand, place);
      return {
        ...accumulate(emitter, REDUCTIONS[node.op]!, element),
        store: coordinates.slice(0, kept.length),
      };
    });
  }

  function accumulate(emitter: Emitter, combiner: Combiner, value: number) {
    const { dtype } = emitter.list.nodes[value];
    const result = emitter.list.add({ kind: 'accumulator', dtype });
    return { result, reduction: { combiner, value } };
  }

  function contraction(value: ValueId, destination: Destination): void {
    const node = graph.nodes[value];
    const equation = parseEquation((node.attributes as { equation: string }).equation);
    if ('reason' in equation) throw new Error(`unverified graph: ${equation.reason}`);
    const extents = letterExtents(
      equation,
      node.operands.map((operand) => graph.nodes[operand].type.shape),
    ) as Map<string, number>;
    const letters = [
      ...equation.output,
      ...[...extents.keys()].filter((letter) => !equation.output.includes(letter)),
    ];
    const axes = letters.map(
      (letter, k): Axis => ({
        extent: extents.get(letter)!,
        kind: k < equation.output.length ? 'parallel' : 'reduced',
      }),
    );
    const sums = axes.some((axis) => axis.kind === 'reduced');
    build(value, axes, destination, (emitter, coordinates) => {
      const factors = node.operands.map((operand, i) => {
        const place = [...equation.operands[i]].map(
          (letter) => coordinates[letters.indexOf(letter)],
        );
        return plainLoad(emitter, operand, place);
      });
      const product = factors.reduce((left, right) =>
        emitter.list.add({ kind: 'apply', dtype: 'f32', op: 'mul', operands: [left, right] }),
      );
      const store = coordinates.slice(0, equation.output.length);
      return sums
        ? { ...accumulate(emitter, 'sum', product), store }
        : { result: product, reduction: null, store };
    });
  }

  /** A contraction reads its operands many times: they must be plain loads, else they are computed into memory first. */
  function plainLoad(emitter: Emitter, operand: ValueId, place: readonly Affine[]): number {
    const result = emitter.emit(operand, place);
    const node = emitter.list.nodes[result];
    if (node.kind === 'load' && node.bounds.length === 0 && !node.indirect) return result;
    materialise(operand);
    return emitter.emit(operand, place);
  }

  /** Rows are zeroed, then added to one by one: a fixed order, so the sums are the same in every run. */
  function scatter(value: ValueId, destination: Destination): void {
    const node = graph.nodes[value];
    const [updates, indices] = node.operands;
    const { shape } = graph.nodes[updates].type;
    const rank = graph.nodes[indices].type.shape.length;
    const { rows } = node.attributes as { rows: number };
    const trailing = shape.slice(rank);
    const zeroAxes = parallelAxes(node.type.shape);
    drafts.push({
      axes: zeroAxes,
      nodes: [{ kind: 'constant', dtype: 'f32', value: 0 }],
      reduction: null,
      stores: [
        {
          buffer: destination.tensor,
          index: destination.index(identity(zeroAxes), zeroAxes.length),
          value: 0,
          accumulate: false,
        },
      ],
      ops: ['zero'],
      source: spanOf(value),
    });
    const extents = [...trailing, ...shape.slice(0, rank)];
    const axes = extents.map(
      (extent, k): Axis => ({ extent, kind: k < trailing.length ? 'parallel' : 'sequential' }),
    );
    const emitter = new Emitter(storage, axes);
    const coordinates = identity(axes);
    const place = [...coordinates.slice(trailing.length), ...coordinates.slice(0, trailing.length)];
    const row = emitAligned(emitter, indices, place.slice(0, rank));
    const update = emitAligned(emitter, updates, place);
    const zero = constantAffine(0, axes.length);
    const first = destination.index([zero, ...coordinates.slice(0, trailing.length)], axes.length);
    const unit = destination.index(
      [{ ...zero, offset: 1 }, ...coordinates.slice(0, trailing.length)],
      axes.length,
    );
    drafts.push({
      axes,
      nodes: emitter.list.nodes,
      reduction: null,
      stores: [
        {
          buffer: destination.tensor,
          index: first,
          indirect: { node: row, stride: unit.offset - first.offset, extent: rows },
          value: update,
          accumulate: true,
        },
      ],
      ops: [...emitter.ops, 'scatterAdd'],
      source: spanOf(value),
    });
  }

  /** Scatters do not cut axes: what would need it is stored first. */
  function emitAligned(emitter: Emitter, operand: ValueId, place: readonly Affine[]): number {
    try {
      return emitter.emit(operand, place);
    } catch (error) {
      if (!(error instanceof AxisSplit)) throw error;
      materialise(operand);
      return emitter.emit(operand, place);
    }
  }

  /** Each part of a stored concatenation is written straight into its range. */
  function parts(value: ValueId, destination: Destination): void {
    const node = graph.nodes[value];
    const { axis } = node.attributes as { axis: number };
    let start = 0;
    for (const operand of node.operands) {
      const offset = start;
      write(
        operand,
        {
          tensor: destination.tensor,
          index: (coordinates, axisCount) =>
            destination.index(
              coordinates.map((c, k) => (k === axis ? { ...c, offset: c.offset + offset } : c)),
              axisCount,
            ),
        },
        true,
      );
      start += graph.nodes[operand].type.shape[axis];
    }
  }
}

function rowMajor(tensor: number, shape: Shape): Destination {
  return { tensor, index: (coordinates, axisCount) => flatten(coordinates, shape, axisCount) };
}

function parallelAxes(shape: Shape): Axis[] {
  return shape.map((extent) => ({ extent, kind: 'parallel' as AxisKind }));
}

function identity(axes: readonly Axis[]): Affine[] {
  return axes.map((_, axis) => axisAffine(axis, axes.length));
}

/** Axes after a series of cuts, and the original axes' indices in terms of them. */
function applySplits(
  initial: readonly Axis[],
  splits: readonly SplitRequest[],
): { axes: readonly Axis[]; coordinates: readonly Affine[] } {
  let axes = initial;
  let coordinates = identity(initial);
  for (const { axis, inner } of splits) {
    const { extent, kind } = axes[axis];
    axes = axes.toSpliced(axis, 1, { extent: extent / inner, kind }, { extent: inner, kind });
    coordinates = coordinates.map((c) => ({
      offset: c.offset,
      coefficients: c.coefficients.toSpliced(
        axis,
        1,
        c.coefficients[axis] * inner,
        c.coefficients[axis],
      ),
    }));
  }
  return { axes, coordinates };
}
