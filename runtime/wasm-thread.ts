// A worker that is one of the threads of a plan on WebAssembly; wasm-threads.ts starts it. Once started it hears no more messages: it
// waits for runs, and goes when it is ended.
import { isNode, nodeModule } from './platform.ts';
import {
  arrive,
  CONTROL,
  changes,
  importsOf,
  kernelOf,
  type ThreadReply,
  type ThreadStart,
  walk,
} from './wasm-walk.ts';

function begin(start: ThreadStart, post: (reply: ThreadReply) => void): void {
  let kernels: Kernels;
  try {
    const { exports } = new WebAssembly.Instance(start.module, importsOf(start.memory));
    kernels = start.programs.map(({ exports: names }) =>
      names.map((name) => kernelOf(exports, name)!),
    );
  } catch (error) {
    post({ error: String(error) });
    return;
  }
  post({ error: null });
  serve(start, kernels);
}

type Kernels = readonly (readonly ((...numbers: number[]) => void)[])[];

function serve({ control: shared, programs, thread, threads }: ThreadStart, kernels: Kernels) {
  const control = new Int32Array(shared);
  for (let run = 0; ; ) {
    if (!changes(control, CONTROL.run, run)) Atomics.wait(control, CONTROL.run, run);
    run = Atomics.load(control, CONTROL.run);
    const [number, first, end] = [CONTROL.program, CONTROL.first, CONTROL.end].map((word) =>
      Atomics.load(control, word),
    );
    const program = programs[number];
    if (!program) continue;
    const work = walk(program, [first, end], [thread, threads], (step, from, to) => {
      if (Atomics.load(control, CONTROL.failed) !== 0) return;
      try {
        kernels[number][step](...program.addresses[step], from, to);
      } catch {
        Atomics.store(control, CONTROL.failed, step + 1);
      }
    });
    for (const _ of work) {
      const meeting = arrive(control, threads);
      if (meeting === null || changes(control, CONTROL.met, meeting)) continue;
      while (Atomics.load(control, CONTROL.met) === meeting)
        Atomics.wait(control, CONTROL.met, meeting);
    }
  }
}

async function listenInNode(): Promise<void> {
  const { parentPort } = await nodeModule<typeof import('node:worker_threads')>('worker_threads');
  parentPort!.once('message', (start: ThreadStart) =>
    begin(start, (reply) => parentPort!.postMessage(reply)),
  );
}

const scope = globalThis as unknown as {
  onmessage: ((event: { data: ThreadStart }) => void) | null;
  postMessage?: (reply: ThreadReply) => void;
};
if (scope.postMessage)
  scope.onmessage = ({ data }) => begin(data, (reply) => scope.postMessage!(reply));
else if (isNode()) void listenInNode();
