import type { Kernel } from '../../../ir/kernel.ts';
import { isStaged, type StagedKernel, tileHalves } from '../../../ir/kernel-stage.ts';
import { coverTogether } from './cursor.ts';
import { bufferLocal, FunctionBody } from './function-body.ts';
import { KernelWriter } from './kernel-writer.ts';
import { segmentsOf } from './nest.ts';
import { planPanels } from './panel-plan.ts';
import { writePanels } from './panel-text.ts';
import { planNest } from './plan-nest.ts';

// A kernel as a WebAssembly function. Each loop step covers a tile of points. A node is evaluated
// once for all points of the tile that agree on the axes it depends on, at the outermost loop where
// these are known.

/** The function `$name` that runs `kernel`, exported as `name`. */
export function kernelText(kernel: Kernel, name: string): string {
  const body = new FunctionBody();
  const panels = kernel.scratch === undefined ? null : planPanels(kernel);
  if (isStaged(kernel)) writeStaged(kernel, body);
  else if (panels) writePanels(kernel, panels, body);
  else new KernelWriter(kernel, planNest(kernel), body).levelBody(-1);
  const parameters = kernel.buffers.map((_, i) => `(param ${bufferLocal(i)} i32)`).join(' ');
  return body.text(name, parameters);
}

/** Both halves share the loops over the tiles, and have loops of their own inside. */
function writeStaged(kernel: StagedKernel, body: FunctionBody): void {
  const { tileAxes, local } = kernel.stage;
  if (local.buffer === null)
    throw new Error(`kernel '${kernel.name}' has no binding for the array of its stage`);
  const { stage, body: rest } = tileHalves(kernel, local.buffer);
  const writers = [stage, rest].map(
    (half) => new KernelWriter(half, planNest(half, tileAxes), body),
  );
  const tileLevel = (level: number): void => {
    if (level === tileAxes - 1) {
      for (const writer of writers) writer.levelBody(level);
      return;
    }
    for (const writer of writers) writer.evaluateLevel(level, () => true);
    const axis = level + 1;
    const [segment] = segmentsOf(kernel.axes[axis].extent, 1, false);
    coverTogether(
      body,
      writers.map(({ cursor }) => cursor),
      axis,
      segment,
      () => tileLevel(axis),
    );
  };
  tileLevel(-1);
}
