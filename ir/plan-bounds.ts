import type { Plan, PlanBound } from './plan.ts';
import type { Report } from './plan-report.ts';

/** Quotients differ in their last digits by how they are computed. */
const TOLERANCE = 1e-9;

/** Bounds are about the figures that the plan has, and their gaps are what they say; that of the live bytes is proved. */
export function verifyBounds({ memory, programs }: Plan, report: Report): void {
  const { bounds } = memory;
  if (bounds) {
    verifyBound('memory.bounds.packing', bounds.packing, memory.arenaBytes, report);
    if (bounds.packing.lowerBound > memory.peakLiveBytes)
      report(
        'memory.bounds.packing.lowerBound',
        `${bounds.packing.lowerBound}, but ${memory.peakLiveBytes} bytes are live at the peak`,
      );
    verifyBound('memory.bounds.step', bounds.step, memory.deviceBytes, report);
  }
  for (const [name, { bound, predicted }] of Object.entries(programs)) {
    if (!bound) continue;
    const path = `programs.${name}.bound`;
    if (predicted) verifyBound(path, bound, predicted.seconds, report);
    else report(path, 'there is no prediction that it could be of');
  }
}

function verifyBound(
  path: string,
  { lowerBound, value, gap }: PlanBound,
  figure: number,
  report: Report,
): void {
  if (value !== figure) report(`${path}.value`, `${value}, but the plan has ${figure}`);
  if (lowerBound > value) report(`${path}.lowerBound`, `${lowerBound} is above ${value}`);
  const counted = lowerBound === 0 ? (value === 0 ? 0 : null) : value / lowerBound - 1;
  const isSame =
    gap === null || counted === null
      ? gap === counted
      : Math.abs(gap - counted) <= TOLERANCE * (1 + counted);
  if (!isSame) report(`${path}.gap`, `${gap}, but it is ${counted}`);
}
