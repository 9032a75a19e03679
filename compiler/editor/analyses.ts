import type { Diagnostic } from '../diagnostics.ts';
import { stampOf } from '../load/answers.ts';
import type { Evaluator } from './evaluator.ts';
import type { Findings } from './findings.ts';
import type { ModelParser, ParsedModel } from './parsed-model.ts';

/** An open file, looked at as a model. */
export interface Analysis {
  readonly file: string;
  /** As it was parsed last; null for one that is gone. */
  readonly parsed: ParsedModel | null;
  /** What was found last and the text that it is of, which may be an older one; null where nothing was. */
  readonly found: { readonly parsed: ParsedModel; readonly findings: Findings } | null;
  /** What is wrong with the text as it is, by the trace or by all, until the rest is found too; null before and after. */
  readonly diagnosed: readonly Diagnostic[] | null;
  /** Why there are no findings of the text as it is. */
  readonly problem: Diagnostic | null;
}

export interface AnalysesOptions {
  readonly parser: ModelParser;
  readonly evaluator: Evaluator;
  /** Whether the editor, not the disk, has the file. */
  readonly isOpen: (path: string) => boolean;
  readonly onAnalysed: (analysis: Analysis) => void;
  /** What btc itself failed with. */
  readonly onDefect: (text: string) => void;
}

/** Keeps what is known of open files up to date. */
export interface Analyses {
  open(file: string): void;
  /** The text of a file is another one, in the editor or on the disk. */
  change(file: string): void;
  close(file: string): void;
  /** Of the models that a file is part of. */
  of(file: string): readonly Analysis[];
  /** Once nothing that a file is part of waits to be looked at, or soon. */
  settled(file: string): Promise<void>;
  end(): void;
}

/** Keys come one after the other: what is typed is looked at when they pause this long. */
const PAUSE_MS = 30;
const POLL_MS = 700;
/** Who asks for what is known does not wait longer for something newer. */
const PATIENCE_MS = 1500;

const NOTHING = { parsed: null, found: null, diagnosed: null, problem: null } as const;

interface Root {
  readonly file: string;
  analysis: Analysis;
  /** By file that is not open: how it stood on the disk. */
  stamps: ReadonlyMap<string, string>;
}

export function createAnalyses({
  parser,
  evaluator,
  isOpen,
  onAnalysed,
  onDefect,
}: AnalysesOptions): Analyses {
  const roots = new Map<string, Root>();
  /** What to look at, the most urgent last. */
  const waiting = new Set<Root>();
  let current: Root | null = null;
  let timer: NodeJS.Timeout | null = null;
  let isRunning = false;
  let onSettled: (() => void)[] = [];

  const dependsOn = ({ file, analysis: { parsed } }: Root, path: string) =>
    file === path ||
    (parsed?.sources.has(path) ?? false) ||
    (parsed?.awaited.includes(path) ?? false);

  const touch = (affected: readonly Root[], pause: number) => {
    for (const root of affected) {
      waiting.delete(root);
      waiting.add(root);
      if (root === current) evaluator.cancel();
    }
    if (affected.length === 0) return;
    if (timer) clearTimeout(timer);
    timer = setTimeout(run, pause);
  };

  const run = async () => {
    timer = null;
    if (isRunning) return;
    isRunning = true;
    // What is typed meanwhile waits for its own pause.
    while (waiting.size > 0 && !timer) {
      const root = [...waiting].at(-1)!;
      waiting.delete(root);
      current = root;
      try {
        await look(root);
      } catch (error) {
        onDefect(String((error as Error).stack ?? error));
      }
      current = null;
      settle();
    }
    isRunning = false;
  };

  const settle = () => {
    const told = onSettled;
    onSettled = [];
    for (const tell of told) tell();
  };

  const look = async (root: Root) => {
    const parsed = parser.parse(root.file);
    root.stamps = stampsOf(root.file, parsed);
    const before = root.analysis;
    const known = { ...before, parsed, diagnosed: null, problem: null };
    if (!parsed?.isModel) return done(root, { ...known, found: null });
    if (!parsed.code) return done(root, known);
    // Known from now on: what it imports may change while it runs.
    root.analysis = { ...before, parsed };
    const outcome = await evaluator.evaluate(
      { file: root.file, code: parsed.code },
      parsed.loadedOnce,
      (diagnosed, isWhole) => {
        // What gradients were found wrong with stays shown until it is known whether it still is.
        const isShown = isWhole || !before.found?.findings.hasLate;
        if (isShown && !waiting.has(root)) done(root, { ...known, diagnosed });
      },
    );
    if (waiting.has(root) || !roots.has(root.file)) return;
    if (outcome.kind === 'defect') onDefect(outcome.text);
    if (outcome.kind === 'failed') done(root, { ...known, problem: outcome.problem });
    if (outcome.kind === 'found')
      done(root, { ...known, found: { parsed, findings: outcome.findings } });
  };

  const done = (root: Root, analysis: Analysis) => {
    root.analysis = analysis;
    if (roots.has(root.file)) onAnalysed(analysis);
  };

  const stampsOf = (file: string, parsed: ParsedModel | null) =>
    new Map(
      [file, ...(parsed ? [...parsed.sources.keys(), ...parsed.awaited] : [])]
        .filter((path) => !isOpen(path))
        .map((path) => [path, stampOf(path)]),
    );

  const poll = setInterval(() => {
    const changed = [...roots.values()].filter(({ stamps }) =>
      [...stamps].some(([path, stamp]) => stampOf(path) !== stamp),
    );
    touch(
      changed.filter((root) => root !== current && !waiting.has(root)),
      PAUSE_MS,
    );
  }, POLL_MS);
  poll.unref();

  return {
    open(file) {
      if (!roots.has(file)) {
        const analysis = { file, ...NOTHING };
        roots.set(file, { file, analysis, stamps: new Map() });
      }
      touch(
        [...roots.values()].filter((root) => dependsOn(root, file)),
        0,
      );
    },
    change: (file) =>
      touch(
        // The file itself before what it is part of.
        [...roots.values()]
          .filter((root) => dependsOn(root, file))
          .sort((a, b) => Number(a.file === file) - Number(b.file === file)),
        PAUSE_MS,
      ),
    close(file) {
      const root = roots.get(file);
      if (root) {
        roots.delete(file);
        waiting.delete(root);
        if (root === current) evaluator.cancel();
        onAnalysed({ file, ...NOTHING });
      }
      touch(
        [...roots.values()].filter((other) => dependsOn(other, file)),
        PAUSE_MS,
      );
    },
    of: (file) =>
      [...roots.values()]
        .map(({ analysis }) => analysis)
        .filter(({ found }) => found?.parsed.sources.has(file) ?? false),
    async settled(file) {
      const until = performance.now() + PATIENCE_MS;
      const isBusy = (root: Root | null) => root !== null && dependsOn(root, file);
      while (([...waiting].some(isBusy) || isBusy(current)) && performance.now() < until)
        await new Promise<void>((resolve) => {
          onSettled.push(resolve);
          setTimeout(resolve, until - performance.now());
        });
    },
    end() {
      clearInterval(poll);
      if (timer) clearTimeout(timer);
      waiting.clear();
    },
  };
}
