// The API reference: docstrings by typedoc, as Markdown.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  Application,
  Comment,
  Converter,
  IntrinsicType,
  LiteralType,
  LogLevel,
  ReflectionKind,
  UnionType,
} from 'typedoc';
import ts from 'typescript';
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
    logLevel: 'Warn',
    validation: { notExported: true, invalidLink: true, notDocumented: false },
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
  spellChoices(app);
  const project = await app.convert();
  if (!project) throw new Error('typedoc found nothing');
  app.validate(project);
  if (app.logger.hasWarnings()) throw new Error('the reference is not whole: see the warnings');
  // The writer says of every heading that is there twice that it is.
  app.logger.level = LogLevel.Error;
  for (const module of project.children ?? []) {
    const known = API.find(({ file }) => isModuleOf(module.name, file));
    if (!known) throw new Error(`typedoc found a module '${module.name}'`);
    module.name = known.name;
    module.comment = new Comment([{ kind: 'text', text: known.is }]);
  }
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

/** A type of a few texts, or a tuple, is shown as that, where it is declared by a table that nobody imports. */
function spellChoices({ converter }) {
  const spelled = new Map();
  converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (!reflection.kindOf(ReflectionKind.TypeAlias)) return;
    const symbol = context.getSymbolFromReflection(reflection);
    const type = symbol && context.checker.getDeclaredTypeOfSymbol(symbol);
    if (type && context.checker.isTupleType(type))
      spelled.set(reflection, converter.convertType(context, type));
    const parts = type?.isUnion() ? type.types.map(choice) : [null];
    if (!parts.includes(null)) spelled.set(reflection, new UnionType(parts));
  });
  converter.on(Converter.EVENT_RESOLVE_BEGIN, () => {
    for (const [reflection, type] of spelled) reflection.type = type;
  });
}

const choice = (type) =>
  type.isStringLiteral() || type.isNumberLiteral()
    ? new LiteralType(type.value)
    : type.flags & ts.TypeFlags.Number
      ? new IntrinsicType('number')
      : null;

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
