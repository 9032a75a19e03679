import { getSystemErrorMap } from 'node:util';
import { expect, test } from 'vitest';
import { fileReason, reasonOf } from '../../compiler/cli/file-reason.ts';

/** As Node makes the errors of the system. */
const systemError = (code: string, meaning: string) =>
  Object.assign(new Error(`${code}: ${meaning}, open '/x/y'`), {
    ...{ code, syscall: 'open', path: '/x/y' },
  });

const ERRORS = [...getSystemErrorMap().values()];

test('no error of the system is told by its code', () => {
  expect(ERRORS.length).toBeGreaterThan(70);
  for (const [code, meaning] of ERRORS) {
    const error = systemError(code, meaning);
    expect(fileReason(error)).not.toContain(code);
    expect(fileReason(error)).not.toContain('/x/y');
    expect(reasonOf(error)).toBe(`'/x/y': ${fileReason(error)}`);
  }
});

test('other errors keep their text', () => {
  expect(reasonOf(new RangeError('too far'))).toBe('too far');
  expect(reasonOf('a text')).toBe('a text');
});
