import { DTYPE_NAMES, STORAGE_TYPE_NAMES } from '../dtypes.ts';
import { type Infer, list, number, oneOf, text, whole } from '../form.ts';
import { CONTROL_CLASS } from '../printable.ts';
import { TARGET_NAMES } from '../targets.ts';

// Kinds of values that many fields of a plan have.

/** Text without control characters. */
export const NAME = text(
  'a string without control characters',
  new RegExp(`^[^${CONTROL_CLASS}]*$`, 'u'),
);

/** The same as a key. */
export const NAME_KEY = text('a name without control characters', NAME.pattern);

/** A number of bytes. */
export const BYTES = whole(0);

/** A count. */
export const COUNT = whole(0);

/** A position in one of the plan's lists, from 0. */
export const INDEX = whole(0, 2 ** 32 - 1);

/** A time in seconds. */
export const SECONDS = number(0);

/** Element type of values. */
export const DTYPE = oneOf(...DTYPE_NAMES);

/** Element type in memory. */
export const STORAGE_TYPE = oneOf(...STORAGE_TYPE_NAMES);

/** Extents, outermost first; [] is a scalar. */
export const SHAPE = list(whole(1), 0, 64);

export const TARGET = oneOf(...TARGET_NAMES);
/** What executes a plan. */
export type Target = Infer<typeof TARGET>;
