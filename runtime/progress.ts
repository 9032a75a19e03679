/**
 * What the background work of one run has come to, for those who wait for it. The first failure, wherever it happens, ends
 * all waiting.
 */
export class Progress {
  readonly #work: Promise<void>[] = [];
  #waiting: (() => void)[] = [];
  #failure: { readonly error: unknown } | null = null;

  /** Throws the first failure, if there was one. */
  check(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** Waits until `condition` holds. It is checked whenever something is done. */
  async until(condition: () => boolean): Promise<void> {
    for (;;) {
      this.check();
      if (condition()) return;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Lets `work` run on its own. */
  start(work: Promise<void>): void {
    this.#work.push(
      work.then(
        () => this.notify(),
        (error) => this.fail(error),
      ),
    );
  }

  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.notify();
  }

  /** Waits until nothing runs any more; throws the first failure. */
  async finished(): Promise<void> {
    for (let done = 0; done < this.#work.length; done++) await this.#work[done];
    this.check();
  }
}
