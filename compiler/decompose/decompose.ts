import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import type { Factorisation } from '../factorised/factorisation.ts';
import { type MatrixNetwork, parameterCount } from '../factorised/network.ts';
import { productMacs } from '../factorised/product-macs.ts';
import { withReporter } from '../reporting/report.ts';
import { fitCores } from './methods.ts';
import { type CoreValues, createProblem, relativeError } from './problem.ts';
import { type Choice, type FormRequest, factorisationOf, resolveRequest } from './request.ts';
import type {
  DecomposedCore,
  DecomposeOptions,
  DecomposeResult,
  Decomposition,
  DenseMatrix,
} from './result.ts';
import { largestWithin, type NetworkOf, smallestWithin } from './search.ts';
import { truncationErrors } from './singular-vectors.ts';
import { describeFactorisation } from './source.ts';

const DEFAULTS = { gates: 1, sweeps: 200, tolerance: 1e-5, starts: 2, seed: 0 } as const;
/** Elements of the largest matrix: 2 GiB in float64, of which the methods hold about three. */
const MOST_ELEMENTS = 2 ** 28;

type Settings = Required<Omit<DecomposeOptions, 'onSweep'>> & Pick<DecomposeOptions, 'onSweep'>;

/**
 * Writes a matrix as the cores of a factorised layer, as near in the Frobenius norm as the form's method gets: truncated SVD
 * for low-rank, TT-SVD (Oseledets 2011) for the tensor-train, leaves-to-root truncation (Grasedyck 2010) for hierarchical
 * Tucker, HOSVD and HOOI (De Lathauwer et al. 2000) for Tucker, alternating least squares for CP, the tensor-ring and
 * block-term (De Lathauwer and Nion 2008). Computes in float64.
 *
 * @param target a factorisation as a layer takes it, or a form with what decides its ranks
 * @returns diagnostics instead where something does not fit: BTC2017 to 2021 for modes and ranks, BTC5013 and 5014
 */
export function decompose(
  dense: DenseMatrix,
  target: Factorisation | FormRequest,
  options: DecomposeOptions = {},
): DecomposeResult {
  const settings = { ...DEFAULTS, ...options };
  const problems = checkMatrix(dense, settings);
  if (problems.length > 0) return failed(problems);
  const task = createTask(dense, settings);
  if ('network' in target) return asGiven(task, target);
  const choice = resolveRequest(target, dense.rows, dense.columns / settings.gates);
  if ('code' in choice) return failed([choice]);
  if (choice.rank !== undefined || choice.ranks !== undefined)
    return asGiven(task, factorisationOf(choice));
  return choice.error === undefined ? withinSize(task, choice) : withinError(task, choice);
}

/** One matrix to decompose. */
interface Task {
  readonly dense: DenseMatrix;
  readonly values: Float64Array;
  readonly networkOf: NetworkOf;
  readonly approximate: (matrix: MatrixNetwork) => Decomposition;
}

function createTask(dense: DenseMatrix, settings: Settings): Task {
  const values = Float64Array.from(dense.data);
  return {
    dense,
    values,
    networkOf: (factorisation) => networkFor(dense, settings, factorisation),
    approximate: (matrix) => approximate(values, matrix, settings),
  };
}

function asGiven({ networkOf, approximate }: Task, factorisation: Factorisation): DecomposeResult {
  const { matrix, diagnostics } = networkOf(factorisation);
  return matrix ? { decomposition: approximate(matrix), diagnostics } : failed(diagnostics);
}

function withinSize({ networkOf, approximate }: Task, choice: Choice): DecomposeResult {
  const matrix = largestWithin(choice, networkOf);
  return 'networks' in matrix
    ? { decomposition: approximate(matrix), diagnostics: [] }
    : failed(matrix);
}

function withinError(
  { dense, values, networkOf, approximate }: Task,
  choice: Choice,
): DecomposeResult {
  const started = performance.now();
  // Of low-rank all errors follow from the singular values.
  const errors =
    choice.form === 'low-rank' ? truncationErrors(values, dense.rows, dense.columns) : null;
  const foretold = errors && ((rank: number) => errors[rank]);
  const found = smallestWithin(choice, networkOf, values.length, approximate, foretold);
  if (!('cores' in found)) return failed(found);
  return { decomposition: { ...found, seconds: secondsSince(started) }, diagnostics: [] };
}

const secondsSince = (started: number) => (performance.now() - started) / 1000;

const failed = (diagnostics: readonly Diagnostic[]): DecomposeResult => ({
  decomposition: null,
  diagnostics,
});

function checkMatrix({ rows, columns, data }: DenseMatrix, settings: Settings): Diagnostic[] {
  const refuse = (reason: string) => [diagnostic(5013, null, { reason })];
  const isCount = (value: number) => Number.isSafeInteger(value) && value > 0;
  if (!isCount(rows) || !isCount(columns) || data.length !== rows * columns)
    return refuse(`${data.length} numbers are no matrix of ${rows} rows and ${columns} columns`);
  if (data.length > MOST_ELEMENTS)
    return refuse(
      `a matrix of ${data.length.toLocaleString('en')} elements is too large; ${MOST_ELEMENTS.toLocaleString('en')} is the most`,
    );
  for (const name of ['gates', 'sweeps'] as const)
    if (!isCount(settings[name]))
      return refuse(`'${name}' is ${settings[name]}; it must be a positive integer`);
  for (const name of ['starts', 'seed'] as const)
    if (!isCount(settings[name] + 1))
      return refuse(`'${name}' is ${settings[name]}; it must be an integer from 0`);
  if (columns % settings.gates !== 0)
    return refuse(`${columns} columns do not divide into ${settings.gates} gates`);
  for (let k = 0; k < data.length; k++)
    if (!Number.isFinite(data[k]))
      return refuse(
        `the matrix has ${data[k]} in row ${Math.floor(k / columns)}, column ${k % columns}`,
      );
  return [];
}

function networkFor(
  { rows, columns }: DenseMatrix,
  { gates }: Settings,
  factorisation: Factorisation,
): { matrix: MatrixNetwork | null; diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const matrix = withReporter({ diagnostics, place: '' }, () =>
    factorisation.network(rows, columns / gates, gates),
  );
  return { matrix, diagnostics };
}

function approximate(
  values: Float64Array,
  matrix: MatrixNetwork,
  settings: Settings,
): Decomposition {
  const started = performance.now();
  const problem = createProblem(values, matrix);
  const parameters = parameterCount(matrix);
  const cores = fitCores(problem, {
    ...settings,
    onSweep: (error) => settings.onSweep?.({ parameters, error }),
  });
  return {
    matrix,
    cores: namedCores(matrix, cores),
    relativeError: relativeError(problem, cores),
    parameters,
    macs: productMacs(matrix, 1),
    ...(describeFactorisation(matrix, settings.gates) ?? UNDESCRIBED),
    seconds: secondsSince(started),
  };
}

const UNDESCRIBED = { ranks: null, blocks: null, source: null } as const;

function namedCores({ networks }: MatrixNetwork, values: CoreValues): DecomposedCore[] {
  return networks.flatMap(({ cores }, n) =>
    cores.map(({ name, shape }, k) => ({ name, shape, data: values[n][k].data })),
  );
}
