import type { Kernel } from '../../../ir/kernel.ts';
import { blockKernel, firstKernel, foldKernel, lastKernel } from './column-kernels.ts';
import { BLOCKS, type ColumnPlan, type OpenAxis, openAxes, ROWS } from './columns.ts';
import { type FunctionBody, get, integer } from './function-body.ts';
import { KernelWriter } from './kernel-writer.ts';
import { type Parts, writePart } from './parts.ts';
import { planNest } from './plan-nest.ts';

/** Steps of the outermost loop. */
export function columnParts(kernel: Kernel, plan: ColumnPlan): number {
  return openAxes(kernel, plan, true)[0].extent;
}

/** The loops of a reduction row by row, with what is done in each. */
export function writeColumns(
  kernel: Kernel,
  plan: ColumnPlan,
  body: FunctionBody,
  parts: Parts | null,
): void {
  const scratch = kernel.scratch!;
  const points = openAxes(kernel, plan, true);
  const all = openAxes(kernel, plan, false);
  const { extent } = kernel.axes[plan.rows];
  const rest = extent % ROWS;
  const count = body.assign('i32', 'count', integer(0));
  const foldEach = (locals: readonly string[], level: number): void => {
    if (level + 1 >= plan.levels) return;
    const blocks = BLOCKS.slice(0, level + 1).reduce((product, each) => product * each, 1);
    body.push(`(if (i32.eqz (i32.rem_u ${get(count)} ${integer(blocks)})) (then`);
    run(body, foldKernel(kernel, plan, scratch, points, level), locals.slice(0, points.length));
    foldEach(locals, level + 1);
    body.push('))');
  };
  const counted = (locals: readonly string[]) => {
    body.push(`(local.set ${count} (i32.add ${get(count)} ${integer(1)}))`);
    foldEach(locals, 0);
  };
  const write = (locals: readonly string[], range: Parts | null = null): void => {
    walk(body, points, locals, range, (at) => {
      body.push(`(local.set ${count} ${integer(0)})`);
      run(body, firstKernel(kernel, plan, scratch, points), at);
      walk(body, all.slice(points.length, -1), at, null, (around) => {
        walk(body, all.slice(-1), around, null, (inside) => {
          run(body, blockKernel(kernel, plan, scratch, all, 0, ROWS), inside);
          counted(inside);
        });
        if (rest > 0) {
          run(
            body,
            blockKernel(kernel, plan, scratch, all.slice(0, -1), extent - rest, rest),
            around,
          );
          counted(around);
        }
      });
      run(body, lastKernel(kernel, plan, scratch, points), at);
    });
  };
  if (parts) writePart(body, parts, true, () => write([], parts));
  else write([]);
}

/** Loops around what `inside` writes, given the locals of the loops around it and of these. */
function walk(
  body: FunctionBody,
  [axis, ...more]: readonly OpenAxis[],
  locals: readonly string[],
  range: Parts | null,
  inside: (locals: readonly string[]) => void,
): void {
  if (!axis) {
    inside(locals);
    return;
  }
  const [first, end] = range ? [range.from, range.to] : [integer(0), integer(axis.extent)];
  const local = body.assign('i32', 'i', first);
  const label = body.label();
  body.push(`(loop ${label}`);
  walk(body, more, [...locals, local], null, inside);
  const next = `(local.tee ${local} (i32.add ${get(local)} ${integer(1)}))`;
  body.push(`(br_if ${label} (i32.ne ${next} ${end})))`);
}

/** A derived kernel, whose first axes are the open loops. */
function run(body: FunctionBody, kernel: Kernel, locals: readonly string[]): void {
  const open = locals.length;
  const writer = new KernelWriter(kernel, planNest(kernel, open), body, null, open);
  locals.forEach((local, axis) => {
    writer.cursor.stand(axis, local);
  });
  for (let level = -1; level < open - 1; level++) writer.evaluateLevel(level, () => true);
  writer.levelBody(open - 1);
}
