/** Which option values hold for code that may await in between: the `AsyncLocalStorage` of Node, or what a page has instead. */
export interface Scopes<Scope> {
  getStore(): Scope | undefined;
  run<T>(scope: Scope, fn: () => Promise<T>): Promise<T>;
}

interface AsyncHooks {
  readonly AsyncLocalStorage: new <Scope>() => Scopes<Scope>;
}

/** Node's own where there is one: not by an import, which browsers and their bundlers must not see. */
export function createScopes<Scope>(): Scopes<Scope> {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => AsyncHooks | undefined };
  };
  const hooks = process?.getBuiltinModule?.('node:async_hooks');
  return hooks ? new hooks.AsyncLocalStorage() : oneAfterTheOther();
}

/** What runs holds its scope until it is done; the next one waits for that. */
export function oneAfterTheOther<Scope>(): Scopes<Scope> {
  let current: Scope | undefined;
  let before: Promise<unknown> = Promise.resolve();
  return {
    getStore: () => current,
    run(scope, fn) {
      const result = before.then(async () => {
        current = scope;
        try {
          return await fn();
        } finally {
          current = undefined;
        }
      });
      before = result.catch(() => {});
      return result;
    },
  };
}
