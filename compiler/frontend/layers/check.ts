import { report } from '../../reporting/report.ts';
import { isPoisoned } from '../context.ts';
import type { Tensor } from '../tensor.ts';

/** BTC2015 for the first size of a layer that is not a positive integer. */
export function checkSizes(layer: string, sizes: Readonly<Record<string, number>>): boolean {
  for (const [name, value] of Object.entries(sizes)) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    report(2015, { op: layer, name, value: String(value), wanted: 'a positive integer' });
    return false;
  }
  return true;
}

/** BTC2003 for an input that is not f32, BTC2014 for one whose last axis has not `features`. Silent after a mistake. */
export function checkFeatures(layer: string, x: Tensor, features: number): boolean {
  if (isPoisoned(x)) return false;
  if (x.dtype !== 'f32') {
    report(2003, { op: layer, wanted: 'an f32 tensor', given: x.dtype });
    return false;
  }
  const given = x.shape[x.rank - 1];
  if (given === features) return true;
  report(2014, { layer, given: given ?? 'no', wanted: features });
  return false;
}
