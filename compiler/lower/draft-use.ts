import type { ScheduleTensor } from '../../ir/schedule.ts';
import { byteCount } from '../../ir/tensor.ts';
import { overwritable } from '../memory/in-place.ts';
import { alignUp } from '../memory/liveness.ts';
import type { ProgramUse, StepUse } from '../memory/step-use.ts';
import type { KernelDraft } from './draft.ts';
import { loadsOf, storesOf } from './sequence.ts';

/** Says what drafts do to memory; bytes are rounded up to `alignment`. */
export class DraftMemory {
  private readonly tensors: readonly ScheduleTensor[];
  private readonly inputs: readonly number[];
  private readonly alignment: number;

  constructor(tensors: readonly ScheduleTensor[], inputs: readonly number[], alignment: number) {
    this.tensors = tensors;
    this.inputs = inputs;
    this.alignment = alignment;
  }

  programUse(drafts: readonly KernelDraft[]): ProgramUse {
    return {
      steps: drafts.map((draft) => this.stepUse(draft)),
      inputs: this.inputs,
      bytesOf: (tensor) => {
        const { program, shape } = this.tensors[tensor];
        return program === null ? 0 : alignUp(byteCount(shape), this.alignment);
      },
      isOutput: (tensor) => this.tensors[tensor].role === 'output',
    };
  }

  /** What the kernel of a draft will do. */
  stepUse(draft: KernelDraft): StepUse {
    const reads = loadsOf(draft);
    const writes = storesOf(draft);
    const pairs = overwritable(
      draft,
      [...reads].filter((tensor) => !writes.has(tensor)),
      [...writes].filter((tensor) => !reads.has(tensor)),
    );
    const holder = draft.stage?.local.buffer ?? null;
    if (holder !== null) writes.add(holder);
    return {
      reads: [...reads],
      writes: [...writes],
      pairs: pairs
        .filter(({ read, written }) => this.sharable(read, written))
        .map(({ read, written }) => ({ from: read, to: written })),
    };
  }

  private sharable(from: number, to: number): boolean {
    const [source, target] = [this.tensors[from], this.tensors[to]];
    return (
      source.program !== null &&
      target.program !== null &&
      source.role !== 'output' &&
      source.dtype === target.dtype &&
      byteCount(source.shape) === byteCount(target.shape)
    );
  }
}
