// The API reference: docstrings by typedoc, as Markdown.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Application } from 'typedoc';
import { outsideCode } from './stage.mjs';
import { API } from './structure.mjs';

/** Kinds of exports, in the order of the reference. */
const KINDS = ['functions', 'variables', 'classes', 'interfaces', 'type-aliases'];

/** @returns entries of the sidebar */
export async function stageApi(root, folder) {
  const out = join(folder, 'api');
  const app = await Application.bootstrapWithPlugins({
    entryPoints: API.map(({ file }) => join(root, file)),
    tsconfig: join(root, 'tsconfig.json'),
    plugin: ['typedoc-plugin-markdown'],
    name: 'API',
    readme: 'none',
    outputs: [{ name: 'markdown', path: out }],
    // Types are checked by `npm run check`.
    skipErrorChecking: true,
    excludeInternal: true,
    disableSources: true,
    disableGit: true,
    logLevel: 'Error',
    router: 'member',
    entryFileName: 'index',
    hideBreadcrumbs: true,
    hidePageHeader: true,
    useCodeBlocks: true,
    expandObjects: true,
    expandParameters: true,
    groupOrder: ['Functions', 'Variables', 'Classes', 'Interfaces', 'Type Aliases', '*'],
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    indexFormat: 'table',
    sanitizeComments: true,
  });
  const project = await app.convert();
  if (!project) throw new Error('typedoc found nothing');
  for (const module of project.children ?? [])
    module.name = API.find(({ file }) => isModuleOf(module.name, file))?.name ?? module.name;
  await app.generateOutputs(project);
  linkMessages(out);
  return API.map(({ name }) => ({
    text: name,
    link: `/api/${name}/`,
    items: readdirSync(join(out, name))
      .filter((kind) => KINDS.includes(kind))
      .sort((a, b) => KINDS.indexOf(a) - KINDS.indexOf(b))
      .map((kind) => ({ text: kind.replace('-', ' '), link: `/api/${name}/#${kind}` })),
  }));
}

/** typedoc names a module after its file, without what all files have in common. */
const isModuleOf = (name, file) =>
  file.replace(/\.ts$/, '') === name || file.replace(/\/index\.ts$/, '') === name;

/** Numbers of messages lead to their pages. */
function linkMessages(folder) {
  for (const name of readdirSync(folder, { recursive: true })) {
    if (!name.endsWith('.md')) continue;
    const file = join(folder, name);
    const text = readFileSync(file, 'utf8');
    writeFileSync(
      file,
      outsideCode(text, (part) => part.replace(/(?<!\[)\bBTC(\d{4})\b/g, '[BTC$1](/e/$1/)')),
    );
  }
}
