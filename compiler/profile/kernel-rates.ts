import { type Infer, list, named, number, object } from '../../ir/form.ts';
import { OPERATION_RATE, PROFILE_SECONDS } from './ranges.ts';

// What version 2 of the format adds: rates that depend on how a kernel is made and on how much it touches.

/** A rate of kernels or copies of some size. */
export interface RatePoint extends Infer<typeof RATE_POINT> {}
export const RATE_POINT = object({
  /** Bytes that the kernel or the copy moves. */
  bytes: number(1, 1e15),
  /** Operations or bytes per second, at that size. */
  perSecond: number(1, 1e16),
});

/** Rates by size, sizes ascending. Between them the rate is interpolated in logarithms, beyond them it stays. */
export const RATE_TABLE = list(named<RatePoint>(RATE_POINT), 1, 100);

/** Rates of kernels that are made in one way. */
export interface FormRates extends Infer<typeof FORM_RATES> {}
export const FORM_RATES = object(
  {
    /** Time of one step of the loop that one invocation walks: what a kernel of few invocations waits for. */
    stepSeconds: PROFILE_SECONDS,
  },
  {
    /** Plain operations per second, with the device full; absent: that of the kernel's class. */
    operationsPerSecond: OPERATION_RATE,
    /** Invocations that run at a time, where workgroups beyond them wait for the next round and fewer take a whole round. */
    concurrentInvocations: number(1, 1e9),
  },
);

/** Rates by how a kernel is made; the rates of its class stand for a form that is not here. */
export interface RatesByForm extends Infer<typeof RATES_BY_FORM> {}
export const RATES_BY_FORM = object(
  {},
  {
    /** Sums of points, each by one or more invocations. */
    reduction: named<FormRates>(FORM_RATES),
    /** Contractions by way of workgroup memory. */
    tiles: named<FormRates>(FORM_RATES),
    /** Contractions by way of registers alone. */
    registers: named<FormRates>(FORM_RATES),
    /** Tiles with an array between two loops. */
    staged: named<FormRates>(FORM_RATES),
  },
);

/** Rates by size; a rate without a table is the same at every size. */
export interface RatesBySize extends Infer<typeof RATES_BY_SIZE> {}
export const RATES_BY_SIZE = object(
  {},
  {
    /** Plain operations of contractions. */
    contraction: RATE_TABLE,
    /** Plain operations of reductions. */
    reduction: RATE_TABLE,
    /** Plain operations of elementwise kernels. */
    elementwise: RATE_TABLE,
    /** Plain operations of kernels that read at indices which are data. */
    gather: RATE_TABLE,
    /** Plain operations of kernels that write at indices which are data. */
    scatter: RATE_TABLE,
    /** Bytes that one kernel reads and writes. */
    memory: RATE_TABLE,
    /** Bytes of copies to the host. */
    deviceToHost: RATE_TABLE,
    /** Bytes of copies to the device. */
    hostToDevice: RATE_TABLE,
  },
);
