import type { BuiltLoadOptions, BuiltModel } from './built.ts';
import type { RuntimeErrorCode } from './errors.ts';
import type { LoadProgress } from './load.ts';
import type { Session } from './session.ts';

// What the page and the worker of `loadInWorker` say to each other.

type CallOf<Method> = Method extends (...args: never[]) => Promise<unknown> ? true : never;
type Calls = {
  readonly [Name in keyof Session as CallOf<Session[Name]> extends never ? never : Name]: true;
};

/** Methods of a session that are passed on to the worker as they are. */
export const CALLS: Calls = {
  run: true,
  readParameters: true,
  writeParameters: true,
  saveParameters: true,
  saveCheckpoint: true,
  loadCheckpoint: true,
  trace: true,
};
export type CallName = keyof Calls;

/** Options that are data; `addresses` gives that of each file of the build. */
export type WorkerOptions = Omit<
  BuiltLoadOptions,
  'device' | 'openStore' | 'onFallback' | 'onProgress' | 'base'
>;

export type WorkerRequest = { readonly id: number } & (
  | {
      readonly kind: 'load';
      readonly name: string;
      readonly digests: BuiltModel['digests'];
      readonly addresses: Readonly<Record<string, string>>;
      readonly options: WorkerOptions;
    }
  | { readonly kind: 'call'; readonly method: CallName; readonly args: readonly unknown[] }
  | { readonly kind: 'destroy' }
);

/** What of a session is no call. */
export type SessionFacts = Omit<Session, CallName | 'destroy'>;

export type WorkerReply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: SentError }
  | { readonly fallback: string }
  | { readonly progress: LoadProgress };

export interface SentError {
  readonly message: string;
  /** Null for an error that is not the runtime's own. */
  readonly code: RuntimeErrorCode | null;
}
