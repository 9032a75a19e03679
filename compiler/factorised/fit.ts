import { DTYPES } from '../../ir/dtypes.ts';
import { elementCount } from '../../ir/tensor.ts';
import { report } from '../reporting/report.ts';
import type { Factorisation } from './factorisation.ts';
import type { FormName } from './form-names.ts';
import {
  blockTermNetwork,
  cpNetwork,
  hierarchicalTuckerNetwork,
  lowRankNetwork,
  type Modes,
  tensorRingNetwork,
  tensorTrainNetwork,
  tuckerNetwork,
} from './forms.ts';
import { factoriseDimension } from './modes.ts';
import { type MatrixNetwork, parameterCount } from './network.ts';
import { productMacs } from './product-macs.ts';
import { chainBounds, cpBound, modeBounds, pairSizes } from './rank-bounds.ts';

/** What a factorised matrix may take; at least one limit. */
export interface ShapeBudget {
  /** Trained numbers. */
  readonly parameters?: number;
  /** Of the parameters, in float32. */
  readonly bytes?: number;
  /** Multiply-adds of the product with `batch` inputs. */
  readonly macs?: number;
  /** Default 1. */
  readonly batch?: number;
}

const repeat = (count: number, rank: number) => new Array<number>(count).fill(rank);
const cut = (bounds: readonly number[], rank: number) => bounds.map((most) => Math.min(most, rank));
/** Blocks that block-term gets when nothing says how many: those of the paper's experiments. */
const BLOCKS = 2;

/** The network of a form with one rank everywhere, cut to what each place can carry. */
const BUILDERS: Readonly<Record<FormName, (modes: Modes, rank: number) => MatrixNetwork>> = {
  'low-rank': ({ inputModes, outputModes }, rank) => {
    const [inputs, outputs] = [elementCount(inputModes), elementCount(outputModes)];
    return lowRankNetwork(inputs, outputs, Math.min(rank, inputs, outputs));
  },
  cp: (modes, rank) => cpNetwork(modes, Math.min(rank, cpBound(pairSizes(modes)))),
  tucker: (modes, rank) => {
    const ranks = cut(modeBounds([...modes.inputModes, ...modes.outputModes]), rank);
    const count = modes.inputModes.length;
    return tuckerNetwork(modes, ranks.slice(0, count), ranks.slice(count));
  },
  'tensor-train': (modes, rank) =>
    tensorTrainNetwork(modes, cut(chainBounds(pairSizes(modes)), rank)),
  'tensor-ring': (modes, rank) =>
    tensorRingNetwork(modes, repeat(2 * modes.inputModes.length, rank)),
  'block-term': (modes, rank) =>
    blockTermNetwork(
      modes,
      repeat(BLOCKS, 0).map(() => cut(pairSizes(modes), rank)),
    ),
  'hierarchical-tucker': hierarchicalTuckerNetwork,
};

const MODE_COUNTS = [2, 3, 4, 5, 6];
const MOST_RANK = 4096;

/**
 * A factorisation whose modes and rank are chosen when the layer's size is known: over balanced modes of two to six, the
 * largest rank within the budget, and of these the shape with the most parameters. BTC2021 where nothing fits.
 */
export function fitted(form: FormName, budget: ShapeBudget): Factorisation {
  return {
    form,
    network: (inFeatures, outFeatures, gates) => {
      if (!checkBudget(form, budget)) return null;
      const candidates = shapesOf(form, inFeatures, outFeatures, gates).flatMap((modes) => {
        const found = largestWithin(form, modes, budget);
        return found ? [found] : [];
      });
      if (candidates.length > 0)
        return candidates.reduce((a, b) => (parameterCount(b) > parameterCount(a) ? b : a));
      const smallest = shapesOf(form, inFeatures, outFeatures, gates)
        .map((modes) => BUILDERS[form](modes, 1))
        .reduce((a, b) => (parameterCount(b) < parameterCount(a) ? b : a));
      report(2021, {
        form,
        parameters: parameterCount(smallest).toLocaleString('en'),
        macs: productMacs(smallest, budget.batch ?? 1).toLocaleString('en'),
        batch: budget.batch ?? 1,
      });
      return null;
    },
  };
}

function checkBudget(form: FormName, budget: ShapeBudget): boolean {
  if (!Object.hasOwn(BUILDERS, form)) {
    const wanted = Object.keys(BUILDERS).join(', ');
    report(2003, { op: 'fitted', wanted, given: String(form) });
    return false;
  }
  for (const [name, value] of Object.entries(budget)) {
    const valid = name === 'batch' ? Number.isSafeInteger(value) && value > 0 : value > 0;
    if (value === undefined || valid) continue;
    const wanted = name === 'batch' ? 'a positive integer' : 'a positive number';
    report(2015, { op: 'fitted', name, value: String(value), wanted });
    return false;
  }
  return true;
}

/** Balanced modes, those of the outputs in increasing order: a large input mode meets a small output mode. */
function shapesOf(
  form: FormName,
  inFeatures: number,
  outFeatures: number,
  gates: number,
): readonly Modes[] {
  const counts = form === 'low-rank' ? [1] : MODE_COUNTS;
  const shapes = counts.map((count) => {
    const outputModes = factoriseDimension(outFeatures, count).reverse();
    outputModes[0] *= gates;
    return { inputModes: factoriseDimension(inFeatures, count), outputModes };
  });
  const isProper = ({ inputModes, outputModes }: Modes) =>
    inputModes.every((extent, k) => extent * outputModes[k] > 1);
  return shapes.filter((modes, k) => k === 0 || isProper(modes));
}

/** The network of the largest rank that keeps the budget: what it takes grows with the rank. */
function largestWithin(form: FormName, modes: Modes, budget: ShapeBudget): MatrixNetwork | null {
  const { parameters = Infinity, bytes = Infinity, macs = Infinity, batch = 1 } = budget;
  const most = Math.min(parameters, bytes / DTYPES.f32.bytes);
  const build = (rank: number) => BUILDERS[form](modes, rank);
  const fits = (matrix: MatrixNetwork) =>
    parameterCount(matrix) <= most && (macs === Infinity || productMacs(matrix, batch) <= macs);
  if (!fits(build(1))) return null;
  let low = 1;
  let high = Math.min(MOST_RANK, elementCount(modes.inputModes), elementCount(modes.outputModes));
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(build(middle))) low = middle;
    else high = middle - 1;
  }
  return build(low);
}
