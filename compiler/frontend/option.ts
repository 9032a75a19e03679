import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { currentSpan } from '../reporting/call-sites.ts';
import type { Model } from './model.ts';
import { createScopes } from './option-scopes.ts';

/** What an {@link option} of a model may hold. */
export type OptionValue = number | string | boolean;

/** An option as a model declared it. */
export interface DeclaredOption {
  readonly name: string;
  readonly default: OptionValue;
  readonly value: OptionValue;
}

/** Values that are given to options of a model, and the options that it declared so far. */
export interface GivenOptions {
  readonly overrides: Readonly<Record<string, OptionValue>>;
  readonly declared: Map<string, DeclaredOption>;
  /** Of declarations, until they are reported. */
  readonly diagnostics: Diagnostic[];
}

/** Of the model function that is running: several may, each with awaits in between. */
const scopes = createScopes<GivenOptions>();

/** What a value of an option may be set to: any of its kind. */
export type Widened<T extends OptionValue> = T extends number
  ? number
  : T extends string
    ? string
    : boolean;

/**
 * A number, string or boolean that is chosen when the model is built: `btc build model.ts --set batch=64`, or
 * `compile(() => model, { set: { batch: 64 } })`. The default decides the type.
 *
 * Errors: BTC1006 for a value of another type, BTC1013 for two declarations with different defaults.
 */
export function option<T extends OptionValue>(name: string, fallback: T): Widened<T> {
  const scope = scopes.getStore();
  if (!scope) return fallback as unknown as Widened<T>;
  const { overrides, declared, diagnostics } = scope;
  const known = declared.get(name);
  if (known) {
    if (!Object.is(known.default, fallback)) {
      diagnostics.push(
        diagnostic(1013, currentSpan(), {
          name,
          first: String(known.default),
          second: String(fallback),
        }),
      );
    }
    return known.value as Widened<T>;
  }
  let value: OptionValue = fallback;
  if (Object.hasOwn(overrides, name)) {
    const converted = convert(overrides[name], typeof fallback);
    if (converted === null) {
      diagnostics.push(
        diagnostic(1006, currentSpan(), {
          name,
          wanted: typeof fallback,
          given: String(overrides[name]),
        }),
      );
    } else {
      value = converted;
    }
  }
  declared.set(name, { name, default: fallback, value });
  return value as Widened<T>;
}

/** The command line gives strings; the API may give values of the right type. */
function convert(given: OptionValue, wanted: string): OptionValue | null {
  if (typeof given === wanted) return given;
  if (typeof given !== 'string') return null;
  if (wanted === 'number') {
    const number = Number(given);
    return given.trim() !== '' && Number.isFinite(number) ? number : null;
  }
  return given === 'true' ? true : given === 'false' ? false : null;
}

/** Option values that are given, before any option is declared. */
export const givenOptions = (overrides: Readonly<Record<string, OptionValue>>): GivenOptions => ({
  ...{ overrides, declared: new Map(), diagnostics: [] },
});

/** Models of files, whose `build` may declare options too: they are traced after their file was evaluated. */
const optionsOfModels = new WeakMap<Model, GivenOptions>();

/** The model is traced with these values, and what it declares then counts as declared. */
export const keepOptions = (model: Model, given: GivenOptions): void => {
  optionsOfModels.set(model, given);
};

/** What {@link keepOptions} was told of a model, or null. */
export const keptOptions = (model: Model): GivenOptions | null =>
  optionsOfModels.get(model) ?? null;

/** Evaluates `fn` with option values in place and says what was wrong with the options it declared. */
export async function withOptions<T>(
  given: GivenOptions,
  fn: () => T | Promise<T>,
): Promise<{ result: T; diagnostics: readonly Diagnostic[] }> {
  const result = await scopes.run(given, async () => fn());
  return { result, diagnostics: given.diagnostics.splice(0) };
}

/** BTC1005 for each value that is given to an option that nothing declared. */
export function unknownOptions({ overrides, declared }: GivenOptions, model: string): Diagnostic[] {
  const names = [...declared.keys()];
  return Object.keys(overrides)
    .filter((name) => !names.includes(name))
    .map((name) =>
      diagnostic(
        1005,
        null,
        { name, model, options: names.join(', ') || 'none' },
        { choice: { given: name, among: names } },
      ),
    );
}
