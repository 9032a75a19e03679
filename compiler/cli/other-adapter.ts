import type { Plan } from '../../ir/plan.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { TARGETS } from '../targets/index.ts';

/** How a session describes an adapter that does not say what it is. */
const NAMELESS = 'GPU';
/** What a session's description has behind the adapter's name. */
const API = / \(WebGPU\)$/;

/** BTC6022, a warning, where the adapter is not the one that the plan's times were predicted for. */
export function otherAdapter({
  plan: { target, adapter: other },
  description,
}: {
  readonly plan: Pick<Plan, 'target' | 'adapter'>;
  readonly description: string;
}): Diagnostic | null {
  const adapter = description.replace(API, '');
  if (!TARGETS[target].hasAdapters || other === undefined || adapter === NAMELESS) return null;
  if (isAdapter(description, other)) return null;
  return diagnostic(6022, null, { adapter, other }, { category: 'warning' });
}

/**
 * Whether a session of this description runs on the adapter of a profile: if its name begins with that. Some put versions of their
 * parts behind it.
 */
export function isAdapter(description: string, adapter: string): boolean {
  return adapter !== '' && description.toLowerCase().startsWith(adapter.toLowerCase());
}
