// The form of a plan as `verifyPlan` relies on it: every field that the semantic checks touch is there and of its
// kind, no other field is, and every number is finite, whole and in range. It makes the verifier total on any value. The
// published form is plan.schema.json; tests hold that both refuse the same.

import { PLAN_FORMAT, PLAN_VERSION } from './plan.ts';

type Check = (value: unknown, path: string, errors: string[]) => void;

/** More messages than this help nobody. */
const MOST_ERRORS = 100;

const add = (errors: string[], message: string) => {
  if (errors.length < MOST_ERRORS) errors.push(message);
};

const report = (errors: string[], path: string, wanted: string) =>
  add(errors, `${path}: must be ${wanted}`);

const check =
  (wanted: string, holds: (value: unknown) => boolean): Check =>
  (value, path, errors) => {
    if (!holds(value)) report(errors, path, wanted);
  };

const whole = (least: number, most: number): Check =>
  check(
    `a whole number from ${least} to ${most}`,
    (value) =>
      Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
  );

const oneOf = (...values: readonly unknown[]): Check =>
  check(values.map((value) => JSON.stringify(value)).join(' or '), (value) =>
    values.includes(value),
  );

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const record =
  (
    fields: Readonly<Record<string, Check>>,
    optional: Readonly<Record<string, Check>> = {},
  ): Check =>
  (value, path, errors) => {
    if (!isObject(value)) {
      report(errors, path, 'an object');
      return;
    }
    const prefix = path === '' ? '' : `${path}.`;
    for (const [name, field] of Object.entries(fields)) {
      field(Object.hasOwn(value, name) ? value[name] : undefined, `${prefix}${name}`, errors);
    }
    for (const [name, field] of Object.entries(optional)) {
      if (Object.hasOwn(value, name)) field(value[name], `${prefix}${name}`, errors);
    }
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(fields, name) && !Object.hasOwn(optional, name))
        add(errors, `${prefix}${name}: is not a field of a plan of this version`);
    }
  };

const list =
  (item: Check, least = 0, most = 2 ** 32 - 1): Check =>
  (value, path, errors) => {
    if (!Array.isArray(value) || value.length < least || value.length > most) {
      report(errors, path, least === most ? `an array of ${least}` : 'an array');
      return;
    }
    for (let i = 0; i < value.length && errors.length < MOST_ERRORS; i++) {
      item(value[i], `${path}[${i}]`, errors);
    }
  };

const dictionary =
  (item: Check, key = /^/u, keyIs = 'a name'): Check =>
  (value, path, errors) => {
    if (!isObject(value)) {
      report(errors, path, 'an object');
      return;
    }
    for (const [name, entry] of Object.entries(value)) {
      if (key.test(name)) item(entry, `${path}.${name}`, errors);
      else add(errors, `${path}.${name}: is not ${keyIs}`);
    }
  };

const nullable =
  (other: Check): Check =>
  (value, path, errors) => {
    if (value !== null) other(value, path, errors);
  };

const text = check('a string', (value) => typeof value === 'string');
const digest = check(
  'a SHA-256 in 64 hexadecimal digits',
  (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value),
);
const flag = check('true or false', (value) => typeof value === 'boolean');
const finite = check('a finite number', Number.isFinite);
const seconds = check(
  'a number of seconds',
  (value) => Number.isFinite(value) && (value as number) >= 0,
);
const bytes = whole(0, Number.MAX_SAFE_INTEGER);
const index = whole(0, 2 ** 32 - 1);
const dtype = oneOf('f32', 'i32');
const shape = list(whole(1, Number.MAX_SAFE_INTEGER), 0, 64);

