import { workingMemory } from '../../ir/kernel-stage.ts';
import type { ScheduleTensor } from '../../ir/schedule.ts';
import { byteCount } from '../../ir/tensor.ts';
import type { ProgramAccess, StepAccess } from '../liveness/access.ts';
import { mayShare, overwritable } from '../liveness/alias-classes.ts';
import { alignUp } from '../liveness/lifetimes.ts';
import type { LoopNest } from './loop-nest.ts';
import { perShape, shapeOf } from './nest-shape.ts';
import { loadsOf, storesOf } from './sequence.ts';

/** Says what nests do to memory; bytes are rounded up to `alignment`. */
export class LoopNestMemory {
  private readonly tensors: readonly ScheduleTensor[];
  private readonly inputs: readonly number[];
  /** By tensor, as they are asked for. */
  private readonly bytes: number[] = [];
  private readonly alignment: number;

  constructor(tensors: readonly ScheduleTensor[], inputs: readonly number[], alignment: number) {
    this.tensors = tensors;
    this.inputs = inputs;
    this.alignment = alignment;
  }

  programUse(nests: readonly LoopNest[]): ProgramAccess {
    return {
      steps: nests.map((nest) => this.stepUse(nest)),
      inputs: this.inputs,
      bytesOf: (tensor) => {
        this.bytes[tensor] ??= this.countBytes(tensor);
        return this.bytes[tensor];
      },
      isOutput: (tensor) => this.isOutput(tensor),
    };
  }

  /** What the kernel of a loop nest will do. */
  stepUse(nest: LoopNest): StepAccess {
    const { derived } = shapeOf(nest);
    if (derived.use?.by !== this) derived.use = { by: this, access: this.readUse(nest) };
    return derived.use.access;
  }

  private readUse(nest: LoopNest): StepAccess {
    const { shape, tensors } = shapeOf(nest);
    const pairs = overwritableOfShape(shape);
    const writes = [...storesOf(nest)];
    writes.push(...workingMemory(nest));
    return {
      reads: [...loadsOf(nest)],
      writes,
      pairs: pairs
        .map(({ read, written }) => ({ from: tensors[read], to: tensors[written] }))
        .filter((pair) => mayShare(this.tensors, pair, (tensor) => this.isOutput(tensor))),
    };
  }

  private countBytes(tensor: number): number {
    const type = this.tensors[tensor];
    return type.program === null ? 0 : alignUp(byteCount(type), this.alignment);
  }

  private isOutput(tensor: number): boolean {
    return this.tensors[tensor].role === 'output';
  }
}

const overwritableOfShape = perShape((nest) => {
  const [reads, writes] = [loadsOf(nest), storesOf(nest)];
  return overwritable(
    nest,
    [...reads].filter((tensor) => !writes.has(tensor)),
    [...writes].filter((tensor) => !reads.has(tensor)),
  );
});
