import type { Target } from '../ir/plan.ts';
import type { AllocatedSchedule } from '../ir/schedule.ts';
import { byteCount } from '../ir/tensor.ts';
import { formatBytes } from './bytes.ts';
import { type Diagnostic, diagnostic } from './diagnostics.ts';
import type { MemoryError, MemoryPeak } from './memory/index.ts';

const MAX_LISTED = 5;
/** Tensors that take less of the plan than this are no news. */
const LEAST_SHARE = 0.01;

/** BTC4001: where the peak is and which tensors make it. */
export function budgetDiagnostic(
  schedule: AllocatedSchedule,
  peak: MemoryPeak | null,
  neededBytes: number,
  {
    budgetBytes,
    smallest,
    target,
  }: { readonly budgetBytes: number; readonly smallest: number; readonly target: Target },
): Diagnostic {
  const program = peak ? schedule.programs[peak.program].name : '-';
  const args = {
    target,
    needed: formatBytes(neededBytes),
    budget: formatBytes(budgetBytes),
    over: formatBytes(neededBytes - budgetBytes),
    step: peak?.step ?? 0,
    program,
    label: peak?.scheduleStep?.label ?? '-',
  };
  const { arenaBytes, persistentBytes, tensors } = schedule;
  const listed = (peak?.tensors ?? [])
    .slice(0, MAX_LISTED)
    .filter((index) => byteCount(tensors[index].shape) >= LEAST_SHARE * neededBytes);
  const arena = listed.map((index) => {
    const { name, shape, source } = tensors[index];
    return {
      message: `live there: '${name}' [${shape.join(', ')}], ${formatBytes(byteCount(shape))}`,
      source,
    };
  });
  const pages = target === 'wasm' ? ', rounded up to pages of 64 KiB' : '';
  const totals = {
    message: `parameters and optimiser state take ${formatBytes(persistentBytes)}, all else ${formatBytes(arenaBytes)}${pages}`,
    source: null,
  };
  return diagnostic(4001, peak?.scheduleStep?.source ?? null, args, {
    related: [...arena, totals, { message: smallestMessage(neededBytes, smallest), source: null }],
  });
}

function smallestMessage(needed: number, smallest: number): string {
  const how = smallest < needed ? ', with contractions in slices or in another order' : '';
  return `the smallest budget is ${formatBytes(smallest)} (${smallest} bytes)${how}`;
}

/** BTC4002 and BTC4003: what no budget would help. */
export function memoryDiagnostics(errors: readonly MemoryError[], target: Target): Diagnostic[] {
  return errors.map((error) =>
    error.kind === 'binding'
      ? diagnostic(4002, error.tensor.source, {
          name: error.tensor.name,
          bytes: formatBytes(error.bytes),
          limit: formatBytes(error.limit),
          target,
        })
      : diagnostic(4003, null, { limit: formatBytes(error.limit), target }),
  );
}
