import { problemsOf } from './form.ts';
import { PLAN } from './plan-fields/root.ts';
import { printable } from './printable.ts';

/**
 * What is wrong with the form of `value` as a plan of the newest version, as `field path: reason`; empty when nothing is. It makes
 * the verifier total on any value. The published form, plan.schema.json, is generated from the same table.
 */
export function planFormErrors(value: unknown): string[] {
  return problemsOf(PLAN, value).map(({ path, kind, wanted }) =>
    printable(
      kind === 'field'
        ? `${path}: is not a field of a plan of this version`
        : `${path}: ${kind === 'key' ? 'is not' : 'must be'} ${wanted}`,
    ),
  );
}
