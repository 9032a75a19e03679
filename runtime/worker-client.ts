import type { Plan, Target } from '../ir/plan.ts';
import { addressOf } from './build-files.ts';
import { type BuiltLoadOptions, type BuiltModel, tellOnce } from './built.ts';
import { ownCopy } from './copies.ts';
import { errorText, RuntimeError, reading } from './errors.ts';
import type { TensorData } from './executor.ts';
import { type CompileOptions, optionsOf } from './load.ts';
import { chosenOutputs, noDeviceMemory } from './names.ts';
import type { RunOptions, Session } from './session.ts';
import { bufferRange, kindOf } from './values.ts';
import {
  CALLS,
  type CallName,
  type SentError,
  type SessionFacts,
  type WorkerReply,
  type WorkerRequest,
} from './worker-calls.ts';
import { openWorker, type WorkerHandle } from './worker-handle.ts';

/** What the caller of `loadInWorker` chooses: what cannot be sent to a worker is left out. */
export interface WorkerLoadOptions<Built extends Target = Target>
  extends Omit<BuiltLoadOptions<Built>, 'device' | 'openStore'> {
  /** Starts the worker, where the loader's own does not do: the build's `.worker.js`, at another place. */
  readonly worker?: () => unknown;
}

type Unnumbered<Request> = Request extends unknown ? Omit<Request, 'id'> : never;

/** How long a session may take to end itself before its worker is ended. */
const GRACE_MILLISECONDS = 1000;

/**
 * A session in a worker of its own: a Web Worker, in Node a worker thread. Its calls are those of any session and take
 * their values at the call; kernels do not block the caller. Errors: as `load`; `worker-lost`.
 */
export async function loadInWorker(
  model: BuiltModel,
  given: WorkerLoadOptions = {},
): Promise<Session> {
  const { base, onFallback, onProgress, worker, options } = reading(
    'what loadInWorker is given',
    () => {
      for (const name of ['device', 'openStore'])
        if ((optionsOf(given) as Record<string, unknown>)[name] !== undefined)
          throw new RuntimeError(
            'invalid-input',
            `'${name}' cannot be sent to a worker; leave it out, or use load`,
          );
      const { base, onFallback, onProgress, worker = model.worker, ...data } = given;
      const options = ownCopy({ ...data, ...addressed(data) });
      return { base, onFallback, onProgress, worker, options };
    },
  );
  const entries = filesOf(model).map(async (file) => [
    file,
    (await addressOf(file, model.files, base)).href,
  ]);
  const addresses = Object.fromEntries(await Promise.all(entries)) as Record<string, string>;
  const remote = new Remote(await openWorker(worker), onFallback, onProgress);
  try {
    const { name, digests } = model;
    const load = { kind: 'load', name, digests, addresses, options } as const;
    return remote.session((await remote.ask(load)) as SessionFacts);
  } catch (error) {
    remote.end();
    throw error;
  }
}

/** Parameters at an address, as the worker, which is at another, has to ask for it. */
function addressed({ parameters }: WorkerLoadOptions): Pick<WorkerLoadOptions, 'parameters'> {
  if (kindOf(parameters) === 'URL') return { parameters: (parameters as URL).href };
  const page = (globalThis as { location?: { href: string } }).location?.href;
  return typeof parameters === 'string' && page
    ? { parameters: new URL(parameters, page).href }
    : {};
}

