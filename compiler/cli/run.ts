import type { TensorArray } from '../../ir/dtypes.ts';
import type { PlanPrediction, PlanProgram } from '../../ir/plan.ts';
import { elementCount } from '../../ir/tensor.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { formatBytes, formatType } from '../format.ts';
import { chromeTrace } from '../inspect/chrome-trace.ts';
import { median } from '../inspect/kernel-times.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import { unwritable } from './file-reason.ts';
import { idleRunOptions } from './idle-options.ts';
import {
  formatMeasured,
  givenProfile,
  type MeasuredTimes,
  measuredTimes,
  type TraceOptions,
} from './kernel-times.ts';
import { otherAdapter } from './other-adapter.ts';
import { folderProblem, outputProblem } from './output-problem.ts';
import { foreignProblem } from './own-files.ts';
import { readPlanFile } from './plan-file.ts';
import { formatPlain, fromBtc } from './report.ts';
import { type InputOptions, makeInputs, type RunInput } from './run-inputs.ts';
import { runProgress } from './run-progress.ts';
import { type HostChoices, openPlan, type RunningSession } from './run-session.ts';
import { style } from './style.ts';
import { table } from './table.ts';
import { problemOf, ReportedError } from './usage.ts';

export interface RunCommandOptions extends InputOptions, HostChoices, TraceOptions {
  readonly program?: string;
  readonly steps: number;
  readonly json?: boolean;
  /** A file that each step is appended to, as JSON on a line of its own. */
  readonly log?: string;
  /** A file for a picture of what scalar outputs were over the steps. */
  readonly plot?: string;
}

type Data = TensorArray;

export async function runCommand(file: string, options: RunCommandOptions): Promise<number> {
  const log = options.json ? () => {} : (line: string) => console.log(line);
  const read = await readPlanFile(file);
  if ('diagnostic' in read) {
    console.error(formatPlain(fromBtc(read.diagnostic)));
    return 1;
  }
  const names = Object.keys(read.plan.programs);
  const program = options.program ?? (names.includes('train') ? 'train' : names[0]);
  if (!names.includes(program)) {
    console.error(
      formatPlain(fromBtc(diagnostic(6005, null, { file, program, programs: names.join(', ') }))),
    );
    return 1;
  }
  const { log: logFile, plot, trace: traceFile, input = {} } = options;
  const unfit =
    (await outputProblem(
      [
        file,
        file.replace(/\.plan\.json$/, ''),
        options.profile,
        ...Object.values(input).map(String),
      ],
      { '--log': logFile, '--plot': plot, '--trace': traceFile },
    )) ??
    (await foreignProblem([
      ['log', logFile],
      ['plot', plot],
      ['trace', traceFile],
    ])) ??
    (options.spillDirectory === undefined ? null : await folderProblem(options.spillDirectory));
  if (unfit) {
    console.error(formatPlain(fromBtc(unfit)));
    return 1;
  }
  const given = await givenProfile(options);
  if ('diagnostics' in given) {
    for (const problem of given.diagnostics) console.error(formatPlain(fromBtc(problem)));
    return 1;
  }
  let session: RunningSession | null = null;
  try {
    const { trace } = options;
    const inputs = await makeInputs(read.plan.programs[program].inputs, options);
    session = await openPlan(file, read.plan, log, options, {
      ...{ trace: trace !== undefined, program, quiet: options.json === true },
    });
    const other = otherAdapter(session);
    const { plan } = session;
    const idle = idleRunOptions(options, file, plan, plan.programs[program].inputs);
    for (const warning of [...(other ? [other] : []), ...idle])
      console.error(formatPlain(fromBtc(warning)));
    const figures = await measure(session, program, inputs, options, log);
    const measured = trace === undefined ? null : await writeTrace(session, trace, given.profile);
    if (measured && 'code' in measured) {
      console.error(formatPlain(fromBtc(measured)));
      return 1;
    }
    if (measured) log(`${formatMeasured(measured, false)}\ntrace: ${style.bold(trace!)}`);
    const data = { ...figures, ...(measured ? { trace: { file: trace, ...measured } } : {}) };
    if (options.json) console.log(JSON.stringify(data, null, 2));
    return 0;
  } catch (error) {
    // Errors of the runtime are whole sentences for people.
    console.error(formatPlain(fromBtc(problemOf(error))));
    return 1;
  } finally {
    session?.destroy();
  }
}

/** Writes the trace file; what it says of the kernels. */
async function writeTrace(
  session: RunningSession,
  file: string,
  profile: DeviceProfile | null,
): Promise<MeasuredTimes | Diagnostic> {
  const { plan, description } = session;
  const trace = await session.trace();
  try {
    await writeFileAtomically(file, `${JSON.stringify(chromeTrace(plan, trace, description))}\n`);
  } catch (error) {
    return unwritable(file, error);
  }
  return measuredTimes(plan, trace, description, profile);
}

