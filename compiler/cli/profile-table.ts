import { formatBytes, formatSeconds } from '../format.ts';
import { KERNEL_CLASSES } from '../profile/kernel-class.ts';
import type { FormRates } from '../profile/kernel-rates.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import { style } from './style.ts';
import { table } from './table.ts';

/** What `btc profile` prints of a profile that it has written to a file. */
export function formatProfile(profile: DeviceProfile, file: string): string {
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
