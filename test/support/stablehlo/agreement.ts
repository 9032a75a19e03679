import type { StableHloModule } from '../../../compiler/interchange/stablehlo/module.ts';
import { run } from './evaluate.ts';
import { parseModule } from './parse.ts';
import type { ParsedModule } from './syntax.ts';
import { verifyModule } from './verify.ts';

/**
 * The text of an exported program, parsed and found valid, with the names and types that its manifest says.
 * @throws Error with what is wrong
 */
export function validModule({ text, manifest }: StableHloModule): ParsedModule {
  const parsed = parseModule(text);
  const problems = verifyModule(parsed);
  if (problems.length > 0) throw new Error(problems.slice(0, 5).join('\n'));
  const { parameters, results } = parsed.functions.get('main')!;
  const shown = (
    list: readonly { name: string; role: string; dtype: string; shape: readonly number[] }[],
  ) => JSON.stringify(list.map(({ name, role, dtype, shape }) => [name, role, dtype, shape]));
  const found = (list: typeof parameters | typeof results) =>
    JSON.stringify(
      list.map(({ type, attributes }) => [
        attributes['btc.name'],
        attributes['btc.role'],
        type.element,
        type.shape,
      ]),
    );
  if (shown(manifest.arguments) !== found(parameters))
    throw new Error('arguments are not as the manifest says');
  if (shown(manifest.results) !== found(results))
    throw new Error('results are not as the manifest says');
  return parsed;
}

/** Runs `@main` on values by name; gives outputs and new values by name. */
export function runMain(
  { manifest }: StableHloModule,
  parsed: ParsedModule,
  inputs: Readonly<Record<string, ArrayLike<number>>>,
  kept: Readonly<Record<string, ArrayLike<number>>>,
): { outputs: Record<string, ArrayLike<number>>; updates: Record<string, ArrayLike<number>> } {
  const given = manifest.arguments.map(
    ({ name, role }) => (role === 'input' ? inputs : kept)[name],
  );
  const made = run(parsed, 'main', given);
  const outputs: Record<string, ArrayLike<number>> = {};
  const updates: Record<string, ArrayLike<number>> = {};
  manifest.results.forEach(({ name, role }, k) => {
    (role === 'output' ? outputs : updates)[name] = made[k].data;
  });
  return { outputs, updates };
}

/** @throws Error that names the first element that is further off than `tolerance`, relative to 1 and more */
export function expectClose(
  given: Readonly<Record<string, ArrayLike<number>>>,
  wanted: Readonly<Record<string, ArrayLike<number>>>,
  tolerance: number,
): void {
  for (const [name, values] of Object.entries(wanted))
    for (let i = 0; i < values.length; i++) {
      const [one, other] = [given[name]?.[i], values[i]];
      if (Object.is(one, other) || one === other) continue;
      const error = Math.abs(one - other) / Math.max(1, Math.abs(other));
      if (!(error <= tolerance)) throw new Error(`${name}[${i}] is ${one}, not ${other}`);
    }
}
