import { parseDictionary, parseType, parseTypes } from './attributes.ts';
import { Cursor } from './cursor.ts';
import { FORMS } from './forms.ts';
import type {
  Attributes,
  Block,
  Func,
  Operation,
  Parameter,
  ParsedModule,
  TensorType,
} from './syntax.ts';

// A parser of StableHLO's text, written from its specification and the reference of MLIR, and not from btc's exporter.

/** Ops of other dialects, for files that have some. */
export type OtherOps = Readonly<Record<string, (cursor: Cursor) => Partial<Operation>>>;

/**
 * Parses one module.
 * @throws Error that names the line where the text is not of the grammar
 */
export function parseModule(text: string, others: OtherOps = {}): ParsedModule {
  const cursor = new Cursor(text);
  const isWrapped = cursor.take('module');
  let name = '';
  if (isWrapped) {
    if (cursor.sees('@')) name = cursor.symbol();
    if (cursor.take('attributes')) parseDictionary(cursor);
    cursor.expect('{');
  }
  const functions = new Map<string, Func>();
  const meshes = new Map<string, Readonly<Record<string, number>>>();
  const isOver = () => (isWrapped ? cursor.sees('}') : cursor.isAtEnd);
  while (!isOver()) {
    if (cursor.take('sdy.mesh')) {
      const mesh = cursor.symbol();
      cursor.expect('=');
      const axes = cursor.list('<[', ']>', () => {
        const axis = cursor.string();
        cursor.expect('=');
        return [axis, cursor.integer()] as const;
      });
      meshes.set(mesh, Object.fromEntries(axes));
      continue;
    }
    const func = parseFunction(cursor, others);
    if (functions.has(func.name)) cursor.fail(`another name than @${func.name}`);
    functions.set(func.name, func);
  }
  if (isWrapped) cursor.expect('}');
  if (!cursor.isAtEnd) cursor.fail('the end');
  return { name, functions, meshes };
}

function parseFunction(cursor: Cursor, others: OtherOps): Func {
  cursor.expect('func.func');
  const visibility = cursor.match(/public|private/y) ?? 'public';
  const name = cursor.symbol();
  const parameters = cursor.list('(', ')', (): Parameter => {
    const one = cursor.value();
    cursor.expect(':');
    const type = parseType(cursor);
    return { name: one, type, attributes: cursor.sees('{') ? parseDictionary(cursor) : {} };
  });
  const results = cursor.take('->') ? parseResults(cursor) : [];
  if (cursor.take('attributes')) parseDictionary(cursor);
  cursor.expect('{');
  const operations = parseOperations(cursor, others);
  cursor.expect('}');
  return { name, visibility, parameters, results, body: { parameters, operations } };
}

function parseResults(cursor: Cursor): { type: TensorType; attributes: Attributes }[] {
  if (!cursor.sees('(')) return [{ type: parseType(cursor), attributes: {} }];
  return cursor.list('(', ')', () => ({
    type: parseType(cursor),
    attributes: cursor.sees('{') ? parseDictionary(cursor) : {},
  }));
}

function parseOperations(cursor: Cursor, others: OtherOps): Operation[] {
  const operations: Operation[] = [];
  while (!cursor.sees('}')) operations.push(parseOperation(cursor, others));
  return operations;
}

function parseOperation(cursor: Cursor, others: OtherOps): Operation {
  const line = cursor.text.slice(0, cursor.at).split('\n').length;
  const results = cursor.sees('%') ? cursor.many(() => cursor.value()) : [];
  if (results.length > 0) cursor.expect('=');
  const made = { results, line, ...operationOf(cursor, others) };
  if (made.resultTypes.length !== results.length) cursor.fail(`${results.length} types of results`);
  if (made.operandTypes.length !== made.operands.length) cursor.fail('a type for each operand');
  return made;
}

type Rest = Omit<Operation, 'results' | 'line'>;

