// The form of a plan as `verifyPlan` relies on it: every field that the semantic checks touch is there and of its
// kind, no other field is, and every number is finite, whole and in range. It makes the verifier total on any value. The
// published form is plan.schema.json; tests hold that both refuse the same.

import { DTYPE_NAMES } from './dtypes.ts';
import { isBareFileName } from './file-name.ts';
import { PLAN_FORMAT, PLAN_VERSION } from './plan.ts';
import { isPrintable, printable } from './printable.ts';
import { TARGET_NAMES } from './targets.ts';

type Check = (value: unknown, path: string, errors: string[]) => void;

/** More messages than this help nobody. */
const MOST_ERRORS = 100;

const add = (errors: string[], message: string) => {
  if (errors.length < MOST_ERRORS) errors.push(printable(message));
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
      // Inherited ones too: whoever reads the field would find them.
      if (name in value) field(value[name], `${prefix}${name}`, errors);
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

const name = check(
  'a string without control characters',
  (value) => typeof value === 'string' && isPrintable(value),
);

const dictionary =
  (item: Check, isKey = isPrintable, keyIs = 'a name without control characters'): Check =>
  (value, path, errors) => {
    if (!isObject(value)) {
      report(errors, path, 'an object');
      return;
    }
    for (const [name, entry] of Object.entries(value)) {
      if (isKey(name)) item(entry, `${path}.${name}`, errors);
      else add(errors, `${path}.${name}: is not ${keyIs}`);
    }
  };

const nullable =
  (other: Check): Check =>
  (value, path, errors) => {
    if (value !== null) other(value, path, errors);
  };

const text = check('a string', (value) => typeof value === 'string');
/** Of a file beside the plan, whatever the system: no path, no address, no device. */
const bareFileName = check(
  'the name of a file, without a folder',
  (value) => typeof value === 'string' && isBareFileName(value),
);
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
const dtype = oneOf(...DTYPE_NAMES);
const shape = list(whole(1, Number.MAX_SAFE_INTEGER), 0, 64);

const tensor = {
  name,
  dtype,
  shape,
  role: oneOf('input', 'output', 'activation', 'parameter', 'state', 'optimiser'),
  program: nullable(name),
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
const input = { name, tensor: index, dtype, shape, default: nullable(finite), counter: flag };
const output = { name, tensor: index, dtype, shape };
const source = nullable(index);
const contraction = {
  equation: name,
  sizes: dictionary(
    whole(1, Number.MAX_SAFE_INTEGER),
    (key) => /^\p{L}$/u.test(key),
    'a letter of an equation',
  ),
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
  label: name,
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
    name,
    target: oneOf(...TARGET_NAMES),
    producer: name,
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
      packing: record({ method: name, gapBytes: bytes }),
    }),
    slabs: list(record({ bytes })),
    tensors: list(
      record(tensor, {
        initial: finite,
        copyOf: record({ tensor: index, by: oneOf('recompute', 'swap') }),
        source: index,
      }),
    ),
    kernels: list(
      record(
        {
          name,
          text,
          bindings: list(record({ dtype, access: oneOf('read', 'write', 'read_write'), bytes })),
        },
        { wgsl: text, export: name },
      ),
    ),
    programs: dictionary(
      record(
        {
          steps: list(
            record(step, { offsets: list(bytes), macs: bytes, seconds, recomputed: oneOf(true) }),
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
    profile: name,
    sources: list(record({ frame: nullable(index) }, { scope: name, pass: name })),
    frames: list(record({ file: name, line: bytes, column: bytes }, { from: index })),
    actions: record({ recompute: name, swap: name }),
    swap: record({
      staging: bufferSet,
      reading: bufferSet,
      writing: bufferSet,
      slots: list(record(slot)),
    }),
    module: record({ file: bareFileName, bytes, sha256: digest, pages: whole(0, 65536) }),
    limits: record({
      maxWorkgroupInvocations: bytes,
      maxWorkgroupBytes: bytes,
      maxWorkgroupsPerDimension: bytes,
    }),
  },
);

/** What is wrong with the form of `value` as a plan, as `field path: reason`; empty when nothing is. */
export function planFormErrors(value: unknown): string[] {
  const errors: string[] = [];
  plan(value, '', errors);
  return errors;
}
