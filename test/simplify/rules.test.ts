import { describe, expect, it } from 'vitest';
import { evaluateScalar, SCALAR_OP_NAMES, SCALAR_OPS } from '../../ir/scalar.ts';
import { type Build, becomes, folded } from './becomes.ts';

// The rules one by one are text: test/cases/simplify.

describe('views', () => {
  it('long chains, however deep', () => {
    becomes(
      ({ add, x }) => {
        let value = x;
        for (let k = 0; k < 21; k++) value = add('transpose', [value], { permutation: [1, 0] });
        for (let k = 0; k < 20; k++)
          value = add('reshape', [value], { shape: k % 2 ? [3, 2] : [6] });
        return value;
      },
      ({ add, x }) => add('transpose', [x], { permutation: [1, 0] }),
    );
  });
});

describe('constants', () => {
  it.each(SCALAR_OP_NAMES)('fold under %s', (op) => {
    const { arity, dtypes, rule } = SCALAR_OPS[op];
    const numbers = [8, 2, 4].slice(0, arity);
    for (const dtype of dtypes) {
      const fold: Build = ({ add, constant }) =>
        add(
          op,
          numbers.map((number, k) =>
            constant(number, [2], rule === 'select' && k === 0 ? 'i32' : dtype),
          ),
        );
      expect(folded(fold)).toBe(Math.fround(evaluateScalar(op, dtype, 8, 2, 4)));
    }
  });
});
