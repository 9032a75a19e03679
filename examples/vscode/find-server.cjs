const { existsSync } = require('node:fs');
const { dirname, join } = require('node:path');

const MAIN = join('dist', 'compiler', 'cli', 'main.js');

/**
 * The command line of btc that serves a project: what the project has installed, in its folder or one above; else what the setting
 * names; else the one that the extension was packed with, or beside which it stands in a checkout. Null for none.
 */
function findServer(folders, setting, extensionFolder) {
  const installed = folders.flatMap((folder) =>
    withParents(folder).flatMap((parent) => [
      join(parent, 'node_modules', 'btc-compiler', MAIN),
      // A checkout of btc itself.
      ...(existsSync(join(parent, 'compiler', 'cli', 'main.ts')) ? [join(parent, MAIN)] : []),
    ]),
  );
  const others = [
    ...(setting ? [setting] : []),
    join(extensionFolder, 'server', MAIN),
    join(extensionFolder, '..', '..', MAIN),
  ];
  return [...installed, ...others].find((path) => existsSync(path)) ?? null;
}

function withParents(folder) {
  const all = [folder];
  for (let at = folder; dirname(at) !== at; at = dirname(at)) all.push(dirname(at));
  return all;
}

module.exports = { findServer };
