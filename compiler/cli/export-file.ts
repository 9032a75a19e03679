import { join } from 'node:path';
import { RuntimeError, readWeights } from '../../node/weights.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { deduplicate, diagnostic } from '../diagnostics.ts';
import { exportOnnx, exportStableHlo } from '../driver/api.ts';
import type { ExportOptions } from '../driver/export-options.ts';
import type { ModelSource } from '../driver/result.ts';
import { formatInteger } from '../format.ts';
import { baseOf } from './base-name.ts';
import { type BuildListeners, type BuiltFile, loadFile } from './build.ts';
import type { BuildJob, Exporting } from './builder.ts';
import type { OutputFile } from './emit.ts';
import { makeCheck } from './export-check.ts';
import type { ExportFormat } from './export-formats.ts';
import { fromBtc } from './report.ts';
import { withStrayErrors } from './stray-errors.ts';
import { style } from './style.ts';

/** Files of an export, the first of which is the program, and what is to be said of it. */
interface Exported {
  readonly outputs: readonly OutputFile[];
  readonly said: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Checks and evaluates one model file, and writes one of its programs for others. */
export async function exportFile(
  { file, options, checked, exporting }: BuildJob,
  on: BuildListeners,
): Promise<BuiltFile> {
  const { result, found } = await withStrayErrors(async () => {
    const loaded = await loadFile(file, options, checked, on.onChecked);
    const isSound = [...loaded.typescript, ...loaded.diagnostics].every(
      ({ category }) => category !== 'error',
    );
    if (!loaded.model || !isSound) return { loaded, exported: null };
    // Its options have their values since it was loaded.
    const { precision } = options;
    const { program, weights, format } = exporting!;
    const request: ExportOptions = {
      ...(precision ? { precision } : {}),
      ...(program === null ? {} : { program }),
      ...(weights ? { weights: takenBy(weights) } : {}),
    };
    const write = () => FORMATS[format](loaded.model!, request, exporting!, baseOf(file));
    return { loaded, exported: await withoutWeightErrors(write) };
  });
  const { loaded, exported } = result;
  const diagnostics = [
    ...loaded.typescript,
    ...deduplicate([...loaded.diagnostics, ...(exported?.diagnostics ?? []), ...found]).map(
      fromBtc,
    ),
  ];
  const failed = diagnostics.some(({ category }) => category === 'error');
  const outputs = failed ? [] : (exported?.outputs ?? []);
  const summary = outputs.map(({ path: name, content }, k) => {
    const path = join(exporting!.folder, name);
    const said = k === 0 ? exported!.said : `${formatInteger(content.length)} bytes`;
    return k === 0
      ? `${style.bold(file)} → ${path}  ${style.dim(said)}`
      : `  ${path}  ${style.dim(said)}`;
  });
  const watched = [...loaded.files, ...loaded.awaited];
  return {
    ...{ base: baseOf(file), diagnostics, outputs, summary },
    sources: loaded.files,
    watched,
  };
}

function takenBy(weights: NonNullable<Exporting['weights']>): ExportOptions['weights'] {
  if (weights instanceof Uint8Array) return weights;
  const { file, layout, rename } = weights;
  return (tensors) => readWeights(tensors, file, { ...(layout ? { layout } : {}), rename });
}

/** BTC5031 for weights that cannot be read or do not fit. */
async function withoutWeightErrors(write: () => Promise<Exported>): Promise<Exported> {
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const reason = error.message;
    return { outputs: [], said: '', diagnostics: [diagnostic(5031, null, { reason })] };
  }
}

type Write = (
  source: ModelSource,
  request: ExportOptions,
  exporting: Exporting,
  base: string,
) => Promise<Exported>;

const FORMATS: Readonly<Record<ExportFormat, Write>> = {
  stablehlo: async (source, request, { mesh, output, check }, base) => {
    const made = await exportStableHlo(source, {
      ...request,
      ...(mesh === null ? {} : { mesh: { batch: mesh } }),
    });
    if (made.text === null) return { outputs: [], said: '', diagnostics: made.diagnostics };
    const { text, manifest, parameters, diagnostics } = made;
    const name = output ?? `${base}.${manifest.program}.mlir`;
    const stem = name.replace(/\.mlir$/, '');
    const checked =
      check > 0 ? await makeCheck(source, request, manifest.program, parameters, check) : null;
    const places = manifest.mesh ? `, ${manifest.mesh.size} devices` : '';
    return {
      outputs: [
        { path: name, content: text },
        { path: `${stem}.json`, content: `${JSON.stringify(manifest, null, 2)}\n` },
        { path: `${stem}.safetensors`, content: parameters },
        ...(checked?.bytes ? [{ path: `${stem}.check.safetensors`, content: checked.bytes }] : []),
      ],
      said: `program ${manifest.program}, ${manifest.arguments.length} arguments, ${manifest.results.length} results${places}`,
      diagnostics: [...diagnostics, ...(checked?.diagnostics ?? [])],
    };
  },
  onnx: async (source, request, { output }, base) => {
    const { bytes, program, diagnostics } = await exportOnnx(source, request);
    if (!bytes) return { outputs: [], said: '', diagnostics };
    return {
      outputs: [{ path: output ?? `${base}.onnx`, content: bytes }],
      said: `program ${program}, ${formatInteger(bytes.length)} bytes`,
      diagnostics,
    };
  },
};
