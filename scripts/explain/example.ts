import type { MessageNumber } from '../../compiler/diagnostics.ts';
import type { CompileOptions } from '../../compiler/driver/result.ts';

/** A file that a command reads: its text, or bytes that the page describes in a few words. */
export type ExampleFile = string | { readonly is: string; readonly bytes: () => Uint8Array };

/** A model, as an expression over the names of the language. */
export interface ModelExample {
  readonly kind: 'model';
  readonly text: string;
  readonly options?: CompileOptions;
}

/** What has to be so for a command to give its message, where most machines are otherwise. */
export interface Circumstance {
  /** As the page says it, in front of the command. */
  readonly is: string;
  /** Brings it about for the process of the command. */
  readonly arrange: () => Promise<Arranged>;
}

export interface Arranged {
  readonly env?: Readonly<Record<string, string>>;
  readonly undo?: () => Promise<void>;
}

/** A command line behind `btc`, in a folder with `model.ts`, what `btc build` makes of it in `out/`, and files of its own. */
export interface CommandExample {
  readonly kind: 'command';
  readonly command: string;
  readonly files?: Readonly<Record<string, ExampleFile>>;
  /** For what is about the process itself: a shell runs it, so it may lead its output elsewhere. */
  readonly ownProcess?: true;
  /** Variables of the environment, as they stand in front of the command. */
  readonly before?: string;
  readonly where?: Circumstance;
}

/**
 * A module that declares `diagnostics`. It has `btc-compiler` and beside it `model.ts`; where it imports `btc-compiler/web`, it runs in a
 * browser.
 */
export interface CallExample {
  readonly kind: 'call';
  readonly text: string;
}

/** A model that is opened in an editor. */
export interface EditorExample {
  readonly kind: 'editor';
  readonly text: string;
  readonly settings: Readonly<Record<string, number>>;
}

export type RunExample = ModelExample | CommandExample | CallExample | EditorExample;

/** What a page says of one message beside the message. */
export interface Explanation {
  readonly title: string;
  /** What it means and what to do: a few sentences. */
  readonly means: string;
  /** Absent where test/frontend/diagnostic-cases.ts has a model that is wrong in this way. */
  readonly wrong?: RunExample;
  /** A whole example, or what is put in place of what in the wrong model. */
  readonly right: RunExample | Correction;
}

export interface Correction {
  readonly kind: 'correction';
  readonly replace: readonly (readonly [wrong: string, right: string])[];
  readonly options?: CompileOptions;
}

export type Explanations<From extends MessageNumber = MessageNumber> = Readonly<
  Record<From, Explanation>
>;

/** The wrong model of test/frontend/diagnostic-cases.ts, with one text in place of another wherever it stands. */
export const corrected = (
  title: string,
  means: string,
  wrong: string,
  right: string,
): Explanation => ({
  ...{ title, means },
  right: { kind: 'correction', replace: [[wrong, right]] },
});

/** The same model, with other options. */
export const withOptions = (
  title: string,
  means: string,
  options: CompileOptions,
): Explanation => ({ ...{ title, means }, right: { kind: 'correction', replace: [], options } });

/** Another model than the wrong one. */
export const otherModel = (title: string, means: string, text: string): Explanation => ({
  ...{ title, means },
  right: { kind: 'model', text },
});

/** A command that is wrong, and one that is right, over the same files. */
export const commands = (
  title: string,
  means: string,
  wrong: string,
  right: string,
  files?: CommandExample['files'],
): Explanation => ({
  ...{ title, means },
  wrong: { kind: 'command', command: wrong, ...(files ? { files } : {}) },
  right: { kind: 'command', command: right, ...(files ? { files } : {}) },
});

/** Two calls of the package. */
export const calls = (title: string, means: string, wrong: string, right: string): Explanation => ({
  ...{ title, means },
  wrong: { kind: 'call', text: wrong },
  right: { kind: 'call', text: right },
});
