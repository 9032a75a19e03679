import type { Target } from '../../ir/plan.ts';
import type { ScheduleStep } from '../../ir/schedule.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { byteCount } from '../../ir/tensor.ts';
import { type Diagnostic, diagnostic, type RelatedMessage } from '../diagnostics.ts';
import { formatBytes } from '../format.ts';
import type { MemoryError } from '../memory/index.ts';
import type { FeasibleBudget, MemoryPlan, SmallestPlan } from '../plan-search/index.ts';
import type { DeviceLimits } from '../profile/device-limits.ts';
import { TARGETS } from '../targets/index.ts';
import { byLayer, type LayerBytes, layerAdvice, sortBytes } from './layer-bytes.ts';

const MOST_LAYERS = 5;
/** Tensors of one layer that are named. */
const MOST_TENSORS = 3;
/** Layers that take less of the plan than this are not listed. */
const LEAST_SHARE = 0.01;

type PlacedMemory = Extract<MemoryPlan, { readonly errors: readonly [] }>;

/** BTC4001: where the peak is, which layers make it, what to do, and the smallest feasible budget by set of options. */
export function budgetDiagnostic(
  memory: PlacedMemory,
  {
    budgetBytes,
    smallest,
    target,
  }: { readonly budgetBytes: number; readonly smallest: SmallestPlan; readonly target: Target },
): Diagnostic {
  const { schedule, peak, deviceBytes, floors } = memory;
  const step = peak?.scheduleStep;
  const args = {
    target,
    needed: formatBytes(deviceBytes),
    budget: formatBytes(budgetBytes),
    over: formatBytes(deviceBytes - budgetBytes),
    step: peak?.step ?? 0,
    program: peak ? schedule.programs[peak.program].name : '-',
    label: step ? stepText(step) : '-',
  };
  const layers = byLayer(schedule, peak);
  const known = floors?.() ?? [];
  const lines = [
    ...totalMessages(memory, target),
    ...layerAdvice(layers),
    ...floorMessages(known),
    smallestMessage(smallest),
  ];
  return diagnostic(4001, step?.source ?? null, args, {
    ...(step?.scope ? { scope: step.scope } : {}),
    related: [
      ...layerMessages(layers, deviceBytes),
      ...lines.map((message) => ({ message, source: null })),
    ],
  });
}

/** `contract+add, gradient in stage4.block1.conv2` */
function stepText({ label, pass, scope }: ScheduleStep): string {
  return `${label}${pass ? `, ${pass}` : ''}${scope ? ` in ${scope}` : ''}`;
}

/** The layers that take most, each at the place of its largest tensor. */
function layerMessages(layers: readonly LayerBytes[], deviceBytes: number): RelatedMessage[] {
  const shown = layers
    .slice(0, MOST_LAYERS)
    .filter(({ bytes }) => bytes >= LEAST_SHARE * deviceBytes);
  const rest = layers.slice(shown.length);
  const restBytes = rest.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    ...shown.map((layer) => ({ message: layerMessage(layer), source: layer.tensors[0].source })),
    ...(rest.length > 0
      ? [
          {
            message: `live there: ${formatBytes(restBytes)} of ${rest.length} other${rest.length === 1 ? '' : 's'}`,
            source: null,
          },
        ]
      : []),
  ];
}

function layerMessage({ name, bytes, tensors }: LayerBytes): string {
  const listed = tensors.slice(0, MOST_TENSORS).map(({ name, type }) => ({
    name,
    shape: `[${type.shape.join(', ')}]`,
    size: formatBytes(byteCount(type)),
  }));
  if (tensors.length === 1)
    return `live there: '${tensors[0].full}' ${listed[0].shape}, ${listed[0].size}`;
  const more = tensors.length - listed.length;
  const parts = listed.map(({ name, shape, size }) => `${name} ${shape} ${size}`);
  if (more > 0) parts.push(`${more} more`);
  return `live there: ${formatBytes(bytes)} of '${name}': ${parts.join(', ')}`;
}

/** What takes the device's memory, and what of it has been moved to the host. */
function totalMessages({ schedule, peak, deviceBytes }: PlacedMemory, target: Target): string[] {
  const { stagingBytes, arenaBytes } = schedule;
  const { device, host, live } = sortBytes(schedule, peak);
  const kept = device.reduce((sum, [, bytes]) => sum + bytes, 0);
  const rounding = deviceBytes - kept - arenaBytes - stagingBytes;
  const list = (sorts: readonly (readonly [string, number])[]) =>
    sorts.map(([what, bytes]) => `${what} ${formatBytes(bytes)}`).join(', ');
  const onDevice = list([
    ...device,
    ['arena', arenaBytes],
    ...(stagingBytes > 0 ? ([['staging', stagingBytes]] as const) : []),
    ...(rounding > 0 ? ([[TARGET_RULES[target].slabUnit, rounding]] as const) : []),
  ]);
  return [
    `on the device: ${onDevice}`,
    ...(host.length > 0 ? [`host-resident, and swapped in for their steps: ${list(host)}`] : []),
    ...(live.length > 0 ? [`live at the peak: ${list(live)}`] : []),
  ];
}

function floorMessages(floors: readonly FeasibleBudget[]): string[] {
  return floors.map(
    ({ actions: { recompute, swap }, bytes }) =>
      `smallest feasible budget with --recompute ${recompute} --swap ${swap}: ${formatBytes(bytes)} (${bytes} bytes)`,
  );
}

function smallestMessage({ deviceBytes, actions }: SmallestPlan): string {
  const deeds = actions.map(({ deed }) => deed);
  const how = deeds.length > 0 ? `, with ${deeds.join(' and ')}` : '';
  return `smallest feasible budget with these options: ${formatBytes(deviceBytes)} (${deviceBytes} bytes)${how}`;
}

/** BTC4002, BTC4003 and BTC4005: what no budget of the device would help. */
export function memoryDiagnostics(
  errors: readonly MemoryError[],
  target: Target,
  known: KnownLimits,
): Diagnostic[] {
  return errors.map((error) => memoryDiagnostic(error, target, known));
}

/** Limits that the target's defaults do not have, and which device has them. */
export interface KnownLimits {
  readonly of: string;
  readonly given: DeviceLimits;
}

/** `maxStorageBufferBindingSize of WebGPU's default limits`: the limit on one binding, by its name and its device. */
function bindingLimit(target: Target, { of, given }: KnownLimits): string {
  const all = { ...TARGETS[target].limits, ...given };
  const name = all.maxBindingBytes <= all.maxBufferBytes ? 'maxBindingBytes' : 'maxBufferBytes';
  const { limitNames, defaultLimits } = TARGETS[target];
  const device = given[name] === undefined ? defaultLimits : of;
  return `${limitNames ? limitNames[name] : name} of ${device}`;
}

function memoryDiagnostic(error: MemoryError, target: Target, known: KnownLimits): Diagnostic {
  if (error.kind === 'binding') {
    const { name, source, scope } = error.tensor;
    const args = {
      name,
      bytes: formatBytes(error.bytes),
      limit: formatBytes(error.limit),
      which: bindingLimit(target, known),
    };
    return diagnostic(4002, source, args, scope ? { scope } : {});
  }
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
