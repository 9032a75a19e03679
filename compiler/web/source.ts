import type { Target } from '../../ir/plan.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import type { CompileProgress } from '../driver/progress.ts';
import type { CompileOptions } from '../driver/result.ts';
import type { BudgetRange } from '../driver/sweep.ts';
import { didYouMean } from '../nearest.ts';
import { type Isolation, OPEN } from './isolation.ts';
import type { CompiledSource, SourceJob, SourceMessage, SweptSource } from './messages.ts';
import type { SourceFiles } from './modules.ts';

/** What {@link compileSource} compiles for, and where. All that {@link CompileOptions} has holds for every target. */
export interface SourceOptions
  extends Omit<CompileOptions, 'target' | 'onProgress' | 'printAfter'> {
  /** The file that exports the model; by default the only one, or `model.ts`. */
  readonly entry?: string;
  /** Default: webgpu and wasm. */
  readonly targets?: readonly Target[];
  /** Ends the worker at once; the promise rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which a model is taken for one that loops: BTC5207. None by default. */
  readonly timeoutMs?: number;
  /**
   * `worker` (the default): a worker of the page, out of which what reaches the network, stores and other workers is taken. `frame`, for
   * models of strangers: a worker in a hidden frame of an origin of its own, which by its policy can make no request at all.
   */
  readonly isolation?: Isolation;
  /** Starts the worker, where it is at another place: `dist/compiler/web/worker.js`, as a module. */
  readonly worker?: () => Worker;
  /**
   * Told between which budgets there is something to choose, for the first target: when the plans are there and then with each smaller
   * budget that is found to be feasible; the last one is final. Null, once, where there is none: a mistake, or no time left. The promise does
   * not wait for that. `signal` ends it.
   */
  readonly onRange?: (range: BudgetRange | null) => void;
  /** Told what the compilation is at, often. */
  readonly onProgress?: (target: Target, progress: CompileProgress) => void;
}

const DEFAULT_NAME = 'model.ts';

/**
 * Compiles the TypeScript source of a model file, in a worker: one text, or files by name with the imports between them. Types are left
 * out and not checked: mistakes of syntax and all of btc's own are diagnostics at their line and column, as `btc build` gives them.
 * Models import 'btc-compiler' and the files given.
 *
 * Errors are diagnostics: those of `compile`, BTC1001, BTC1002 and BTC5201 to BTC5209.
 *
 * @throws Error for a defect of btc itself, and the reason of `signal` when it aborts
 */
export async function compileSource(
  source: string | SourceFiles,
  options: SourceOptions = {},
): Promise<CompiledSource> {
  return { ...NOTHING, ...(await asked(source, options)) } as CompiledSource;
}

/**
 * What the source of a model costs within less and less memory, from the smallest feasible budget to none, at `points` budgets: what
 * `btc sweep` finds, for the first of the targets. Source, options and errors are those of {@link compileSource}.
 *
 * Errors are diagnostics: those of `compile`, BTC1001, BTC1002 and BTC5201 to BTC5209.
 *
 * @throws Error for a defect of btc itself, and the reason of `signal` when it aborts
 */
export async function sweepSource(
  source: string | SourceFiles,
  options: SourceOptions & { readonly points?: number } = {},
): Promise<SweptSource> {
  const { points = SWEEP_POINTS, ...rest } = options;
  return { sweep: null, ...(await asked(source, rest, points)) } as SweptSource;
}

const SWEEP_POINTS = 12;
const NOTHING = { plans: {}, module: null, parameters: null };

type Answer = CompiledSource | SweptSource | Pick<CompiledSource, 'diagnostics'>;

async function asked(
  source: string | SourceFiles,
  options: SourceOptions,
  sweepPoints?: number,
): Promise<Answer> {
  const {
    entry,
    targets = ['webgpu', 'wasm'],
    signal,
    timeoutMs,
    isolation = 'worker',
    worker,
    onProgress,
    onRange,
    ...compileOptions
  } = options;
  signal?.throwIfAborted();
  const files = typeof source === 'string' ? { [entry ?? DEFAULT_NAME]: source } : { ...source };
  const names = Object.keys(files);
  const name = entry ?? (names.length === 1 ? names[0] : DEFAULT_NAME);
  if (!names.includes(name))
    return failed(
      diagnostic(5203, null, { name, files: names.join(', '), near: didYouMean(name, names) }),
    );
  const range = onRange !== undefined;
  const job: SourceJob = {
    ...{ files, entry: name, targets: [...targets], sweepPoints, range },
    options: compileOptions,
  };
  return outcome(job, OPEN[isolation](worker), { signal, timeoutMs, onProgress, onRange });
}

const failed = (problem: Diagnostic) => ({ diagnostics: [problem] });

type Told = Pick<SourceOptions, 'signal' | 'timeoutMs' | 'onProgress' | 'onRange'>;

/** What the worker answers. It is ended with that, or where a range is asked for when it is found, or by signal or time. */
function outcome(
  job: SourceJob,
  open: ReturnType<(typeof OPEN)[Isolation]>,
  { signal, timeoutMs, onProgress, onRange }: Told,
): Promise<Answer> {
  const { port1, port2 } = new MessageChannel();
  return new Promise<Answer>((resolve, reject) => {
    let awaits = onRange;
    const end = (range: BudgetRange | null = null) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      isolated.end();
      port1.close();
      const told = awaits;
      awaits = undefined;
      if (range === null) told?.(null);
    };
    const settled = (answer: Answer) => {
      resolve(answer);
      end();
    };
    const isolated = open((reason) => settled(failed(diagnostic(5208, null, { reason }))));
    const abort = () => {
      reject(signal!.reason);
      awaits = undefined;
      end();
    };
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(
            () => settled(failed(diagnostic(5207, null, { seconds: timeoutMs / 1000 }))),
            timeoutMs,
          );
    signal?.addEventListener('abort', abort);
    port1.onmessage = ({ data }: MessageEvent<SourceMessage>) => {
      if (data.kind === 'progress') onProgress?.(data.target, data.progress);
      else if (data.kind === 'range') {
        if (data.range) awaits?.(data.range);
        if (!data.range || data.range.isFinal) end(data.range);
      } else if (data.kind === 'built') {
        resolve(data.built);
        if (!awaits) end();
      } else {
        reject(new Error(data.error));
        end();
      }
    };
    isolated.start(job, port2);
  });
}
