import type { Axis, AxisKind, Kernel } from '../../../ir/kernel.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { type Helper, helperText } from './helpers.ts';

export type Grid = readonly [number, number, number];

export interface WgslModule {
  readonly wgsl: string;
  readonly grid: [number, number, number];
}

/**
 * Puts the body of `main` into a module: bindings, helpers, other declarations and the entry point. The body sees the
 * number of its workgroup as `group` and of its invocation in the workgroup as `local`, both i32.
 */
export function assembleModule(
  kernel: Kernel,
  helpers: ReadonlySet<Helper>,
  parts: {
    readonly body: readonly string[];
    readonly declarations?: readonly string[];
    readonly workgroupSize: number;
    readonly groups: number;
  },
  limits: TargetLimits,
): WgslModule {
  const grid = foldGrid(parts.groups, limits.maxWorkgroupsPerDimension);
  // Bindings of one slab must all be read_write, whatever the kernel does with them.
  const bindings = kernel.buffers.map(
    ({ dtype }, i) => `@group(0) @binding(${i}) var<storage, read_write> b${i}: array<${dtype}>;\n`,
  );
  const group = grid[1] === 1 ? 'group_id.x' : `group_id.x + group_id.y * ${grid[0]}u`;
  const wgsl = `${bindings.join('')}${helperText(helpers)}${(parts.declarations ?? [])
    .map((line) => `${line}\n`)
    .join('')}@compute @workgroup_size(${parts.workgroupSize})
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(local_invocation_index) local_id: u32) {
  let group = i32(${group});
  let local = i32(local_id);
${indent(parts.body)}
}
`;
  return { wgsl, grid };
}

/** Two dimensions that hold at least `groups` workgroups; the kernel skips those behind the end. */
export function foldGrid(groups: number, most: number): [number, number, number] {
  if (groups <= most) return [groups, 1, 1];
  const rows = Math.ceil(groups / most);
  return [Math.ceil(groups / rows), rows, 1];
}

/** Whether a folded grid has more workgroups than asked for. */
export function gridOvershoots(groups: number, most: number): boolean {
  const [x, y] = foldGrid(groups, most);
  return x * y > groups;
}

/** Two spaces more for each open brace. */
export function indent(lines: readonly string[], depth = 1): string {
  let level = depth;
  const out: string[] = [];
  for (const line of lines.flatMap((text) => text.split('\n'))) {
    if (line.startsWith('}')) level--;
    out.push('  '.repeat(level) + line);
    if (line.endsWith('{')) level++;
  }
  return out.join('\n');
}

export function axesOfKind(kernel: Kernel, kind: AxisKind): number[] {
  return kernel.axes.flatMap((axis, index) => (axis.kind === kind ? [index] : []));
}

/**
 * Statements that recover the indices of `axes` (numbers into `all`, outermost first) from the row-major
 * number `linear`, a name, and the expressions of the indices by axis.
 */
export function decompose(
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
    if (axes.length === 1) names[axis] = linear;
    else {
      // Unsigned division by a constant is a multiplication and a shift.
      const quotient = stride === 1 ? `u32(${linear})` : `u32(${linear}) / ${stride}u`;
      const index = position === 0 ? quotient : `${quotient} % ${all[axis].extent}u`;
      names[axis] = `${prefix}${axis}`;
      lines.push(`let ${prefix}${axis} = i32(${index});`);
    }
    stride *= all[axis].extent;
  }
  return { lines, names };
}
