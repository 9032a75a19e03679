import type { Plan } from '../../ir/plan.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { chromeTrace } from '../inspect/chrome-trace.ts';
import { memorySnapshot } from '../inspect/memory-snapshot.ts';
import { pickle } from '../inspect/pickle.ts';
import { type PlannedClock, predictedTrace } from '../inspect/predicted-trace.ts';
import { unwritable } from './file-reason.ts';

/** Files in formats of others, by the option that asks for each; the first two are the same. */
export interface FilesToWrite {
  /** A `--trace` that is not there. */
  readonly trace?: string;
  readonly timeline?: string;
  readonly snapshot?: string;
}

/** Writes what is asked for and says so on standard error; what went wrong (BTC5003), or nothing. */
export async function writeFiles(plan: Plan, files: FilesToWrite): Promise<Diagnostic[]> {
  const { trace, timeline, snapshot } = files;
  const problems: Diagnostic[] = [];
  const write = async (
    file: string | undefined,
    content: () => string | Uint8Array,
    note: string,
  ) => {
    if (file === undefined) return;
    try {
      await writeFileAtomically(file, content());
      console.error(`wrote ${file}: ${note}`);
    } catch (error) {
      problems.push(unwritable(file, error));
    }
  };
  const planned = predictedTrace(plan);
  const of = DESCRIPTIONS[planned.clock](plan);
  const events = () => `${JSON.stringify(chromeTrace(plan, planned, of))}\n`;
  const opens = 'opens in ui.perfetto.dev and chrome://tracing';
  await write(timeline, events, `the plan, ${of}; ${opens}`);
  await write(
    trace,
    events,
    `the plan, ${of}; ${opens}; measured times are those of btc run --trace`,
  );
  await write(
    snapshot,
    () => pickle(memorySnapshot(plan)),
    `allocations, ${of}; opens in pytorch.org/memory_viz`,
  );
  return problems;
}

const DESCRIPTIONS: Readonly<Record<PlannedClock, (plan: Plan) => string>> = {
  predicted: ({ profile }) => `predicted by the profile '${profile}'`,
  steps: () => 'a microsecond for each step, as it predicts none',
};
