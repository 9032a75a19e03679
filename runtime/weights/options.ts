import { RuntimeError } from '../errors.ts';
import { kindOf } from '../values.ts';
import { LAYOUTS, type WeightsLayout } from './match.ts';
import type { Rename } from './rename.ts';

/** What is said of weights that are not btc's own. */
export interface ForeignOptions {
  /** Whose names and layouts the weights have: `'pytorch'`, PyTorch's and Hugging Face's; by default btc's own. */
  readonly layout?: WeightsLayout;
  /** From names of the file to those of the model's layers, before the layout is looked at. */
  readonly rename?: Rename;
  /** `'error'`, the default: every tensor of the file is one of the plan's. `'ignore'`: others are left out, and `session.restored.ignored` names them. */
  readonly unused?: 'error' | 'ignore';
}

/** What was given as `layout`; null for none. Error: `invalid-input`. */
export function checkLayout(given: unknown): WeightsLayout | null {
  if (given === undefined) return null;
  if (typeof given === 'string' && Object.hasOwn(LAYOUTS, given)) return given as WeightsLayout;
  const what = typeof given === 'string' ? `'${given}'` : kindOf(given);
  const known = Object.keys(LAYOUTS).map((name) => `'${name}'`);
  throw new RuntimeError(
    'invalid-input',
    `'layout' is ${known.join(' or ')}, but ${what} was given`,
  );
}
