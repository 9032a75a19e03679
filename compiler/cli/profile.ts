import { tmpdir } from 'node:os';
import type { Plan, Target } from '../../ir/plan.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { findNodeGpu } from '../../node/gpu.ts';
import { formatBytes, formatSeconds } from '../format.ts';
import type { DeviceLimits } from '../profile/device-limits.ts';
import { measureFile } from '../profile/file-rates.ts';
import { KERNEL_CLASSES } from '../profile/kernel-class.ts';
import type { FormRates } from '../profile/kernel-rates.ts';
import { measureDevice } from '../profile/measure.ts';
import { measureUploads } from '../profile/measure-uploads.ts';
import { type DeviceProfile, PROFILE_FORMAT, PROFILE_VERSION } from '../profile/profile.ts';
import type { MeasuredSession } from '../profile/timing.ts';
import { PRODUCER } from '../version.ts';
import { unwritable } from './file-reason.ts';
import { adapterName, limitsOfAdapter } from './limits-option.ts';
import { folderProblem, outputProblem } from './output-problem.ts';
import { formatPlain, fromBtc } from './report.ts';
import { style } from './style.ts';
import { table } from './table.ts';
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
    const rates = await measureDevice({
      target,
      open: (plan, module) =>
        load(plan, { ...(device ? { device } : {}), ...(module ? { module } : {}) }),
      onProgress: progress.show,
    });
    const uploads = device && (await measureUploads(device));
    const files = await measureFile(options.folder ?? tmpdir());
    const adapter = found?.adapter ?? TARGET_RULES[target].label;
    const date = new Date().toISOString().slice(0, 10);
    const profile: DeviceProfile = {
      format: PROFILE_FORMAT,
      version: PROFILE_VERSION,
      name: `${adapter}, ${date}`,
      target,
      adapter,
      date,
      versions: [PRODUCER, `node ${process.versions.node}`],
      ...rounded({ ...rates, ...files, ...(uploads ? { uploads } : {}) }),
      ...(found ? { limits: found.limits } : {}),
    };
    progress.clear();
    try {
      await writeFileAtomically(file, `${JSON.stringify(profile, null, 2)}\n`);
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

/** Four digits are more than a measurement has. */
export function rounded<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (_, part) =>
    typeof part === 'number' ? Number(part.toPrecision(4)) : part,
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

function formatProfile(profile: DeviceProfile, file: string): string {
  const { workgroups } = profile;
  const rate = (value: number, unit: string) => `${engineering(value)}${unit}/s`;
  const bytes = (value: number) => `${formatBytes(value)}/s`;
  const rows = [
    ...KERNEL_CLASSES.map((kind) => [kind, rate(profile.operationsPerSecond[kind], 'operations')]),
    ['functions', rate(profile.functionsPerSecond, 'evaluations')],
    ['random', rate(profile.randomsPerSecond, 'numbers')],
    ...(workgroups
      ? [
          [
            'contraction in workgroups',
            rate(workgroups.operationsPerSecond.contraction, 'operations'),
          ],
          ['reduction in workgroups', rate(workgroups.operationsPerSecond.reduction, 'operations')],
          ['barriers', rate(workgroups.barriersPerSecond, 'waits of an invocation')],
          ['invocations that keep it busy', String(Math.round(workgroups.concurrentInvocations))],
        ]
      : []),
    ...Object.entries<FormRates>(profile.forms ?? {}).flatMap(
      ([form, { stepSeconds, operationsPerSecond }]) => [
        [`${form}, a step of a loop`, formatSeconds(stepSeconds)],
        ...(operationsPerSecond ? [[form, rate(operationsPerSecond, 'operations')]] : []),
      ],
    ),
    ['memory', bytes(profile.memoryBytesPerSecond)],
    ['step', formatSeconds(profile.dispatchSeconds)],
    ['run', formatSeconds(profile.submitSeconds)],
    ['device to host', bytes(profile.deviceToHostBytesPerSecond)],
    ['host to device', bytes(profile.hostToDeviceBytesPerSecond)],
    ...(profile.uploads
      ? [
          ['inputs by writeBuffer', bytes(profile.uploads.writeBytesPerSecond)],
          ['inputs through mapped buffers', bytes(profile.uploads.mappedBytesPerSecond)],
        ]
      : []),
    ['transfer', formatSeconds(profile.transferSeconds)],
    ['hidden behind computation', `${(100 * profile.overlap).toFixed(0)} %`],
    ['file, read', bytes(profile.fileReadBytesPerSecond)],
    ['file, written', bytes(profile.fileWriteBytesPerSecond)],
  ];
  const use = `btc build model.ts --target ${profile.target} --profile ${file}`;
  const unknown = profile.undetermined ?? [];
  const bounds =
    unknown.length > 0 ? `not determined, the most that was seen: ${unknown.join(', ')}\n` : '';
  return `${style.bold(profile.adapter)} → ${file}\n${table(rows)}\n${bounds}${style.dim(use)}\n`;
}

function engineering(value: number): string {
  const power = Math.max(0, Math.min(4, Math.floor(Math.log10(value) / 3)));
  return `${(value / 1000 ** power).toPrecision(3)} ${['', 'k', 'M', 'G', 'T'][power]}`;
}
