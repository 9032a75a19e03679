import { tmpdir } from 'node:os';
import type { Plan, Target } from '../../ir/plan.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { findNodeGpu } from '../../node/gpu.ts';
import type { DeviceLimits } from '../profile/device-limits.ts';
import { measureFile } from '../profile/file-rates.ts';
import { type Measuring, measureDevice } from '../profile/measure.ts';
import { measureUploads } from '../profile/measure-uploads.ts';
import { partialProfile } from '../profile/partial-profile.ts';
import { type DeviceProfile, PROFILE_FORMAT, PROFILE_VERSION } from '../profile/profile.ts';
import type { MeasuredSession } from '../profile/timing.ts';
import { PRODUCER } from '../version.ts';
import { type Ending, withCleanup } from './ending.ts';
import { unwritable } from './file-reason.ts';
import { keepFound, sayInterrupted } from './interrupted.ts';
import { adapterName, limitsOfAdapter } from './limits-option.ts';
import { folderProblem, outputProblem } from './output-problem.ts';
import { nearestProfile, readProfileFile } from './profile-file.ts';
import { formatProfile } from './profile-table.ts';
import { formatPlain, fromBtc } from './report.ts';
import { CLEAR_LINE } from './terminal.ts';
import { problemOf } from './usage.ts';

export interface ProfileCommandOptions {
  readonly target: Target;
  readonly output?: string;
  readonly folder?: string;
  readonly json?: boolean;
}

export type Load = (
  plan: Plan,
  options: { device?: GPUDevice; module?: Uint8Array },
) => Promise<MeasuredSession>;

export async function profileCommand(options: ProfileCommandOptions): Promise<number> {
  const { target } = options;
  const file = options.output ?? `${target}.profile.json`;
  const unfit =
    (await outputProblem([], { '--output': file })) ??
    (options.folder === undefined ? null : await folderProblem(options.folder));
  if (unfit) {
    console.error(formatPlain(fromBtc(unfit)));
    return 1;
  }
  const progress = showMeasurements();
  let device: GPUDevice | null = null;
  try {
    const { load } = (await import('btc-compiler/runtime' as string)) as { load: Load };
    const found = await OPEN_DEVICE[target]();
    device = found?.device ?? null;
    const adapter = found?.adapter ?? TARGET_RULES[target].label;
    const date = new Date().toISOString().slice(0, 10);
    const head = {
      format: PROFILE_FORMAT,
      version: PROFILE_VERSION,
      name: `${adapter}, ${date}`,
      target,
      adapter,
      date,
      versions: [PRODUCER, `node ${process.versions.node}`],
    } as const;
    const offered = found ? { limits: found.limits } : {};
    const begun: Begun = { head, offered, base: await baseOf(file, target, adapter) };
    const measured = await measuredOr(file, begun, progress, (onFound) =>
      measureAll(options, device, load, progress.show, onFound),
    );
    const profile: DeviceProfile = { ...head, ...rounded(measured), ...offered };
    progress.clear();
    try {
      await writeFileAtomically(file, textOf(profile));
    } catch (error) {
      console.error(formatPlain(fromBtc(unwritable(file, error))));
      return 1;
    }
    if (options.json) console.log(JSON.stringify(profile, null, 2));
    else process.stdout.write(formatProfile(profile, file));
    return 0;
  } catch (error) {
    progress.clear();
    console.error(formatPlain(fromBtc(problemOf(error))));
    return 1;
  } finally {
    device?.destroy();
  }
}

/** What a profile is of, and what it has in place of rates that are not found. */
interface Begun {
  readonly head: Pick<
    DeviceProfile,
    'format' | 'version' | 'name' | 'target' | 'adapter' | 'date' | 'versions'
  >;
  readonly offered: Pick<DeviceProfile, 'limits'>;
  readonly base: DeviceProfile;
}

type OnFound = NonNullable<Measuring['onFound']>;

/** What `measure` gives; a signal meanwhile leaves in the file what was found so far. */
function measuredOr<T>(
  file: string,
  { head, offered, base }: Begun,
  progress: ReturnType<typeof showMeasurements>,
  measure: (onFound: OnFound) => Promise<T>,
): Promise<T> {
  let part: { readonly text: string; readonly number: number; readonly count: number } | null =
    null;
  const keep = (ending: Ending) => {
    progress.clear();
    if (!part) return sayInterrupted(ending, 'no rate is measured yet, and nothing was written');
    const some = `${part.number} of ${part.count} measured so far`;
    keepFound(file, part.text, `${some}, all else as in the profile '${base.name}'`);
  };
  return withCleanup(keep, () =>
    measure((rates, number, count) => {
      const whole = { ...partialProfile(base, rates), ...head, ...offered };
      part = { text: textOf({ ...whole, name: `${head.name}, in part` }), number, count };
    }),
  );
}

async function measureAll(
  { target, folder }: ProfileCommandOptions,
  device: GPUDevice | null,
  load: Load,
  onProgress: NonNullable<Measuring['onProgress']>,
  onFound: OnFound,
) {
  const rates = await measureDevice({
    target,
    open: async (plan, module) => {
      // So that signals arrive, also where kernels run in this thread.
      await new Promise((resolve) => setImmediate(resolve));
      return load(plan, { ...(device ? { device } : {}), ...(module ? { module } : {}) });
    },
    ...{ onProgress, onFound },
  });
  const uploads = device && (await measureUploads(device));
  const files = await measureFile(folder ?? tmpdir());
  return { ...rates, ...files, ...(uploads ? { uploads } : {}) };
}

const textOf = (profile: DeviceProfile) => `${JSON.stringify(rounded(profile), null, 2)}\n`;

/** What a profile that is not finished has in place of rates: those of an earlier one of the adapter, or the nearest. */
async function baseOf(file: string, target: Target, adapter: string): Promise<DeviceProfile> {
  const earlier = await readProfileFile(file);
  const isSame =
    'profile' in earlier &&
    earlier.profile.target === target &&
    earlier.profile.adapter === adapter;
  return isSame ? earlier.profile : nearestProfile(target, adapter);
}

/** The device that a profile is of, where the runtime does not open one itself. */
const OPEN_DEVICE: Readonly<Record<Target, () => Promise<OpenedDevice | null>>> = {
  webgpu: openDevice,
  wasm: async () => null,
};

interface OpenedDevice {
  readonly device: GPUDevice;
  readonly adapter: string;
  readonly limits: DeviceLimits;
}

async function openDevice(): Promise<OpenedDevice> {
  const { gpu, reason } = await findNodeGpu();
  if (!gpu) throw new Error(`${reason}; --target wasm profiles WebAssembly`);
  const adapter = await (gpu as GPU).requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('the WebGPU adapter has gone');
  const limits = limitsOfAdapter(adapter);
  return { device: await adapter.requestDevice(), adapter: adapterName(adapter), limits };
}

/** Four digits are more than a measurement has; whole numbers are limits and counts. */
export function rounded<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (_, part) =>
    typeof part === 'number' && !Number.isInteger(part) ? Number(part.toPrecision(4)) : part,
  ) as T;
}

/** A line on the terminal that says what is measured. */
export function showMeasurements() {
  const stream = process.stderr;
  const clear = () => {
    if (!stream.isTTY) return;
    stream.write(CLEAR_LINE);
  };
  return {
    clear,
    show: (name: string, number: number, count: number) => {
      clear();
      stream.write(`  ${number} of ${count}: ${name}${stream.isTTY ? '' : '\n'}`);
    },
  };
}
