import { type Diagnostic, deduplicate, diagnostic } from '../diagnostics.ts';
import { writeModel } from '../interchange/onnx-export/model.ts';
import { PRODUCER } from '../version.ts';
import { exportedProgram } from './export-graph.ts';
import type { ExportOptions, OnnxResult } from './export-options.ts';
import type { ModuleState } from './module-state.ts';
import type { ModelSource } from './result.ts';

const PREDICT = 'predict';

/** The API's. */
export async function exportOnnx(
  source: ModelSource,
  options: ExportOptions = {},
): Promise<OnnxResult> {
  const diagnostics: Diagnostic[] = [];
  const failed = (): OnnxResult => ({
    ...{ bytes: null, program: null },
    diagnostics: deduplicate(diagnostics),
  });
  const exported = await exportedProgram(
    source,
    options,
    (state) => predicting(state) ?? trains(state, state.traced.programs[0].graph.name),
    diagnostics,
  );
  if (!exported) return failed();
  const { module, program, values, state } = exported;
  if (
    state.traced.programs.some(({ graph, training: does }) => does && graph.name === program.name)
  ) {
    diagnostics.push(trains(state, program.name));
    return failed();
  }
  if (program.updates.length > 0) {
    const states = program.updates.map(({ parameter }) => parameter).join(', ');
    diagnostics.push(diagnostic(5147, null, { program: program.name, states }));
    return failed();
  }
  const bytes = writeModel(module, program, values, PRODUCER);
  return { bytes, program: program.name, diagnostics: deduplicate(diagnostics) };
}

/** Programs that do not train, `predict` first. */
function predicting({ traced: { programs } }: ModuleState): string | null {
  const names = programs.flatMap(({ graph, training: does }) => (does ? [] : [graph.name]));
  return names.includes(PREDICT) ? PREDICT : (names[0] ?? null);
}

function trains({ traced: { programs } }: ModuleState, program: string): Diagnostic {
  const names = programs.flatMap(({ graph, training: does }) => (does ? [] : [graph.name]));
  return diagnostic(5146, null, { program, programs: names.join(', ') || 'another model' });
}
