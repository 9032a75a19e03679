import type { NodeOf, ValueId } from '../../ir/graph.ts';
import { type OpKind, opRow } from '../../ir/ops.ts';
import { elementCount } from '../../ir/tensor.ts';
import { flatten, shiftAffine } from './affine.ts';
import { behindReshapes } from './concat-aliases.ts';
import { type Destination, identity, parallelAxes } from './destination.ts';
import type { Storage } from './emit.ts';
import { KernelBuilder } from './kernel-builder.ts';
import { type LoopNest, valueOrigins } from './loop-nest.ts';
import { writeContraction, writeReduction } from './reduction-writers.ts';
import { writeScatter } from './scatter.ts';

/** Appends kernels that compute values, by kind of op. */
export class KernelWriter {
  private readonly storage: Storage;
  private readonly builder: KernelBuilder;

  constructor(storage: Storage, nests: LoopNest[]) {
    this.storage = storage;
    this.builder = new KernelBuilder(storage, nests);
  }

  /** Appends the kernels that compute `value` into `destination`. */
  write(value: ValueId, destination: Destination): void {
    const writers: Record<OpKind, () => void> = {
      source: () => this.elementwise(value, destination),
      elementwise: () => this.elementwise(value, destination),
      view: () => this.elementwise(value, destination),
      gather: () => this.elementwise(value, destination),
      contraction: () => writeContraction(this.builder, value, destination),
      reduction: () =>
        writeReduction(this.builder, value, destination, (operand, place) =>
          this.writeOrCopy(operand, place),
        ),
      scatter: () => writeScatter(this.storage, this.builder.nests, value, destination),
      concat: () => this.parts(value, destination),
    };
    writers[opRow(this.builder.node(value).op).kind]();
  }

  /** As {@link write}, but a value that has memory of its own is copied from there. */
  writeOrCopy(value: ValueId, destination: Destination): void {
    if (this.storage.isStored(value)) {
      this.storage.materialise(value);
      this.elementwise(value, destination);
    } else this.write(value, destination);
  }

  /** One tensor to another, both of the type of `value`. */
  copy(from: number, to: number, value: ValueId): void {
    const { shape, dtype } = this.builder.node(value).type;
    const axes = parallelAxes(shape);
    const index = flatten(identity(axes), shape, axes.length);
    this.builder.nests.push({
      axes,
      nodes: [{ kind: 'load', dtype, buffer: from, index, bounds: [] }],
      reductions: [],
      stores: [{ buffer: to, index, value: 0, accumulate: false }],
      ops: ['copy'],
      origins: valueOrigins(this.storage.graph, value),
    });
  }

  private elementwise(value: ValueId, destination: Destination): void {
    const axes = parallelAxes(this.builder.shape(value));
    this.builder.build(value, axes, destination, (emitter, coordinates) => {
      const result =
        this.storage.tensorOf(value) >= 0
          ? emitter.emit(value, coordinates)
          : emitter.compute(value, { coordinates, bounds: [] });
      return { result, reductions: [], coordinates };
    });
  }

  /** Each part of a stored concatenation is written straight into its range; some live there already. */
  private parts(value: ValueId, destination: Destination): void {
    const { operands, attributes } = this.builder.node(value) as NodeOf<'concat'>;
    const { axis } = attributes;
    let start = 0;
    let elements = 0;
    for (const operand of operands) {
      const base = behindReshapes(this.storage.graph, operand);
      const alias = this.storage.aliasOf(base);
      if (alias?.concat === value && alias.offset === elements) this.storage.materialise(base);
      else this.writeOrCopy(operand, partOf(destination, axis, start));
      start += this.builder.shape(operand)[axis];
      elements += elementCount(this.builder.shape(operand));
    }
  }
}

function partOf(destination: Destination, axis: number, start: number): Destination {
  return {
    tensor: destination.tensor,
    index: (coordinates, axisCount) =>
      destination.index(
        coordinates.map((c, k) => (k === axis ? shiftAffine(c, start) : c)),
        axisCount,
      ),
  };
}
