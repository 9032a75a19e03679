import { expect } from 'vitest';
import { RuntimeError } from '../../runtime/index.ts';

/** The RuntimeError that `action` rejects with; anything else fails the test. */
export async function errorOf(action: () => Promise<unknown>): Promise<RuntimeError> {
  const error = await action().then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RuntimeError);
  return error as RuntimeError;
}
