/**
 * What a pass made, where its verifier has found nothing. A pass that breaks an invariant is a defect of btc, not of the model.
 *
 * @throws Error that names the pass and the first problem
 */
export function verified<T>(pass: string, made: T, problems: readonly string[]): T {
  if (problems.length > 0)
    throw new Error(`internal error: what '${pass}' made is not valid: ${problems[0]}`);
  return made;
}
