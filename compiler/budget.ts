import type { Target } from '../ir/plan.ts';
import { byteCount } from '../ir/tensor.ts';
import { formatBytes } from './bytes.ts';
import { type Diagnostic, diagnostic } from './diagnostics.ts';
import type { LeverFloor, MemoryError, MemoryPlan } from './memory/index.ts';

const MAX_LISTED = 5;
/** Tensors that take less of the plan than this are no news. */
const LEAST_SHARE = 0.01;

/** BTC4001: where the peak is, which tensors make it, and the smallest budget by what may be done. */
export function budgetDiagnostic(
  { schedule, peak, deviceBytes, floors }: Extract<MemoryPlan, { readonly errors: readonly [] }>,
  {
    budgetBytes,
    smallest,
    target,
  }: { readonly budgetBytes: number; readonly smallest: number; readonly target: Target },
): Diagnostic {
  const program = peak ? schedule.programs[peak.program].name : '-';
  const args = {
    target,
    needed: formatBytes(deviceBytes),
    budget: formatBytes(budgetBytes),
    over: formatBytes(deviceBytes - budgetBytes),
    step: peak?.step ?? 0,
    program,
    label: peak?.scheduleStep?.label ?? '-',
  };
  const { arenaBytes, persistentBytes, tensors } = schedule;
  const listed = (peak?.tensors ?? [])
    .slice(0, MAX_LISTED)
    .filter((index) => byteCount(tensors[index].shape) >= LEAST_SHARE * deviceBytes);
  const arena = listed.map((index) => {
    const { name, shape, source } = tensors[index];
    return {
      message: `live there: '${name}' [${shape.join(', ')}], ${formatBytes(byteCount(shape))}`,
      source,
    };
  });
  const pages = target === 'wasm' ? ', rounded up to pages of 64 KiB' : '';
  const totals = `parameters and optimiser state take ${formatBytes(persistentBytes)}, all else ${formatBytes(arenaBytes)}${pages}`;
  const known = floors?.() ?? [];
  const lines = [totals, ...floorMessages(known), smallestMessage(known, smallest)];
  return diagnostic(4001, peak?.scheduleStep?.source ?? null, args, {
    related: [...arena, ...lines.map((message) => ({ message, source: null }))],
  });
}

function floorMessages(floors: readonly LeverFloor[]): string[] {
  return floors.map(
    ({ levers: { recompute, swap }, bytes }) =>
      `with --recompute ${recompute} --swap ${swap} the smallest budget is ${formatBytes(bytes)} (${bytes} bytes)`,
  );
}

function smallestMessage(floors: readonly LeverFloor[], smallest: number): string {
  const least = floors.reduce((most, { bytes }) => Math.min(most, bytes), Number.POSITIVE_INFINITY);
  const how = smallest < least ? ', with contractions in slices or in another order' : '';
  return `as asked for, the smallest budget is ${formatBytes(smallest)} (${smallest} bytes)${how}`;
}

/** BTC4002, BTC4003 and BTC4005: what no budget of the device would help. */
export function memoryDiagnostics(errors: readonly MemoryError[], target: Target): Diagnostic[] {
  return errors.map((error) => memoryDiagnostic(error, target));
}

function memoryDiagnostic(error: MemoryError, target: Target): Diagnostic {
  if (error.kind === 'binding')
    return diagnostic(4002, error.tensor.source, {
      name: error.tensor.name,
      bytes: formatBytes(error.bytes),
      limit: formatBytes(error.limit),
      target,
    });
  if (error.kind === 'address-space')
    return diagnostic(4003, null, { limit: formatBytes(error.limit), target });
  const { hostBytes, spillBytes } = error.budget;
  return diagnostic(4005, null, {
    needed: formatBytes(error.bytes),
    bytes: error.bytes,
    budget: formatBytes(hostBytes),
    spill: spillBytes > 0 ? ` and the spill budget of ${formatBytes(spillBytes)}` : '',
  });
}