function filesOf({ name, targets }: BuiltModel): string[] {
  const plans = Object.keys(targets).map((target) => `${name}.${target}.plan.json`);
  return [`${name}.safetensors`, ...plans, ...(targets.wasm ? [`${name}.wasm`] : [])];
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** The caller's side of a worker: what was asked and not yet answered. */
class Remote {
  readonly #worker: WorkerHandle;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  /** Makes the error of every later call; null while the worker lives. */
  #over: (() => RuntimeError) | null = null;

  constructor(
    worker: WorkerHandle,
    onFallback: BuiltLoadOptions['onFallback'] = tellOnce,
    onProgress?: CompileOptions['onProgress'],
  ) {
    this.#worker = worker;
    worker.listen(
      (reply) => {
        if ('fallback' in reply) onFallback(reply.fallback);
        else if ('progress' in reply) onProgress?.(reply.progress);
        else this.#settle(reply);
      },
      (reason) => {
        const text = `the worker of the session is lost: ${reason}; load the plan again`;
        this.#close(() => new RuntimeError('worker-lost', text));
        worker.end();
      },
    );
  }

  /** Error: `invalid-input` for what cannot be sent. */
  ask(request: Unnumbered<WorkerRequest>, transfer: ArrayBuffer[] = []): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#over) throw this.#over();
      const id = ++this.#last;
      try {
        this.#worker.post({ id, ...request }, transfer);
      } catch (error) {
        const what = request.kind === 'call' ? `arguments of '${request.method}'` : 'options';
        throw new RuntimeError(
          'invalid-input',
          `the ${what} cannot be sent to the worker: ${errorText(error)}`,
          { cause: error },
        );
      }
      this.#waiting.set(id, { resolve, reject });
      this.#worker.hold(true);
    });
  }

  session(facts: SessionFacts): Session {
    const call =
      (method: CallName) =>
      async (...given: unknown[]) => {
        const buffers: ArrayBuffer[] = [];
        const args = reading(`what '${method}' is given`, () => ownCopy(given, buffers));
        return this.ask({ kind: 'call', method, args }, buffers);
      };
    const names = Object.keys(CALLS) as CallName[];
    const calls = Object.fromEntries(names.map((name) => [name, call(name)]));
    const { run } = calls;
    calls.run = async (...given) => {
      const { sent, arrays } = reading("what 'run' is given", () =>
        withoutPlaces(facts.plan, given),
      );
      const outputs = (await run(...sent)) as Record<string, TensorData>;
      for (const [name, array] of arrays) {
        array.set(outputs[name]);
        outputs[name] = array;
      }
      return outputs;
    };
    const destroy = () => this.destroy(facts.plan.memory.spillBytes > 0);
    return { ...facts, ...calls, destroy } as unknown as Session;
  }

  /** Ends the worker when its session has ended; a spill file is given the time to go. */
  destroy(spills: boolean): void {
    if (this.#over) return;
    this.#close(
      () => new RuntimeError('destroyed', 'the session was destroyed; load the plan again'),
    );
    const end = () => this.end();
    const id = ++this.#last;
    if (!spills) this.#waiting.set(id, { resolve: end, reject: end });
    this.#worker.post({ id, kind: 'destroy' }, []);
    const timer: unknown = setTimeout(end, GRACE_MILLISECONDS);
    (timer as { unref?(): void }).unref?.();
  }

  end(): void {
    this.#worker.end();
  }

  #settle(reply: Extract<WorkerReply, { id: number }>): void {
    const request = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker.hold(false);
    if ('error' in reply) request?.reject(received(reply.error));
    else request?.resolve(reply.result);
  }

  #close(over: () => RuntimeError): void {
    this.#over ??= over;
    for (const { reject } of this.#waiting.values()) reject(this.#over());
    this.#waiting.clear();
    this.#worker.hold(false);
  }
}

/**
 * The arguments of `run` as they can be sent: without the caller's arrays for outputs, which are filled here when those have come.
 * Errors: `no-device-memory`, `invalid-input`.
 */
function withoutPlaces(
  plan: Plan,
  [name, inputs, options]: readonly unknown[],
): { sent: unknown[]; arrays: Map<string, TensorData> } {
  const takes = { plan, rangeOf: null, atOnce: false };
  const arrays = new Map<string, TensorData>();
  for (const [input, value] of Object.entries(inputs ?? {}))
    if (bufferRange(value)) throw noDeviceMemory(`input '${input}' is a GPUBuffer`);
  const program = Object.hasOwn(plan.programs, name as string) && plan.programs[name as string];
  if (!program || !(options as RunOptions | undefined)?.into)
    return { sent: [name, inputs, options], arrays };
  const chosen = chosenOutputs(name as string, program, options, takes);
  for (const { name, into } of chosen) if (ArrayBuffer.isView(into)) arrays.set(name, into);
  const read = chosen.map(({ name }) => name);
  return { sent: [name, inputs, { read }], arrays };
}

function received({ code, message }: SentError): Error {
  return code === null ? new Error(message) : new RuntimeError(code, message);
}
