import { Writable } from 'node:stream';
import { serve } from '../editor/server.ts';

/** Serves an editor over standard input and output. The messages go out as bytes: text is guarded for terminals. */
export function lspCommand(): void {
  const output = new Writable({
    decodeStrings: true,
    write: (bytes: Buffer, _, done) => {
      process.stdout.write(bytes, () => done());
    },
  });
  // Whatever else is printed must not come between messages.
  for (const name of ['log', 'info', 'debug'] as const) console[name] = console.error;
  serve(process.stdin, output);
}
