import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alternate } from '../../compiler/decompose/alternate.ts';
import { createContract } from '../../compiler/decompose/contract.ts';
import { balanced, orthonormalFactors } from '../../compiler/decompose/gauge.ts';
import { orthogonalIteration } from '../../compiler/decompose/hooi.ts';
import { leastSquaresSweep } from '../../compiler/decompose/least-squares.ts';
import {
  type CoreValues,
  createProblem,
  type Problem,
  relativeError,
} from '../../compiler/decompose/problem.ts';
import { normalNumbers } from '../../compiler/decompose/random.ts';
import { randomCores } from '../../compiler/decompose/starts.ts';
import * as forms from '../../compiler/factorised/forms.ts';
import type { MatrixNetwork } from '../../compiler/factorised/network.ts';
import { soaked } from '../support/soak.ts';
import { MODES } from './random-matrix.ts';

const NETWORKS: Readonly<Record<string, MatrixNetwork>> = {
  CP: forms.cpNetwork(MODES, 7),
  'CP over split modes': forms.splitCpNetwork(MODES, 6),
  'tensor-ring': forms.tensorRingNetwork(MODES, [2, 3, 2, 3, 2, 3]),
  'block-term': forms.blockTermNetwork(MODES, [[2, 3, 2], [2, 3, 2]]), // biome-ignore format: one line
  'block-term of unequal blocks': forms.blockTermNetwork(MODES, [[2, 3, 2], [1, 2, 3], [3, 1, 2]]), // biome-ignore format: one line
  'hierarchical Tucker': forms.hierarchicalTuckerNetwork(MODES, 3),
};
const GAUGES: Readonly<Record<string, (problem: Problem) => (cores: CoreValues) => CoreValues>> = {
  balanced: () => balanced,
  orthonormal:
    ({ matrix }) =>
    (cores) =>
      orthonormalFactors(matrix, cores),
  'orthonormal and spread':
    ({ matrix }) =>
    (cores) =>
      orthonormalFactors(matrix, cores, true),
};

const problemOf = (matrix: MatrixNetwork, seed: number) =>
  createProblem(normalNumbers(seed, 'matrix', 24 * 24), matrix);

describe.each(Object.entries(NETWORKS))('alternating least squares: %s', (name, matrix) => {
  test('the error falls from sweep to sweep, and is that of the reconstruction', () => {
    const problem = problemOf(matrix, 1);
    const gauge = GAUGES[name.startsWith('block') ? 'orthonormal' : 'balanced'](problem);
    for (const seed of [0, 1]) {
      const errors: number[] = [];
      const options = { sweeps: 30, tolerance: 0, onSweep: (error: number) => errors.push(error) };
      const { cores, error } = alternate(problem, randomCores(problem, seed), gauge, options);
      for (let k = 1; k < errors.length; k++) expect(errors[k]).toBeLessThanOrEqual(errors[k - 1]);
      expect(errors[errors.length - 1]).toBe(error);
      expect(error).toBeLessThan(errors[0]);
      expect(relativeError(problem, cores)).toBeCloseTo(error, 8);
    }
  });

  test('a sweep ends where each core is the best beside the others', () => {
    const problem = problemOf(matrix, 2);
    const { cores, error } = leastSquaresSweep(problem, randomCores(problem, 3), balanced);
    const last = cores[0].length - 1;
    const moved = cores.map((network) =>
      network.map((core, k) =>
        k === last
          ? { ...core, data: core.data.map((value, i) => value + 1e-3 * Math.sin(i)) }
          : core,
      ),
    );
    expect(relativeError(problem, moved)).toBeGreaterThan(error);
  });

  test.each(Object.entries(GAUGES))('%s cores make the same matrix', (_, gauge) => {
    const problem = problemOf(matrix, 4);
    const cores = randomCores(problem, 5);
    const before = relativeError(problem, cores);
    expect(relativeError(problem, gauge(problem)(cores))).toBeCloseTo(before, 9);
  });
});

test('conjugate gradients take over where the normal equations are large, to the same end', () => {
  const modes = { inputModes: [4, 4, 4, 2], outputModes: [2, 2, 2, 4] };
  const matrix = forms.blockTermNetwork(modes, [[5, 4, 5, 5], [5, 4, 5, 5]]); // biome-ignore format: one line
  const problem = createProblem(normalNumbers(1, 'matrix', 128 * 32), matrix);
  const gauge = (one: CoreValues) => orthonormalFactors(matrix, one);
  const start = gauge(randomCores(problem, 0));
  const { cores, error } = leastSquaresSweep(problem, start, gauge);
  expect(relativeError(problem, cores)).toBeCloseTo(error, 9);
  // The gradient by the last core, [2, 5, 4, 5, 5], vanishes.
  const others = cores[0].slice(0, -1);
  const made = problem.contract(cores[0], problem.target.letters);
  const rest = { ...made, data: problem.target.data.map((value, k) => value - made.data[k]) };
  const gradient = problem.contract([rest, ...others], cores[0][4].letters);
  const scale = problem.contract([problem.target, ...others], cores[0][4].letters);
  const size = ({ data }: { data: Float64Array }) => Math.hypot(...data);
  expect(size(gradient) / size(scale)).toBeLessThan(1e-9);
});

test('HOOI is never worse than the truncated HOSVD', () => {
  fc.assert(
    fc.property(
      fc.nat(1e6),
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 6, maxLength: 6 }),
      (seed, cut) => {
        const rank = (extent: number, k: number) => Math.max(1, extent - cut[k] + 1);
        const matrix = forms.tuckerNetwork(
          MODES,
          MODES.inputModes.map(rank),
          MODES.outputModes.map((extent, k) => rank(extent, k + 3)),
        );
        const problem = problemOf(matrix, seed);
        const run = (sweeps: number) => {
          const errors: number[] = [];
          const options = { sweeps, tolerance: 0, onSweep: (error: number) => errors.push(error) };
          const cores = orthogonalIteration(
            problem.target,
            matrix.networks[0],
            createContract(),
            options,
          );
          return { error: relativeError(problem, [cores]), errors };
        };
        const { error, errors } = run(10);
        expect(error).toBeLessThanOrEqual(run(0).error + 1e-12);
        for (let k = 1; k < errors.length; k++)
          expect(errors[k]).toBeLessThanOrEqual(errors[k - 1] + 1e-9);
      },
    ),
    soaked(20),
  );
});