function operationOf(cursor: Cursor, others: OtherOps): Rest {
  if (cursor.sees('"')) return generic(cursor, others);
  const full = cursor.need(/[a-z_]+(?:\.[a-z_0-9]+)?/y, 'an op');
  if (full === 'func.return' || full === 'return' || full === 'stablehlo.return') {
    const operands = cursor.sees('%') ? cursor.many(() => cursor.value()) : [];
    if (operands.length > 0) cursor.expect(':');
    const operandTypes = operands.length > 0 ? cursor.many(() => parseType(cursor)) : [];
    return { ...NOTHING, name: 'return', operands, operandTypes };
  }
  if (full === 'func.call' || full === 'call') {
    const callee = cursor.symbol();
    const operands = cursor.list('(', ')', () => cursor.value());
    cursor.expect(':');
    const operandTypes = cursor.list('(', ')', () => parseType(cursor));
    cursor.expect('->');
    return {
      ...NOTHING,
      name: 'call',
      callee,
      operands,
      operandTypes,
      resultTypes: parseTypes(cursor),
    };
  }
  if (others[full]) return { ...NOTHING, name: full, ...others[full](cursor) };
  const name = full.replace(/^stablehlo\./, '');
  if (name === 'reduce') return prettyReduce(cursor);
  const form = full.startsWith('stablehlo.') ? FORMS[name] : undefined;
  if (!form) cursor.fail(`an op that is known instead of ${full}`);
  return { ...NOTHING, name, ...form(cursor) };
}

const NOTHING = {
  ...{ operands: [], attributes: {}, regions: [], operandTypes: [], resultTypes: [] },
};

/** `"stablehlo.op"(%a) <{…}> ({ … }) {…} : (A) -> B`. */
function generic(cursor: Cursor, others: OtherOps): Rest {
  const name = cursor.string().replace(/^stablehlo\./, '');
  const operands = cursor.list('(', ')', () => cursor.value());
  let attributes: Attributes = {};
  if (cursor.take('<')) {
    attributes = parseDictionary(cursor);
    cursor.expect('>');
  }
  const regions = cursor.sees('(') ? cursor.list('(', ')', () => parseRegion(cursor, others)) : [];
  if (cursor.sees('{')) attributes = { ...attributes, ...parseDictionary(cursor) };
  cursor.expect(':');
  const operandTypes = cursor.list('(', ')', () => parseType(cursor));
  cursor.expect('->');
  return { name, operands, attributes, regions, operandTypes, resultTypes: parseTypes(cursor) };
}

function parseRegion(cursor: Cursor, others: OtherOps): Block {
  cursor.expect('{');
  const parameters = cursor.match(/\^\w+/y)
    ? cursor.sees('(')
      ? cursor.list('(', ')', () => {
          const name = cursor.value();
          cursor.expect(':');
          return { name, type: parseType(cursor) };
        })
      : []
    : null;
  if (parameters) cursor.expect(':');
  const operations = parseOperations(cursor, others);
  cursor.expect('}');
  return { parameters: parameters ?? [], operations };
}

/** `(%x init: %c) applies stablehlo.add across dimensions = [1] : (A, B) -> C`. */
function prettyReduce(cursor: Cursor): Rest {
  cursor.expect('(');
  const input = cursor.value();
  cursor.expect('init');
  cursor.expect(':');
  const initial = cursor.value();
  cursor.expect(')');
  cursor.expect('applies');
  const op = cursor.need(/stablehlo\.[a-z_]+/y, 'an op').replace('stablehlo.', '');
  cursor.expect('across');
  cursor.expect('dimensions');
  cursor.expect('=');
  const dimensions = cursor.integers();
  cursor.expect(':');
  const operandTypes = cursor.list('(', ')', () => parseType(cursor));
  cursor.expect('->');
  const resultTypes = parseTypes(cursor);
  const element = { element: resultTypes[0].element, shape: [] };
  const types = { operandTypes: [element, element], resultTypes: [element] };
  const joined = { ...NOTHING, ...types, name: op, operands: ['a', 'b'], results: ['c'], line: 0 };
  const returned = {
    ...NOTHING,
    name: 'return',
    operands: ['c'],
    operandTypes: [element],
    results: [],
    line: 0,
  };
  const parameters = [
    { name: 'a', type: element },
    { name: 'b', type: element },
  ];
  return {
    ...{ name: 'reduce', operands: [input, initial], attributes: { dimensions } },
    ...{ operandTypes, resultTypes, regions: [{ parameters, operations: [joined, returned] }] },
  };
}
