import type { Kernel } from '../../../ir/kernel.ts';
import { isStaged, partList, type StagedKernel, tileParts } from '../../../ir/kernel-stage.ts';
import { belowMaxima } from './below-maxima.ts';
import { columnParts, writeColumns } from './column-text.ts';
import { coverTogether } from './cursor.ts';
import { bufferLocal, FunctionBody } from './function-body.ts';
import { KernelWriter } from './kernel-writer.ts';
import { segmentsOf } from './nest.ts';
import { panelParts, writePanels } from './panel-text.ts';
import { nestParts, PART_PARAMETERS, type Parts, partsOf, writePart } from './parts.ts';
import { planNest } from './plan-nest.ts';
import { arraysInResults } from './result-arrays.ts';
import { byReciprocals } from './row-shares.ts';
import { workingForm } from './working-form.ts';

/** A kernel as a WebAssembly function. */
export interface KernelFunction {
  readonly text: string;
  /** Parts that a run may be cut into. If there are several, the function takes the first and the one behind the last. */
  readonly parts: number;
}

/** The function `$name` that runs `kernel`, exported as `name`. */
export function kernelText(kernel: Kernel, name: string): KernelFunction {
  const body = new FunctionBody();
  const { parts, write } = codeOf(kernel, body);
  const range = partsOf(parts);
  write(range);
  const parameters = kernel.buffers.map((_, i) => `(param ${bufferLocal(i)} i32)`);
  if (range) parameters.push(PART_PARAMETERS);
  return { text: body.text(name, parameters.join(' ')), parts };
}

const NO_FORM = { panels: null, columns: null };

interface Code {
  readonly parts: number;
  readonly write: (parts: Parts | null) => void;
}

function codeOf(kernel: Kernel, body: FunctionBody): Code {
  if (isStaged(kernel)) {
    const parts = kernel.staging.tileAxes > 0 ? kernel.axes[0].extent : 1;
    return { parts, write: (range) => writeStaged(kernel, body, range) };
  }
  const { panels, columns } = kernel.scratch === undefined ? NO_FORM : workingForm(kernel);
  if (columns)
    return {
      parts: columnParts(kernel, columns),
      write: (range) => writeColumns(kernel, columns, body, range),
    };
  if (panels)
    return {
      parts: panelParts(panels),
      write: (range) => writePanels(kernel, panels, body, range),
    };
  const nest = planNest(kernel);
  return {
    parts: nestParts(kernel, nest),
    write: (range) => new KernelWriter(kernel, nest, body, range).levelBody(-1),
  };
}

/** The parts share the loops over the tiles, and have loops of their own inside. */
function writeStaged(kernel: StagedKernel, body: FunctionBody, parts: Parts | null): void {
  const { tileAxes, tileTerms, stages } = kernel.staging;
  if (tileTerms > 0) throw new Error(`kernel '${kernel.name}' has a sum over tiles`);
  const holders = stages.map(({ local }) => {
    if (local.buffer === null)
      throw new Error(`kernel '${kernel.name}' has no binding for the array of a stage`);
    return local.buffer;
  });
  const apart = byReciprocals(partList(tileParts(kernel, holders)));
  const below = belowMaxima(apart);
  const split = arraysInResults(kernel, apart, holders);
  const writers = split.map(
    (part, k) => new KernelWriter(part, planNest(part, tileAxes), body, null, tileAxes, below[k]),
  );
  const tileLevel = (level: number): void => {
    if (level === tileAxes - 1) {
      for (const writer of writers) writer.levelBody(level);
      return;
    }
    for (const writer of writers) writer.evaluateLevel(level, () => true);
    const axis = level + 1;
    const [segment] = segmentsOf(kernel.axes[axis].extent, 1, false);
    const range = axis === 0 ? parts : null;
    const write = () =>
      coverTogether(
        body,
        writers.map(({ cursor }) => cursor),
        axis,
        segment,
        () => tileLevel(axis),
        range ? { range } : {},
      );
    if (range) writePart(body, range, true, write);
    else write();
  };
  tileLevel(-1);
}
