import { expect, test } from 'vitest';
import { SCALAR_TEXT } from '../../compiler/codegen/wasm/scalar-text.ts';
import { DTYPE_NAMES } from '../../ir/dtypes.ts';
import { SCALAR_OP_NAMES, SCALAR_OPS } from '../../ir/scalar.ts';

test.each(DTYPE_NAMES)(
  'wasm has a form of every operation that is defined for %s, and of no other',
  (dtype) => {
    for (const op of SCALAR_OP_NAMES) {
      const defined = SCALAR_OPS[op].dtypes.includes(dtype);
      expect([op, SCALAR_TEXT[op].one[dtype] !== null]).toEqual([op, defined]);
      if (!defined) expect([op, SCALAR_TEXT[op].all[dtype]]).toEqual([op, null]);
    }
  },
);
