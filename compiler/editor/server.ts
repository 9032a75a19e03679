import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import {
  type CancellationToken,
  type CodeAction,
  CodeActionKind,
  type CodeActionParams,
  createConnection,
  DidChangeConfigurationNotification,
  ErrorCodes,
  type Hover,
  type HoverParams,
  type InitializeParams,
  type InitializeResult,
  type InlayHint,
  InlayHintKind,
  type InlayHintParams,
  InlayHintRefreshRequest,
  LSPErrorCodes,
  MarkupKind,
  ResponseError,
  TextDocumentSyncKind,
} from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import type { Suggestion } from '../diagnostics.ts';
import { sweepTemporary } from '../load/leftovers.ts';
import { VERSION } from '../version.ts';
import { type Analysis, createAnalyses } from './analyses.ts';
import { replacementFor } from './code-actions.ts';
import { startEvaluator } from './evaluator.ts';
import { hoverAt } from './hover.ts';
import { shapeHints } from './inlay-hints.ts';
import { diagnosticsOf } from './lsp-diagnostics.ts';
import { movedOffsets } from './moved.ts';
import { createOpenFiles } from './open-files.ts';
import { createModelParser, withOpenFiles } from './parsed-model.ts';
import { createPublished } from './published.ts';
import { offsetIn, rangeIn } from './ranges.ts';
import { DEFAULT_SETTINGS, settingsFrom } from './settings.ts';

