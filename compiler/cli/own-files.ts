import { open, stat } from 'node:fs/promises';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { unwritable } from './file-reason.ts';

/** How a page of `btc view` begins. */
export const PAGE_MARK = '<!doctype html><!-- btc view -->';

/** What commands write beside their answer, under names that a user gives. */
export type OwnFile = 'log' | 'page' | 'plot' | 'snapshot' | 'trace';

interface Kind {
  /** In a message, behind `is no`. */
  readonly called: string;
  /** Whether a file begins so. */
  is(head: string): boolean;
}

const KINDS: Readonly<Record<OwnFile, Kind>> = {
  // A line of it has no lists or objects within.
  log: { called: 'log of btc run', is: (head) => /^\{[^{}[\]]*"step":\d[^{}[\]]*\}\n/.test(head) },
  page: { called: 'page of btc view', is: (head) => head.startsWith(PAGE_MARK) },
  plot: {
    called: 'picture of btc run',
    is: (head) => /^<svg [^>]*role="img">\n<title>/.test(head),
  },
  snapshot: {
    called: 'snapshot of btc inspect',
    // A pickle of protocol 2, which PyTorch's own snapshots are not.
    is: (head) => head.startsWith('\u0080\u0002}') && head.slice(0, 32).includes('segments'),
  },
  trace: {
    called: 'trace of btc',
    is: (head) => /^\{"traceEvents":\[\{"name":"process_name","cat":"__metadata"/.test(head),
  },
};

const HEAD_BYTES = 4096;

/**
 * BTC6060 for the first file that is there and none of its kind, so that it may be dear to someone; BTC5003 where it cannot be looked
 * into. What is empty, or no file at all (a device, a pipe), is nobody's loss.
 */
export async function foreignProblem(
  files: readonly (readonly [OwnFile, string | undefined])[],
): Promise<Diagnostic | null> {
  for (const [kind, file] of files) {
    if (file === undefined) continue;
    try {
      const head = await headOf(file);
      if (head === '' || KINDS[kind].is(head)) continue;
      return diagnostic(6060, null, { file, kind: KINDS[kind].called });
    } catch (error) {
      return unwritable(file, error);
    }
  }
  return null;
}

/** The first bytes of a file, a character each; nothing where there is none. */
async function headOf(path: string): Promise<string> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (!found?.isFile()) return '';
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}
