import { asPart } from '../reporting/call-sites.ts';
import * as activations from './activations.ts';
import { apply } from './context.ts';
import * as contractions from './contractions.ts';
import * as operations from './elementwise.ts';
import * as functions from './functions.ts';
import * as reductions from './reductions.ts';
import type { Tensor } from './tensor.ts';
import * as views from './views.ts';
import type { AxisWindow } from './windows.ts';

// Functions as layers call them: a layer is one call of the user's, so nobody has to read the stack to know where a part of it belongs.
// Only for code that no function of a name is around: what those compute is a part of them.

export const add = asPart(null, operations.add);
export const sub = asPart(null, operations.sub);
export const mul = asPart(null, operations.mul);
export const div = asPart(null, operations.div);
export const mod = asPart(null, operations.mod);
export const exp = asPart(null, operations.exp);
export const log = asPart(null, operations.log);
export const cos = asPart(null, operations.cos);
export const sin = asPart(null, operations.sin);
export const tanh = asPart(null, operations.tanh);
export const sigmoid = asPart(null, operations.sigmoid);
export const less = asPart(null, operations.less);
export const greaterEqual = asPart(null, operations.greaterEqual);
export const square = asPart('square', operations.square);
export const rsqrt = asPart('rsqrt', operations.rsqrt);
export const cast = asPart('cast', operations.cast);
export const select = asPart('select', operations.select);
export const clip = asPart('clip', operations.clip);
export const stopGradient = asPart('stopGradient', operations.stopGradient);
export const relu = asPart('relu', activations.relu);
export const mean = asPart('mean', reductions.mean);
export const normalise = asPart('normalise', functions.normalise);
export const softmax = asPart('softmax', functions.softmax);
export const dropout = asPart('dropout', functions.dropout);
export const einsum = asPart('einsum', contractions.einsum);
export const matmul = asPart('matmul', contractions.matmul);
export const gather = asPart('gather', views.gather);
export const reshape = asPart('reshape', views.reshape);
export const transpose = asPart('transpose', views.transpose);
export const expandDims = asPart('expandDims', views.expandDims);
export const iota = asPart('iota', views.iota);
export const split = asPart('split', views.split);
export const stack = asPart('stack', views.stack);
export const slice = asPart('slice', views.slice);
export const concat = asPart('concat', views.concat);
export const zeros = asPart('zeros', views.zeros);

/** A view of `x` under the windows of one axis. */
export const windowed = asPart(
  null,
  (x: Tensor, attributes: AxisWindow & { readonly axis: number; readonly value: number }) =>
    apply('window', [x], attributes),
);