async function measure(
  session: RunningSession,
  program: string,
  inputs: readonly RunInput[],
  options: RunCommandOptions,
  log: (line: string) => void,
) {
  const { memory, programs } = session.plan;
  log(
    `device memory: ${formatBytes(memory.deviceBytes)} planned, ${formatBytes(session.allocatedBytes)} allocated`,
  );
  if (session.hostBytes > 0 || memory.spillBytes > 0)
    log(
      `host memory: ${formatBytes(session.hostBytes)} held for swaps and snapshots, ${formatBytes(memory.spillBytes)} in a file`,
    );
  if (inputs.length > 0) log(`inputs of ${style.bold(program)}:\n${formatInputs(inputs)}`);
  const { milliseconds, metrics, last } = await runSteps(session, program, inputs, options);
  const outputs = summarise(programs[program], last);
  if (Object.keys(metrics).length === 0) log(`outputs:\n${formatOutputs(outputs)}`);
  const time = timeOf(milliseconds);
  log(
    `${program}: ${style.bold(`${time.median.toFixed(2)} ms`)} per run (median of ${time.count}; ${time.least.toFixed(2)} to ${time.most.toFixed(2)}), the first ${time.first.toFixed(2)} ms`,
  );
  const { predicted } = programs[program];
  if (predicted) log(formatPrediction(predicted, session.plan.profile, time.median / 1000));
  return {
    program,
    ...(predicted ? { predicted, profile: session.plan.profile } : {}),
    target: session.plan.target,
    device: session.description,
    deviceBytes: memory.deviceBytes,
    allocatedBytes: session.allocatedBytes,
    hostBytes: session.hostBytes,
    spillBytes: memory.spillBytes,
    milliseconds: { ...time, steps: milliseconds },
    metrics,
    outputs,
  };
}

/** The predicted time beside the measured one. */
function formatPrediction(
  { seconds }: PlanPrediction,
  profile: string | undefined,
  measured: number,
): string {
  const ratio = (seconds / measured).toFixed(2);
  return `predicted: ${style.bold(`${(1000 * seconds).toFixed(2)} ms`)}, ${ratio} of the measured, by the profile '${profile}'`;
}

/** Runs the program, and gathers its times and, by name, the values that its scalar outputs took. */
async function runSteps(
  session: RunningSession,
  program: string,
  inputs: readonly RunInput[],
  { steps, log, plot, json }: RunCommandOptions,
) {
  const given = Object.fromEntries(
    inputs.flatMap(({ declaration, data }) => (data ? [[declaration.name, data]] : [])),
  );
  const scalars = session.plan.programs[program].outputs.filter(
    ({ shape }) => elementCount(shape) === 1,
  );
  const metrics = Object.fromEntries(scalars.map(({ name }) => [name, [] as number[]]));
  const milliseconds: number[] = [];
  const progress = runProgress({
    ...{ program, steps, names: scalars.map(({ name }) => name), quiet: json === true },
    ...(log === undefined ? {} : { log }),
  });
  let last: Record<string, Data> = {};
  for (let step = 0; step < steps; step++) {
    const started = performance.now();
    last = await session.run(program, given);
    milliseconds.push(performance.now() - started);
    for (const { name } of scalars) metrics[name].push(last[name][0]);
    progress.add({
      ...{ step, milliseconds: milliseconds[step] },
      metrics: Object.fromEntries(scalars.map(({ name }) => [name, last[name][0]])),
    });
  }
  progress.end();
  if (plot !== undefined) await writePlot(plot, progress.svg(`${session.plan.name}: ${program}`));
  return { milliseconds, metrics, last };
}

/** @throws ReportedError BTC5003 for a file that cannot be written */
const writePlot = (file: string, svg: string) =>
  writeFileAtomically(file, svg).catch((error: unknown) => {
    throw new ReportedError(unwritable(file, error));
  });

/** Of all runs but the first, which compiles pipelines and fills caches. */
function timeOf(milliseconds: readonly number[]) {
  const warm = (milliseconds.length > 1 ? milliseconds.slice(1) : milliseconds).toSorted(
    (a, b) => a - b,
  );
  return {
    first: milliseconds[0],
    count: warm.length,
    median: median(warm),
    least: warm[0],
    most: warm[warm.length - 1],
  };
}

interface OutputSummary {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly mean: number;
  /** Square root of the sum of the squares. */
  readonly norm: number;
}

function summarise(
  { outputs }: PlanProgram,
  values: Readonly<Record<string, Data>>,
): Record<string, OutputSummary> {
  return Object.fromEntries(
    outputs.map(({ name, dtype, shape }) => {
      let [sum, squares] = [0, 0];
      for (const value of values[name]) {
        sum += value;
        squares += value * value;
      }
      return [name, { dtype, shape, mean: sum / values[name].length, norm: Math.sqrt(squares) }];
    }),
  );
}

function formatInputs(inputs: readonly RunInput[]): string {
  return table(
    inputs.map(({ declaration, origin }) => [declaration.name, formatType(declaration), origin]),
  );
}

function formatOutputs(outputs: Readonly<Record<string, OutputSummary>>): string {
  return table(
    Object.entries(outputs).map(([name, output]) => [
      name,
      formatType(output),
      `mean ${output.mean.toPrecision(6)}`,
      `norm ${output.norm.toPrecision(6)}`,
    ]),
  );
}
