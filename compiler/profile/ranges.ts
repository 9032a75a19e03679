import { number } from '../../ir/form.ts';

// The limits leave out what no device is.

/** A time in seconds. */
export const PROFILE_SECONDS = number(1e-10, 10);

/** Bytes per second. */
export const BYTE_RATE = number(1e3, 1e14);

/** Operations per second. */
export const OPERATION_RATE = number(1e3, 1e16);
