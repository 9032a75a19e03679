import { basename } from 'node:path';
import pc from 'picocolors';
import { formatBytes } from '../bytes.ts';
import { compile } from '../compile.ts';
import { deduplicate, diagnostic } from '../diagnostics.ts';
import type { OptionValue } from '../frontend/option.ts';
import { loadModel } from '../load/index.ts';
import type { CompileResult } from '../result.ts';
import { type OutputFile, writeOutputs } from './emit.ts';
import { loaderFiles } from './loader-emit.ts';
import { fromBtc, fromTypeScript, printDiagnostics, type ReportedDiagnostic } from './report.ts';
import { watchFiles } from './watch.ts';

export interface BuildCommandOptions {
  readonly outDir: string;
  readonly target: readonly ('webgpu' | 'wasm')[];
  readonly budget?: number;
  readonly set: Readonly<Record<string, OptionValue>>;
  readonly noEmit: boolean;
  readonly watch: boolean;
  readonly pretty?: boolean;
  readonly project?: string;
  readonly printAfter?: string;
}

/** What came of one model file. */
interface BuiltFile {
  readonly diagnostics: readonly ReportedDiagnostic[];
  readonly outputs: readonly OutputFile[];
  readonly summary: readonly string[];
  readonly sources: readonly string[];
}

/** Exit codes of tsc: 0, 1 (errors, no outputs) and 2 (errors, some outputs). */
export async function buildCommand(
  files: readonly string[],
  options: BuildCommandOptions,
): Promise<number> {
  if (!options.watch) return (await buildAll(files, options)).exitCode;
  await watchFiles(async () => (await buildAll(files, options)).sources, pretty(options));
  return 0;
}

function pretty({ pretty: asked }: BuildCommandOptions): boolean {
  return asked ?? process.stdout.isTTY ?? false;
}

async function buildAll(
  files: readonly string[],
  options: BuildCommandOptions,
): Promise<{ exitCode: number; sources: string[] }> {
  const built: BuiltFile[] = [];
  // One after the other: the language keeps one source mapper.
  for (const file of files) built.push(await buildFile(file, options));
  const diagnostics = built.flatMap((file) => file.diagnostics);
  let written = 0;
  for (const { outputs, summary } of built) {
    if (outputs.length === 0) continue;
    try {
      if (!options.noEmit) await writeOutputs(options.outDir, outputs);
      for (const line of summary) console.log(line);
      written++;
    } catch (error) {
      diagnostics.push(
        fromBtc(
          diagnostic(5003, null, {
            file: options.outDir,
            reason: error instanceof Error ? error.message : String(error),
          }),
        ),
      );
    }
  }
  printDiagnostics(diagnostics, pretty(options), (text) => process.stdout.write(text));
  const failed = diagnostics.some(({ category }) => category === 'error');
  return {
    exitCode: !failed ? 0 : written > 0 ? 2 : 1,
    sources: built.flatMap((file) => file.sources),
  };
}

async function buildFile(file: string, options: BuildCommandOptions): Promise<BuiltFile> {
  const started = performance.now();
  const loaded = await loadModel(file, {
    set: options.set,
    ...(options.project ? { project: options.project } : {}),
  });
  const own = [...loaded.diagnostics];
  const results = new Map<'webgpu' | 'wasm', CompileResult>();
  if (loaded.model) {
    for (const target of new Set(options.target)) {
      const result = await compile(loaded.model, {
        target,
        ...(options.budget === undefined ? {} : { budgetBytes: options.budget }),
        ...(options.printAfter
          ? {
              printAfter: (pass, text) => pass === options.printAfter && process.stdout.write(text),
            }
          : {}),
      });
      own.push(...result.diagnostics);
      results.set(target, result);
    }
  }
  const diagnostics = [...loaded.typescript.map(fromTypeScript), ...deduplicate(own).map(fromBtc)];
  const failed = diagnostics.some(({ category }) => category === 'error');
  const base = basename(file).replace(/\.[cm]?[jt]sx?$/, '');
  return {
    diagnostics,
    outputs: failed ? [] : outputsOf(base, results),
    summary: failed ? [] : summaryOf(file, base, options, results, performance.now() - started),
    sources: loaded.files.length > 0 ? loaded.files : [file],
  };
}

function outputsOf(
  base: string,
  results: ReadonlyMap<'webgpu' | 'wasm', CompileResult>,
): OutputFile[] {
  const files: OutputFile[] = [];
  const plans = [...results].map(([target, { plan, module }]) => ({ target, plan: plan!, module }));
  for (const { target, plan, module } of plans) {
    const named = plan.module
      ? { ...plan, module: { ...plan.module, file: `${base}.wasm` } }
      : plan;
    files.push({ path: `${base}.${target}.plan.json`, content: `${JSON.stringify(named)}\n` });
    if (module) files.push({ path: `${base}.wasm`, content: module });
  }
  const [first] = results.values();
  files.push({ path: `${base}.safetensors`, content: first.parameters! });
  files.push(
    ...loaderFiles(base, plans[0].plan, {
      webgpu: results.has('webgpu'),
      wasm: results.has('wasm'),
    }),
  );
  return files;
}

function summaryOf(
  file: string,
  base: string,
  options: BuildCommandOptions,
  results: ReadonlyMap<'webgpu' | 'wasm', CompileResult>,
  milliseconds: number,
): string[] {
  const [plan] = [...results.values()].map((result) => result.plan!);
  const parameters = plan.tensors
    .filter(({ role }) => role === 'parameter')
    .reduce((sum, { bytes }) => sum + bytes / 4, 0);
  const place = options.noEmit ? 'checked' : `${options.outDir}/${base}.*`;
  const lines = [
    `${pc.bold(file)} → ${place}  ${pc.dim(`${parameters.toLocaleString('en')} parameters, ${Math.round(milliseconds)} ms`)}`,
  ];
  for (const [target, result] of results) {
    const { memory, kernels, programs } = result.plan!;
    const steps = Object.entries(programs).map(
      ([name, program]) => `${name} ${program.steps.length}`,
    );
    const budget = memory.budgetBytes === null ? '' : ` of ${formatBytes(memory.budgetBytes)}`;
    lines.push(
      `  ${target.padEnd(6)} ${formatBytes(memory.deviceBytes)}${budget} on the device, ${kernels.length} kernels, steps: ${steps.join(', ')}`,
    );
  }
  return lines;
}
