import type { Graph } from '../../ir/graph.ts';
import { encodeSafetensors } from '../../ir/safetensors.ts';
import { type Diagnostic, deduplicate, diagnostic } from '../diagnostics.ts';
import { writeModule } from '../interchange/stablehlo/module.ts';
import { batchInputs } from '../micro-batch/index.ts';
import { exportedProgram } from './export-graph.ts';
import type { StableHloOptions, StableHloResult } from './export-options.ts';
import type { ModelSource } from './result.ts';

/** Axis of the mesh along which the batch is split. */
const BATCH = 'batch';

/** The API's. */
export async function exportStableHlo(
  source: ModelSource,
  options: StableHloOptions = {},
): Promise<StableHloResult> {
  const diagnostics: Diagnostic[] = [];
  const failed = (): StableHloResult => ({
    ...{ text: null, manifest: null, parameters: null },
    diagnostics: deduplicate(diagnostics),
  });
  const devices = options.mesh?.batch ?? null;
  if (devices !== null && !(Number.isSafeInteger(devices) && devices >= 1)) {
    diagnostics.push(diagnostic(5148, null, { given: String(devices) }));
    return failed();
  }
  const exported = await exportedProgram(
    source,
    options,
    ({ traced: { programs } }) =>
      (programs.find(({ training }) => training) ?? programs[0]).graph.name,
    diagnostics,
  );
  if (!exported) return failed();
  const { module, program, values } = exported;
  const splits = devices === null ? new Map() : splitInputs(program, devices);
  if (!(splits instanceof Map)) {
    diagnostics.push(splits);
    return failed();
  }
  const mesh = devices === null ? null : { axis: BATCH, size: devices };
  const types = new Map(module.parameters.map(({ name, type }) => [name, type]));
  const parameters = encodeSafetensors(
    [...values].map(([name, data]) => [name, { ...types.get(name)!, data: data() }]),
  );
  const written = writeModule(module, program, mesh, splits);
  return { ...written, parameters, diagnostics: deduplicate(diagnostics) };
}

/** By input with a batch: its axis. The batch is the first extent that inputs share and the devices divide. */
function splitInputs(program: Graph, devices: number): Map<string, number> | Diagnostic {
  const groups = batchInputs(program);
  const { name } = program;
  if (groups.length === 0) return diagnostic(5142, null, { program: name });
  const found = groups.find(({ extent }) => extent % devices === 0);
  return found
    ? new Map(found.names.map((input) => [input, 0]))
    : diagnostic(5141, null, { program: name, batch: groups[0].extent, devices });
}