/** Serves an editor over the two streams until it ends the connection, and with it the process. */
export function serve(input: Readable, output: Writable): void {
  const connection = createConnection(input, output);
  let folder = process.cwd();
  const files = createOpenFiles(() => folder);
  const published = createPublished();
  /** By path: the last message about it. */
  const sent = new Map<string, string>();
  let settings = DEFAULT_SETTINGS;
  let client = capabilitiesOf(null);
  let isShutDown = false;

  const evaluator = startEvaluator({
    limitSeconds: () => settings.timeLimit,
    onPrinted: (text) => connection.console.log(text.trimEnd()),
  });
  const analyses = createAnalyses({
    parser: createModelParser(withOpenFiles((path) => files.at(path)?.getText() ?? null)),
    evaluator,
    isOpen: (path) => files.at(path) !== null,
    onAnalysed: (analysis) => {
      publish(analysis);
      const isComplete = analysis.found === null || analysis.found.parsed === analysis.parsed;
      if (settings.inlayHints.shapes && isComplete) refreshHints();
    },
    onDefect: (text) => connection.console.error(`btc itself failed: ${text}`),
  });

  const publish = (analysis: Analysis) => {
    const options = { hasRelated: client.hasRelated, uriOf: files.uriOf };
    for (const path of published.replace(analysis.file, diagnosticsOf(analysis, options))) {
      const version = files.at(path)?.version;
      const message = {
        uri: files.uriOf(path),
        diagnostics: [...published.at(path)],
        ...(version === undefined ? {} : { version }),
      };
      const text = JSON.stringify(message);
      if (sent.get(path) === text) continue;
      sent.set(path, text);
      connection.sendDiagnostics(message);
    }
  };

  const refreshHints = () => {
    if (client.refreshesHints) connection.sendRequest(InlayHintRefreshRequest.type).catch(() => {});
  };

  const configure = (given: unknown) => {
    const before = settings;
    settings = settingsFrom(given, before);
    if (settings.inlayHints.shapes !== before.inlayHints.shapes) refreshHints();
  };

  const askForSettings = async () => {
    try {
      configure(await connection.workspace.getConfiguration('btc'));
    } catch {
      // The editor has none.
    }
  };

  /** Models that a file is part of, with its text now and the way there from the text that they were found of. */
  const knownOf = async (uri: string, token: CancellationToken) => {
    if (isShutDown) throw new ResponseError(ErrorCodes.InvalidRequest, 'the server is shut down');
    const path = files.pathOf(uri);
    const document = path === null ? null : files.at(path);
    if (path === null || !document) return [];
    await Promise.race([analyses.settled(path), cancelled(token)]);
    if (token.isCancellationRequested)
      throw new ResponseError(LSPErrorCodes.RequestCancelled, 'nobody waits for it');
    // What was typed while that took.
    const text = files.at(path)?.getText() ?? '';
    return analyses.of(path).map((analysis) => {
      const then = analysis.found!.parsed.sources.get(path)!.text;
      return { analysis, path, text, then };
    });
  };

  connection.onInitialize((params: InitializeParams): InitializeResult => {
    client = capabilitiesOf(params);
    folder = folderOf(params) ?? folder;
    settings = settingsFrom(params.initializationOptions);
    return {
      capabilities: {
        textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental },
        hoverProvider: true,
        inlayHintProvider: true,
        codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix] },
      },
      serverInfo: { name: 'btc', version: VERSION },
    };
  });

  connection.onInitialized(async () => {
    if (client.registersSettings)
      await connection.client
        .register(DidChangeConfigurationNotification.type, { section: 'btc' })
        .catch(() => {});
    if (client.hasSettings) await askForSettings();
  });

  connection.onDidChangeConfiguration(({ settings: given }) =>
    client.hasSettings ? askForSettings() : configure(given),
  );

  connection.onDidOpenTextDocument(({ textDocument: { uri, languageId, version, text } }) => {
    const path = files.open(TextDocument.create(uri, languageId, version, text));
    if (path !== null) analyses.open(path);
  });

  connection.onDidChangeTextDocument(({ textDocument: { uri, version }, contentChanges }) => {
    const path = files.change(uri, contentChanges, version);
    if (path !== null) analyses.change(path);
  });

  connection.onDidCloseTextDocument(({ textDocument: { uri } }) => {
    const path = files.close(uri);
    if (path !== null) analyses.close(path);
  });

  connection.onDidChangeWatchedFiles(({ changes }) => {
    for (const { uri } of changes) {
      const path = files.pathOf(uri);
      if (path !== null && !files.at(path)) analyses.change(path);
    }
  });

  connection.onHover(
    async ({ textDocument: { uri }, position }: HoverParams, token): Promise<Hover | null> => {
      for (const { analysis, path, text, then } of await knownOf(uri, token)) {
        const offset = movedOffsets(text, then)(offsetIn(text, position));
        const hovered = offset === null ? null : hoverAt(analysis, path, offset);
        if (!hovered) continue;
        const back = movedOffsets(then, text);
        const [start, end] = [back(hovered.extent.start), back(hovered.extent.end)];
        return {
          contents: { kind: MarkupKind.Markdown, value: hovered.markdown },
          ...(start === null || end === null ? {} : { range: rangeIn(text, { start, end }) }),
        };
      }
      return null;
    },
  );

  connection.languages.inlayHint.on(
    async ({ textDocument: { uri }, range }: InlayHintParams, token): Promise<InlayHint[]> => {
      if (!settings.inlayHints.shapes) return [];
      const [known] = await knownOf(uri, token);
      if (!known) return [];
      const { analysis, path, text, then } = known;
      const back = movedOffsets(then, text);
      const [start, end] = [offsetIn(text, range.start), offsetIn(text, range.end)];
      return shapeHints(analysis, path, { start: 0, end: then.length }).flatMap((hint) => {
        const offset = back(hint.offset);
        if (offset === null || offset < start || offset > end) return [];
        const position = rangeIn(text, { start: offset, end: offset }).start;
        return [{ position, label: hint.text, kind: InlayHintKind.Type, paddingLeft: true }];
      });
    },
  );

  connection.onCodeAction(
    async ({ textDocument: { uri }, context }: CodeActionParams, token): Promise<CodeAction[]> => {
      const known = await knownOf(uri, token);
      return context.diagnostics.flatMap((diagnostic): CodeAction[] => {
        const own = published
          .at(files.pathOf(uri) ?? '')
          .find(({ code, message }) => code === diagnostic.code && message === diagnostic.message);
        const suggestion = (own ?? diagnostic).data as Suggestion | undefined;
        const found = known.find(({ text, then }) => text === then);
        if (!suggestion || !found) return [];
        const { analysis, path, text } = found;
        const at = {
          start: offsetIn(text, diagnostic.range.start),
          end: offsetIn(text, diagnostic.range.end),
        };
        const source = analysis.found!.parsed.sources.get(path)!;
        const replacement = replacementFor(source, at, suggestion);
        if (!replacement) return [];
        const edit = { range: rangeIn(text, replacement.extent), newText: replacement.text };
        return [
          {
            title: `Change '${suggestion.given}' to '${suggestion.meant}'`,
            kind: CodeActionKind.QuickFix,
            ...{ diagnostics: [diagnostic], isPreferred: true },
            edit: { changes: { [uri]: [edit] } },
          },
        ];
      });
    },
  );

  connection.onShutdown(async () => {
    isShutDown = true;
    analyses.end();
    await evaluator.end();
  });
  // However it ends, models that were being loaded leave no folders.
  process.on('exit', () => sweepTemporary(true));
  connection.listen();
}

const cancelled = (token: CancellationToken) =>
  new Promise<void>((resolve) => {
    token.onCancellationRequested(() => resolve());
  });

/** The first folder that is open in an editor; null where there is none on this disk. */
function folderOf({ workspaceFolders, rootUri }: InitializeParams): string | null {
  try {
    const uri = workspaceFolders?.[0]?.uri ?? rootUri;
    return uri ? fileURLToPath(uri) : null;
  } catch {
    return null;
  }
}

/** What an editor can do that the server makes use of. */
function capabilitiesOf(params: InitializeParams | null) {
  const { workspace, textDocument } = params?.capabilities ?? {};
  return {
    hasSettings: workspace?.configuration === true,
    registersSettings: workspace?.didChangeConfiguration?.dynamicRegistration === true,
    refreshesHints: workspace?.inlayHint?.refreshSupport === true,
    hasRelated: textDocument?.publishDiagnostics?.relatedInformation === true,
  };
}
