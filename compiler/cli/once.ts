type Write = typeof process.stdout.write;

/**
 * Makes what a model prints appear once. Its functions run once per program, and would print as often: of the texts of one run
 * those are left out that an earlier one has printed, as often as it has.
 */
export function printOnce(streams: readonly NodeJS.WriteStream[]): <T>(run: () => T) => T {
  const printed = streams.map(() => new Map<string, number>());
  return (run) => {
    const originals = streams.map((stream, k) => {
      const { write } = stream;
      const own = new Map<string, number>();
      stream.write = ((text: string | Uint8Array, ...rest: never[]) => {
        const key = String(text);
        const times = (own.get(key) ?? 0) + 1;
        own.set(key, times);
        if (times <= (printed[k].get(key) ?? 0)) {
          const done = rest.find((argument) => typeof argument === 'function') as unknown;
          if (typeof done === 'function') process.nextTick(done);
          return true;
        }
        printed[k].set(key, times);
        return write.call(stream, text, ...rest);
      }) as Write;
      return write;
    });
    try {
      return run();
    } finally {
      for (const [k, stream] of streams.entries()) stream.write = originals[k];
    }
  };
}