const tensor = {
  name: text,
  dtype,
  shape,
  role: oneOf('input', 'output', 'activation', 'parameter', 'state', 'optimiser'),
  program: nullable(text),
  slab: nullable(index),
  offset: bytes,
  bytes,
  firstStep: index,
  lastStep: index,
  policy: oneOf('persistent', 'arena', 'in-place', 'host'),
};
const integer = whole(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
const range = record(
  { low: integer, high: integer },
  {
    except: list(integer, 1),
    part: list(list(whole(0, Number.MAX_SAFE_INTEGER), 3, 3), 0, 64),
  },
);
const input = { name: text, tensor: index, dtype, shape, default: nullable(finite), counter: flag };
const output = { name: text, tensor: index, dtype, shape };
const source = nullable(index);
const contraction = {
  equation: text,
  sizes: dictionary(whole(1, Number.MAX_SAFE_INTEGER), /^\p{L}$/u, 'a letter of an equation'),
  order: list(list(index, 2, 2)),
  method: oneOf('exact', 'heuristic', 'bounded'),
  macs: bytes,
  trainMacs: nullable(bytes),
  leftToRightMacs: bytes,
  denseMacs: bytes,
  times: bytes,
  source,
};
const step = {
  kernel: index,
  grid: list(whole(1, 2 ** 32 - 1), 3, 3),
  bindings: list(index),
  flops: bytes,
  bytesMoved: bytes,
  label: text,
  source,
};

const predicted = {
  seconds,
  stepSeconds: seconds,
  recomputeSeconds: seconds,
  swapSeconds: seconds,
  interfaceSeconds: seconds,
};
const transfer = { kind: oneOf('out', 'in'), tensor: index, slot: index, step: index };
const bufferSet = record({ buffers: whole(0, 64), bytes });
const slot = {
  tier: oneOf('memory', 'file'),
  offset: bytes,
  bytes,
  tensor: nullable(index),
  copies: oneOf(1, 2),
};

const plan = record(
  {
    format: oneOf(PLAN_FORMAT),
    version: oneOf(PLAN_VERSION),
    name: text,
    target: oneOf('webgpu', 'wasm'),
    producer: text,
    memory: record({
      budgetBytes: nullable(bytes),
      deviceBytes: bytes,
      arenaBytes: bytes,
      persistentBytes: bytes,
      stagingBytes: bytes,
      hostBytes: bytes,
      host: record({
        homeBytes: bytes,
        snapshotBytes: bytes,
        valueBytes: bytes,
        readingBytes: bytes,
        writingBytes: bytes,
      }),
      snapshotOptionBytes: bytes,
      spillBytes: bytes,
      peakLiveBytes: bytes,
      packing: record({ method: text, gapBytes: bytes }),
    }),
    slabs: list(record({ bytes })),
    tensors: list(
      record(tensor, {
        initial: finite,
        again: record({ of: index, by: oneOf('recompute', 'swap') }),
        source: index,
      }),
    ),
    kernels: list(
      record(
        {
          name: text,
          text,
          bindings: list(record({ dtype, access: oneOf('read', 'write', 'read_write'), bytes })),
        },
        { wgsl: text, export: text },
      ),
    ),
    programs: dictionary(
      record(
        {
          steps: list(
            record(step, { offsets: list(bytes), macs: bytes, seconds, again: oneOf(true) }),
          ),
          inputs: list(record(input, { ranges: list(range, 1) })),
          outputs: list(record(output)),
        },
        {
          contractions: list(record(contraction, { windows: list(index) })),
          transfers: list(record(transfer)),
          predicted: record(predicted),
        },
      ),
    ),
  },
  {
    profile: text,
    sources: list(record({ frame: nullable(index) }, { scope: text, pass: text })),
    frames: list(record({ file: text, line: bytes, column: bytes }, { from: index })),
    levers: record({ recompute: text, swap: text }),
    swap: record({
      staging: bufferSet,
      reading: bufferSet,
      writing: bufferSet,
      slots: list(record(slot)),
    }),
    module: record({ file: text, bytes, sha256: digest, pages: whole(0, 65536) }),
  },
);

/** What is wrong with the form of `value` as a plan, as `field path: reason`; empty when nothing is. */
export function planFormErrors(value: unknown): string[] {
  const errors: string[] = [];
  plan(value, '', errors);
  return errors;
}
