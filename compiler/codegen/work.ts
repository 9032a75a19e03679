import { isFloat } from '../../ir/dtypes.ts';
import type { Expression } from '../../ir/kernel.ts';
import type { ScalarOp } from '../../ir/scalar.ts';

/** Instructions by what they cost. What is computed several times counts several times. */
export interface Operations {
  /** On the scale of the target's own model, addresses and padding included: vector additions on wasm, scalar ones on WebGPU. */
  readonly plain: number;
  /** Evaluations of exp and other functions that are series, of one number each, counted as so many of exp. */
  readonly functions: number;
  /** Ciphers of the random generator, of two numbers each. */
  readonly randoms: number;
}

/** What the code of a kernel does in one run. */
export interface KernelWork extends Operations {
  /** How often an invocation waits at a barrier, summed over invocations. */
  readonly barriers: number;
  readonly invocations: number;
  /** How the code is made, where a target makes it in different ways. */
  readonly form: KernelForm;
  readonly workgroups: number;
  /** Steps of the longest loop that one invocation walks, each of which waits for memory. */
  readonly serial: number;
}

/**
 * `points`: an invocation per point. `reduction`: sums of points, each by one or more invocations. `tiles`: a contraction by way
 * of workgroup memory. `registers`: one by way of registers alone. `staged`: tiles with an array between two loops.
 */
export type KernelForm = (typeof KERNEL_FORMS)[number];
export const KERNEL_FORMS = ['points', 'reduction', 'tiles', 'registers', 'staged'] as const;

export const NOTHING: Operations = { plain: 0, functions: 0, randoms: 0 };

export const plainly = (plain: number): Operations => ({ plain, functions: 0, randoms: 0 });

export function scaled({ plain, functions, randoms }: Operations, factor: number): Operations {
  return { plain: plain * factor, functions: functions * factor, randoms: randoms * factor };
}

export function total(...parts: readonly Operations[]): Operations {
  let [plain, functions, randoms] = [0, 0, 0];
  for (const part of parts) {
    plain += part.plain;
    functions += part.functions;
    randoms += part.randoms;
  }
  return { plain, functions, randoms };
}

/** Functions by what they cost beside exp. */
const FUNCTION_CALLS: Readonly<Partial<Record<ScalarOp, number>>> = {
  exp: 1,
  expm1: 1,
  log: 1.5,
  log1p: 1.5,
  tanh: 2,
  sigmoid: 1.5,
  softplus: 2.5,
  erf: 3,
  erfc: 3,
  sin: 1.5,
  cos: 1.5,
  pow: 2.5,
};

/** Functions and random numbers in one evaluation of a node. */
export function callsOf(node: Expression): { functions: number; randoms: number } {
  return { functions: functionsOf(node), randoms: Number(node.kind === 'random') };
}

/** Functions alone. */
export const functionsOf = (node: Expression): number =>
  node.kind === 'apply' && isFloat(node.dtype) ? (FUNCTION_CALLS[node.op] ?? 0) : 0;
