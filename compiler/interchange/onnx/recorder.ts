import { currentTrace } from '../../frontend/context.ts';
import { Tensor } from '../../frontend/tensor.ts';
import * as language from '../../language.ts';

/** The functions of the language, under their own names and types. */
export type Language = typeof language;

/** An argument of a call that was recorded. */
export type Argument =
  | { readonly kind: 'plain'; readonly value: number | string | boolean | undefined }
  | { readonly kind: 'list'; readonly items: readonly Argument[] }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [string, Argument])[] }
  /** An initialiser of the language, by its kind. */
  | { readonly kind: 'initialiser'; readonly name: string }
  | { readonly kind: 'result'; readonly call: number; readonly path: string };

/** One call of a function of the language, or of what an earlier call gave. */
export interface Call {
  readonly callee: string | { readonly call: number };
  readonly args: readonly Argument[];
  /** The node that it is of, by its place in the import. */
  readonly step: number;
}

/** What a program of the model asks of the language, call by call. */
export interface Recorder {
  readonly f: Language;
  readonly calls: Call[];
  /** What an object that a call gave is of them. */
  find(value: object): Argument | null;
  /** States which input of the model a tensor is. */
  name(value: Tensor, name: string): void;
  /** Inputs of the model that calls have read. */
  readonly read: ReadonlySet<string>;
  /** Where calls come from. */
  step: number;
  /** Whether calls go unrecorded: of what is computed while the model is imported. */
  paused: boolean;
}

/** What a mistake becomes that a function of the language reports. */
export type OnMistake = (message: string) => never;

/**
 * The language, each call of which is done and written down. Functions of several results, and layers, which are functions themselves,
 * give values that are known by the call and the path to them.
 */
export function createRecorder(onMistake: OnMistake): Recorder {
  const results = new WeakMap<object, Argument>();
  const wrapped = new Map<string, unknown>();
  const read = new Set<string>();
  const recorder: Recorder = {
    f: new Proxy(language, {
      get: (_, name: string) => {
        if (!wrapped.has(name)) wrapped.set(name, wrap(name));
        return wrapped.get(name);
      },
    }),
    calls: [],
    read,
    find: (value) => results.get(value) ?? null,
    name: (value, name) =>
      void results.set(value, { kind: 'result', call: INPUT_CALL, path: name }),
    step: 0,
    paused: false,
  };

  function wrap(name: string): unknown {
    const own = (language as unknown as Record<string, unknown>)[name];
    return typeof own === 'function' ? recorded(name, own as Callable) : own;
  }

  function recorded(callee: Call['callee'], own: Callable): Callable {
    return (...args) => {
      const { diagnostics } = currentTrace('the import');
      const before = diagnostics.length;
      const result = own(...args);
      const mistake = diagnostics.slice(before).find(({ category }) => category === 'error');
      if (mistake) onMistake(mistake.message);
      return recorder.paused ? result : note(callee, args, result);
    };
  }

  function note(callee: Call['callee'], args: readonly unknown[], result: unknown): unknown {
    // A view that changes nothing is its operand.
    if (result instanceof Tensor && results.has(result)) return result;
    const call = recorder.calls.length;
    recorder.calls.push({ callee, args: args.map(argument), step: recorder.step });
    if (typeof result === 'function' && !(result instanceof Tensor)) {
      const layer = withValues(recorded({ call }, result as Callable), result, call);
      results.set(layer, { kind: 'result', call, path: '' });
      return layer;
    }
    remember(result, call, '');
    return result;
  }

  /** A layer that was recorded; what it holds, such as its weight, is known by the call and its name. */
  function withValues(layer: Callable, own: object, call: number): Callable {
    return new Proxy(layer, {
      get: (_, name) => {
        const value: unknown = Reflect.get(own, name);
        if (value instanceof Tensor && !results.has(value) && typeof name === 'string')
          results.set(value, { kind: 'result', call, path: `.${name}` });
        return value;
      },
    });
  }

  function remember(value: unknown, call: number, path: string): void {
    if (typeof value !== 'object' || value === null) return;
    results.set(value, { kind: 'result', call, path });
    if (value instanceof Tensor) return;
    if (Array.isArray(value))
      for (const [k, item] of value.entries()) remember(item, call, `${path}[${k}]`);
    else for (const [key, item] of Object.entries(value)) remember(item, call, `${path}.${key}`);
  }

  function argument(value: unknown): Argument {
    const known = typeof value === 'object' && value !== null ? results.get(value) : undefined;
    if (known?.kind === 'result' && known.call === INPUT_CALL) read.add(known.path);
    if (known) return known;
    if (value instanceof Tensor) throw new Error('a tensor that no call has given');
    if (Array.isArray(value)) return { kind: 'list', items: value.map(argument) };
    if (ArrayBuffer.isView(value))
      return { kind: 'list', items: Array.from(value as unknown as ArrayLike<number>, argument) };
    if (typeof value === 'object' && value !== null) {
      const name = initialiserName(value);
      if (name) return { kind: 'initialiser', name };
      const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
      return { kind: 'object', entries: entries.map(([key, entry]) => [key, argument(entry)]) };
    }
    return { kind: 'plain', value: value as number | string | boolean | undefined };
  }

  return recorder;
}

type Callable = (...args: unknown[]) => unknown;

/** The call of an input of the model, whose path is the input's name. */
export const INPUT_CALL = -1;

/** The name that an initialiser has in `init`, for those without arguments. */
function initialiserName(value: object): string | null {
  for (const [name, known] of Object.entries(language.init)) if (known === value) return name;
  return null;
}
