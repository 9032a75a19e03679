let isInterrupted: () => boolean = () => false;

/** Sets what is asked at every operation of a model, and at every node of a pass over graphs: whether the work shall end by an exception. */
export function setInterruption(asked: () => boolean): void {
  isInterrupted = asked;
}

/**
 * Goes on, or ends what runs.
 * @throws Error where {@link setInterruption} has somebody who says that nobody waits for the result
 */
export function endIfInterrupted(): void {
  if (isInterrupted()) throw new Error('nobody waits for this model any more');
}
