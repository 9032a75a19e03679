import type { Axis, Kernel } from '../../../ir/kernel.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import type { Dialect, ModuleParts } from './dialect.ts';
import { libraryText, type Writer } from './writer.ts';

export type Grid = [number, number, 1];

/** A module for one kernel and the number of workgroups to dispatch. */
export interface GpuModule {
  readonly code: string;
  readonly grid: Grid;
}

/** Puts the body of an invocation into a module, with all that it needs. */
export function assembleModule(
  kernel: Kernel,
  writer: Writer,
  parts: Pick<ModuleParts, 'body' | 'workgroupSize'> &
    Partial<Pick<ModuleParts, 'workgroupArrays' | 'functions' | 'exchanges' | 'matrices'>> & {
      readonly groups: number;
    },
  limits: TargetLimits,
): GpuModule {
  const grid = foldGrid(parts.groups, limits.maxWorkgroupsPerDimension);
  const code = writer.dialect.module({
    buffers: kernel.buffers.map(({ dtype, access }, i) => ({
      ...{ dtype, access },
      quads: writer.quads.has(i),
    })),
    library: libraryText(writer),
    workgroupArrays: parts.workgroupArrays ?? [],
    functions: parts.functions ?? [],
    body: parts.body,
    workgroupSize: parts.workgroupSize,
    grid,
    exchanges: parts.exchanges ?? false,
    matrices: parts.matrices ?? false,
  });
  return { code, grid };
}

/** Two dimensions that hold at least `groups` workgroups; the kernel skips those behind the end. */
export function foldGrid(groups: number, most: number): Grid {
  if (groups <= most) return [groups, 1, 1];
  const rows = Math.ceil(groups / most);
  return [Math.ceil(groups / rows), rows, 1];
}

/** Whether a folded grid has more workgroups than asked for. */
export function gridOvershoots(groups: number, most: number): boolean {
  const [x, y] = foldGrid(groups, most);
  return x * y > groups;
}

/**
 * Statements that recover the indices of `axes` (numbers into `all`, outermost first) from the row-major
 * number `linear`, a name, and the expressions of the indices by axis.
 */
export function decompose(
  { constant, digit }: Dialect,
  all: readonly Axis[],
  axes: readonly number[],
  linear: string,
  prefix = 'i',
): { lines: string[]; names: (string | null)[] } {
  const names = new Array<string | null>(all.length).fill(null);
  const lines: string[] = [];
  let stride = 1;
  for (let position = axes.length - 1; position >= 0; position--) {
    const axis = axes[position];
    const { extent } = all[axis];
    if (axes.length === 1) names[axis] = linear;
    else {
      names[axis] = `${prefix}${axis}`;
      const index = digit(linear, stride, position === 0 ? null : extent);
      lines.push(constant('index', names[axis], index));
    }
    stride *= extent;
  }
  return { lines, names };
}
