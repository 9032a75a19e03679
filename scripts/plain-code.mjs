// Makes of a chunk of CommonJS what V8 keeps and runs well.
import { parseAst } from 'rolldown/parseAst';
import { applied } from './edits.mjs';

/** What a chunk exports, as rolldown says it. Nothing that is exported changes later: it need not be asked for each time. */
const GETTER =
  /^Object\.defineProperty\(exports, (['"][\w$]+['"]), \{\n\s*enumerable: true,\n\s*get: function\(\) \{\n\s*return ([\w$]+);\n\s*\}\n\}\);$/gm;
const ANY_GETTER = /get: function\(\) \{\n\s*return [\w$]+;/;
/** Where a chunk is, as rolldown says it. */
const PLACE = 'require("url").pathToFileURL(__filename).href';
const IMPORTER = '__importModule';
const NOT_ASCII = /[^\0-\x7f]/g;
/** A character of a text or of a regular expression: rolldown leaves no comments, and names have none. */
const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/**
 * The code of a chunk, as a script too: V8 keeps code of scripts alone, and has no `import()` in them. V8 takes text a byte a character
 * where it is ASCII. What was a module is strict.
 *
 * @param importer the file that exports `import()`
 * @throws Error where rolldown has written something that this does not know
 */
export function plainCode(code, importer) {
  // In what bundlers make of it, a chunk may be nowhere.
  const plain = code
    .replace(GETTER, 'exports[$1] = $2;')
    .replaceAll(
      PLACE,
      `(typeof __filename === 'string' ? ${PLACE} : 'file:///btc-compiler/chunks/')`,
    );
  if (ANY_GETTER.test(plain)) throw new Error('an export is not plain');
  const raw = nodesOf(parseAst(plain), 'TaggedTemplateExpression');
  if (raw.some(({ start, end }) => plain.slice(start, end).match(NOT_ASCII)))
    throw new Error('a raw text is not ASCII');
  const text = plain.replaceAll(NOT_ASCII, escaped);
  const tree = parseAst(text);
  const imports = nodesOf(tree, 'ImportExpression');
  const edits = [
    ...imports.map(({ start }) => ({ start, end: start + 'import'.length, text: IMPORTER })),
    ...literalEdits(nodesOf(tree, 'ObjectExpression')),
  ];
  const head = imports.length > 0 ? `const ${IMPORTER} = require('${importer}');\n` : '';
  return `'use strict';\n${head}${applied(text, edits)}`;
}

/**
 * Literals of objects that V8 makes fast. In V8 11, that of Node 20, `{ ...a, b }` makes a hidden class for each object, so that all code
 * that sees several of them is slow: a spread is quick where it is not the first. One of a literal is none.
 */
function literalEdits(literals) {
  const spread = literals.flatMap(({ properties }) => properties.filter(isLiteralSpread));
  const within = new Set(spread.map(({ argument }) => argument));
  const opened = spread.flatMap(({ start, end, argument: { properties } }) => [
    { start, end: properties[0].start, text: '' },
    { start: properties.at(-1).end, end, text: '' },
  ]);
  const led = literals.flatMap((literal) => {
    const { properties } = literal;
    const count = properties.reduce((sum, one) => sum + countOf(one), 0);
    if (within.has(literal) || count < 2 || !startsWithSpread(properties[0])) return [];
    const { start } = properties[0];
    return [{ start, end: start, text: '...null, ' }];
  });
  return [...opened, ...led];
}

const isSpread = ({ type }) => type === 'SpreadElement';

/** Whether the properties of a spread literal can stand where it does. */
function isLiteralSpread(property) {
  if (!isSpread(property) || property.argument.type !== 'ObjectExpression') return false;
  const { properties } = property.argument;
  return properties.length > 0 && properties.every((one) => isSpread(one) || isPlainProperty(one));
}

const isPlainProperty = ({ kind, key, computed }) =>
  kind === 'init' && (computed || (key.name ?? key.value) !== '__proto__');

/** What a property is, once spread literals are their properties. */
const countOf = (property) =>
  isLiteralSpread(property)
    ? property.argument.properties.reduce((sum, one) => sum + countOf(one), 0)
    : 1;

const startsWithSpread = (property) =>
  isLiteralSpread(property)
    ? startsWithSpread(property.argument.properties[0])
    : isSpread(property);

/** Of nodes of a syntax tree, those of a type. */
function nodesOf(root, type) {
  const found = [];
  const waiting = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node.type === type) found.push(node);
    for (const child of Object.values(node))
      if (typeof child === 'object' && child !== null) waiting.push(child);
  }
  return found;
}
