import { Tensor } from '../frontend/tensor.ts';
import * as language from '../language.ts';
import { report } from '../reporting/report.ts';
import { wrongGiven } from './literals.ts';

// What a file writes out is judged before it runs (literals.ts). What is called by another name, through a variable, or as a method of a
// tensor is judged here, when it is called.

type AnyFunction = (this: unknown, ...given: unknown[]) => unknown;

let checked: Readonly<Record<string, unknown>> | null = null;

/** The language as models in a page get it: calls that types would forbid are BTC5209. Methods of tensors are changed where they are, once. */
export function checkedLanguage(): Readonly<Record<string, unknown>> {
  checked ??= checkAll();
  return checked;
}

function checkAll(): Readonly<Record<string, unknown>> {
  for (const [name, { value }] of Object.entries(
    Object.getOwnPropertyDescriptors(Tensor.prototype),
  ))
    if (typeof value === 'function' && name !== 'constructor' && name in language)
      Object.defineProperty(Tensor.prototype, name, {
        value: checkedMethod(name, value as AnyFunction),
      });
  const functions = Object.entries(language).map(([name, value]) => [
    name,
    typeof value === 'function' ? checkedFunction(name, value as AnyFunction) : value,
  ]);
  return Object.fromEntries(functions);
}

/** By the same name on the stack, as both below. */
const named = (name: string, fn: AnyFunction): AnyFunction =>
  Object.defineProperty(fn, 'name', { value: name });

const checkedFunction = (name: string, fn: AnyFunction): AnyFunction =>
  named(name, (...given) => {
    const wrong = wrongGiven(name, given);
    if (wrong) report(5209, { op: name, ...wrong });
    return fn(...given);
  });

/** As the free function of the name, whose first argument is the tensor. */
const checkedMethod = (name: string, fn: AnyFunction): AnyFunction =>
  named(name, function (this: unknown, ...given) {
    const wrong = wrongGiven(name, [this, ...given]);
    // Too many are counted by every method itself.
    if (wrong && given.length <= fn.length) report(5209, { op: name, ...wrong });
    return fn.apply(this, given);
  });
