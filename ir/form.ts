// Forms describe plain data. One value of `Form<T>` is the TypeScript type T, the check of a value from a stranger
// (`problemsOf`), and the published JSON Schema (scripts/format). A file format is a table of forms with a JSDoc comment on
// every field.

/** Where a form keeps its type; no value has it. */
export declare const TYPE: unique symbol;

/** A description of plain data of type `T`. */
export type Form<T> = FormNode & { readonly [TYPE]?: T };

/** The type that a form describes. A named one keeps messages and declarations short: `interface Step extends Infer<typeof STEP> {}`. */
export type Infer<F> = F extends { readonly [TYPE]?: infer T } ? T : never;

/** What a form is made of. `wanted` stands in messages behind `must be`. */
export type FormNode =
  | { readonly kind: 'text'; readonly wanted: string; readonly pattern?: RegExp }
  | {
      readonly kind: 'number';
      readonly isWhole: boolean;
      readonly least: number;
      readonly most: number;
    }
  | { readonly kind: 'flag' }
  | { readonly kind: 'choice'; readonly values: readonly (string | number | boolean)[] }
  | {
      readonly kind: 'list';
      readonly item: FormNode;
      readonly least: number;
      readonly most: number;
    }
  | { readonly kind: 'record'; readonly key: TextNode; readonly item: FormNode }
  | { readonly kind: 'nullable'; readonly form: FormNode }
  | { readonly kind: 'object'; readonly fields: Fields; readonly optional: Fields };

type TextNode = Extract<FormNode, { kind: 'text' }>;
/** A form of strings. */
export type TextForm = TextNode & { readonly [TYPE]?: string };

/** A form of objects. It keeps the forms of its fields, and with them the comments on those. */
export interface ObjectForm<R, O> {
  readonly kind: 'object';
  readonly fields: R & Fields;
  readonly optional: O & Fields;
  readonly [TYPE]?: { readonly [Name in keyof R]: Infer<R[Name]> } & {
    readonly [Name in keyof O]?: Infer<O[Name]>;
  };
}

type Fields = Readonly<Record<string, FormNode>>;
type Typed = Readonly<Record<string, Form<unknown>>>;

/** The longest list of a plan: positions in it are indices of 32 bits. */
const MOST_ITEMS = 2 ** 32 - 1;

/** A string; one that matches `pattern` where that is given. */
export const text = (wanted = 'a string', pattern?: RegExp): TextForm => ({
  kind: 'text',
  wanted,
  ...(pattern ? { pattern } : {}),
});

/** A finite number. */
export const number = (least = -Infinity, most = Infinity): Form<number> => ({
  ...{ kind: 'number', isWhole: false, least, most },
});

/** A whole number that a double holds exactly. */
export const whole = (
  least = Number.MIN_SAFE_INTEGER,
  most = Number.MAX_SAFE_INTEGER,
): Form<number> => ({ kind: 'number', isWhole: true, least, most });

/** True or false. */
export const flag: Form<boolean> = { kind: 'flag' };

/** One of some values. */
export const oneOf = <const T extends readonly (string | number | boolean)[]>(
  ...values: T
): Form<T[number]> => ({ kind: 'choice', values });

/** An array of `least` to `most` items. */
export const list = <T>(item: Form<T>, least = 0, most = MOST_ITEMS): Form<readonly T[]> => ({
  ...{ kind: 'list', item, least, most },
});

/** An array of exactly two items. */
export const pair = <T>(item: Form<T>): Form<readonly [T, T]> => ({
  ...{ kind: 'list', item, least: 2, most: 2 },
});

/** An array of exactly three items. */
export const triple = <T>(item: Form<T>): Form<readonly [T, T, T]> => ({
  ...{ kind: 'list', item, least: 3, most: 3 },
});

/** An object whose keys are names that the file chooses; `key` is the form of those. */
export const record = <T>(key: TextForm, item: Form<T>): Form<Readonly<Record<string, T>>> => ({
  kind: 'record',
  key,
  item,
});

/** The form's values, or null. */
export const nullable = <T>(form: Form<T>): Form<T | null> => ({ kind: 'nullable', form });

/**
 * An object of these fields and no others. The mapped types are homomorphic, so that the comments on fields reach whoever reads a
 * value of the type.
 */
export const object = <R extends Typed, O extends Typed = Record<never, never>>(
  fields: R,
  optional?: O,
): ObjectForm<R, O> => ({ kind: 'object', fields, optional: optional ?? ({} as O) });

/** The same form under the name of a type that it describes, which declarations and messages then show. */
export const named = <T>(form: Form<T>): Form<T> => form;

