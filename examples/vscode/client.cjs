const vscode = require('vscode');
const { LanguageClient, TransportKind } = require('vscode-languageclient/node');
const { findServer } = require('./find-server.cjs');

const LANGUAGES = ['typescript', 'typescriptreact', 'javascript', 'javascriptreact'];

let client = null;

async function start(context) {
  const folders = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
  const settings = vscode.workspace.getConfiguration('btc');
  const server = findServer(folders, settings.get('server'), context.extensionPath);
  // Most projects in TypeScript are no models: nothing is said of them.
  if (!server) return;
  client = new LanguageClient(
    'btc',
    'btc',
    { module: server, args: ['lsp'], transport: TransportKind.stdio },
    {
      documentSelector: LANGUAGES.flatMap((language) =>
        ['file', 'untitled'].map((scheme) => ({ scheme, language })),
      ),
      initializationOptions: { btc: settings },
      synchronize: {
        configurationSection: 'btc',
        fileEvents: vscode.workspace.createFileSystemWatcher('**/*.{ts,mts,cts,js,mjs,cjs,json}'),
      },
    },
  );
  await client.start();
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand('btc.restart', async () => {
      await client?.stop();
      client = null;
      await start(context);
    }),
  );
  await start(context);
}

const deactivate = () => client?.stop();

module.exports = { activate, deactivate };
