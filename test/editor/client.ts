import { type ChildProcess, spawn } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import {
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node';

export interface Place {
  readonly line: number;
  readonly character: number;
}

export interface Shown {
  readonly range: { readonly start: Place; readonly end: Place };
  readonly code: string;
  readonly message: string;
  readonly severity: number;
  readonly data?: unknown;
  readonly relatedInformation?: readonly {
    readonly message: string;
    readonly location: { readonly uri: string; readonly range: Shown['range'] };
  }[];
}

interface Published {
  readonly uri: string;
  readonly version?: number;
  readonly diagnostics: readonly Shown[];
}

/** An editor that talks to `btc lsp` over its standard streams. */
export interface Editor {
  readonly child: ChildProcess;
  readonly connection: MessageConnection;
  readonly logged: string[];
  readonly capabilities: Record<string, unknown>;
  open(file: string, text: string): void;
  /** The whole text anew. */
  type(file: string, text: string): void;
  /** One change at a place. */
  edit(file: string, start: Place, end: Place, text: string): void;
  close(file: string): void;
  /** What is shown at a file once a message about it comes that `isWanted` takes. */
  shown(file: string, isWanted?: (published: Published) => boolean): Promise<Published>;
  /** How many messages about a file came so far. */
  count(file: string): number;
  hover(file: string, at: Place): Promise<string | null>;
  hints(file: string): Promise<readonly { readonly position: Place; readonly label: string }[]>;
  actions(
    file: string,
    diagnostics: readonly Shown[],
  ): Promise<
    readonly {
      readonly title: string;
      readonly edit: {
        readonly changes: Readonly<
          Record<string, readonly { readonly range: Shown['range']; readonly newText: string }[]>
        >;
      };
    }[]
  >;
  /** Ends the server as editors do; its exit code. */
  end(): Promise<number | null>;
}

export interface EditorOptions {
  readonly cwd: string;
  readonly initializationOptions?: unknown;
  readonly capabilities?: Record<string, unknown>;
  /** Answers to `workspace/configuration`. */
  readonly configuration?: () => unknown;
}

const CAPABILITIES = {
  textDocument: { publishDiagnostics: { relatedInformation: true } },
};

/** Starts a server and an editor. `main`: the command line that is tested. */
export async function startEditor(main: string, options: EditorOptions): Promise<Editor> {
  const child = spawn(process.execPath, [main, 'lsp', '--stdio'], {
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const connection = createMessageConnection(
    new StreamMessageReader(child.stdout),
    new StreamMessageWriter(child.stdin),
  );
  const logged: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => logged.push(text));
  const published: Published[] = [];
  let listeners: (() => void)[] = [];
  connection.onNotification('textDocument/publishDiagnostics', (one: Published) => {
    published.push(one);
    const told = listeners;
    listeners = [];
    for (const tell of told) tell();
  });
  connection.onNotification('window/logMessage', ({ message }: { message: string }) => {
    logged.push(message);
  });
  connection.onRequest('workspace/configuration', () => [options.configuration?.() ?? null]);
  connection.onRequest('client/registerCapability', () => null);
  connection.onRequest('workspace/inlayHint/refresh', () => null);
  connection.listen();
  const { capabilities } = await connection.sendRequest<{ capabilities: Record<string, unknown> }>(
    'initialize',
    {
      processId: process.pid,
      rootUri: pathToFileURL(options.cwd).href,
      capabilities: { ...CAPABILITIES, ...options.capabilities },
      initializationOptions: options.initializationOptions,
    },
  );
  await connection.sendNotification('initialized', {});

  const uriOf = (file: string) => (file.startsWith('untitled:') ? file : pathToFileURL(file).href);
  const versions = new Map<string, number>();
  const seen = new Map<string, number>();
  const nextVersion = (file: string) => {
    const version = (versions.get(file) ?? 0) + 1;
    versions.set(file, version);
    // What is shown from here on is of this text.
    seen.set(file, published.length);
    return version;
  };
  const change = (file: string, contentChanges: unknown[]) =>
    void connection.sendNotification('textDocument/didChange', {
      textDocument: { uri: uriOf(file), version: nextVersion(file) },
      contentChanges,
    });
  return {
    ...{ child, connection, logged, capabilities },
    open: (file, text) =>
      void connection.sendNotification('textDocument/didOpen', {
        textDocument: {
          ...{ uri: uriOf(file), languageId: 'typescript', version: nextVersion(file), text },
        },
      }),
    type: (file, text) => change(file, [{ text }]),
    edit: (file, start, end, text) => change(file, [{ range: { start, end }, text }]),
    close: (file) =>
      void connection.sendNotification('textDocument/didClose', {
        textDocument: { uri: uriOf(file) },
      }),
    async shown(
      file,
      isWanted = ({ version }) => version === undefined || version === versions.get(file),
    ) {
      for (;;) {
        const found = published
          .slice(seen.get(file) ?? 0)
          .findLast((one) => one.uri === uriOf(file) && isWanted(one));
        if (found) return found;
        await new Promise<void>((resolve) => {
          listeners.push(resolve);
        });
      }
    },
    count: (file) => published.filter(({ uri }) => uri === uriOf(file)).length,
    async hover(file, position) {
      const found = await connection.sendRequest<{ contents: { value: string } } | null>(
        'textDocument/hover',
        { textDocument: { uri: uriOf(file) }, position },
      );
      return found?.contents.value ?? null;
    },
    hints: (file) =>
      connection.sendRequest('textDocument/inlayHint', {
        textDocument: { uri: uriOf(file) },
        range: { start: { line: 0, character: 0 }, end: { line: 1e6, character: 0 } },
      }),
    actions: (file, diagnostics) =>
      connection.sendRequest('textDocument/codeAction', {
        textDocument: { uri: uriOf(file) },
        range: diagnostics[0].range,
        context: { diagnostics },
      }),
    async end() {
      await connection.sendRequest('shutdown');
      await connection.sendNotification('exit');
      const code = await ended;
      connection.dispose();
      return code;
    },
  };
}