/** One thing that is wrong with a value. */
export interface Problem {
  /** The place, `tensors[3].offset`; empty for the value itself. */
  readonly path: string;
  /** `value`: not what the form wants there. `field`: no field of the object. `key`: no key of the record. */
  readonly kind: 'value' | 'field' | 'key';
  /** What the form wants: `a whole number from 0 to 9`. */
  readonly wanted: string;
  /** What is there; undefined for nothing. */
  readonly value: unknown;
}

/** More help nobody. */
const MOST_PROBLEMS = 100;

/** What is wrong with a value, at most the first hundred; empty where it is of the form. Never throws on plain data. */
export function problemsOf(form: FormNode, value: unknown): Problem[] {
  const found: Found = { problems: [], way: [] };
  check(form, value, found);
  return found.problems;
}

interface Found {
  readonly problems: Problem[];
  /** Names and indices that lead to the value that is looked at; they become a text where something is wrong. */
  readonly way: (string | number)[];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function pathOf(way: readonly (string | number)[]): string {
  return way.reduce<string>(
    (path, part) =>
      typeof part === 'number' ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`,
    '',
  );
}

function report(
  { problems, way }: Found,
  wanted: string,
  value: unknown,
  kind: Problem['kind'] = 'value',
): void {
  if (problems.length < MOST_PROBLEMS) problems.push({ path: pathOf(way), kind, wanted, value });
}

function check(form: FormNode, value: unknown, found: Found): void {
  switch (form.kind) {
    case 'text':
      if (typeof value !== 'string' || !(form.pattern?.test(value) ?? true))
        report(found, form.wanted, value);
      return;
    case 'number':
      if (
        !(form.isWhole ? Number.isSafeInteger(value) : Number.isFinite(value)) ||
        (value as number) < form.least ||
        (value as number) > form.most
      )
        report(found, wantedNumber(form, value as number), value);
      return;
    case 'flag':
      if (typeof value !== 'boolean') report(found, 'true or false', value);
      return;
    case 'choice':
      if (!form.values.includes(value as string))
        report(found, form.values.map(quoted).join(' or '), value);
      return;
    case 'nullable':
      if (value !== null) check(form.form, value, found);
      return;
    case 'list':
      checkList(form, value, found);
      return;
    case 'record':
      checkRecord(form, value, found);
      return;
    case 'object':
      checkObject(form, value, found);
  }
}

type NodeOf<Kind extends FormNode['kind']> = Extract<FormNode, { kind: Kind }>;

function checkList({ item, least, most }: NodeOf<'list'>, value: unknown, found: Found): void {
  if (!Array.isArray(value) || value.length < least || value.length > most) {
    report(found, least === most ? `an array of ${least}` : 'an array', value);
    return;
  }
  const { problems, way } = found;
  const depth = way.push(0);
  for (let i = 0; i < value.length && problems.length < MOST_PROBLEMS; i++) {
    way[depth - 1] = i;
    check(item, value[i], found);
  }
  way.pop();
}

function checkRecord({ key, item }: NodeOf<'record'>, value: unknown, found: Found): void {
  if (!isObject(value)) {
    report(found, 'an object', value);
    return;
  }
  const { way } = found;
  const depth = way.push('');
  for (const [name, entry] of Object.entries(value)) {
    way[depth - 1] = name;
    if (!key.pattern || key.pattern.test(name)) check(item, entry, found);
    else report(found, key.wanted, entry, 'key');
  }
  way.pop();
}

function checkObject({ fields, optional }: NodeOf<'object'>, value: unknown, found: Found): void {
  if (!isObject(value)) {
    report(found, 'an object', value);
    return;
  }
  const { way } = found;
  const depth = way.push('');
  for (const name of Object.keys(fields)) {
    way[depth - 1] = name;
    check(fields[name], Object.hasOwn(value, name) ? value[name] : undefined, found);
  }
  // Inherited ones too: whoever reads the field would find them.
  for (const name of Object.keys(optional)) {
    way[depth - 1] = name;
    if (name in value) check(optional[name], value[name], found);
  }
  for (const name of Object.keys(value)) {
    way[depth - 1] = name;
    if (!Object.hasOwn(fields, name) && !Object.hasOwn(optional, name))
      report(found, 'a field', value[name], 'field');
  }
  way.pop();
}

const quoted = (value: unknown) => JSON.stringify(value);

function wantedNumber({ isWhole, least, most }: NodeOf<'number'>, value: number): string {
  if (isWhole) return `a whole number from ${least} to ${most}`;
  if (typeof value === 'number' && value > most) return `at most ${most}`;
  if (typeof value === 'number' && value < least) return `at least ${least}`;
  return most < Infinity ? 'a number' : 'a finite number';
}
