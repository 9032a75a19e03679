import { isDType } from './dtypes.ts';
import { type Graph, GraphBuilder, type Node, type ValueId } from './graph.ts';
import { OPS, type OpName } from './ops.ts';
import { formatChain, type Origin, parseChain } from './source.ts';
import { formatType, parseType } from './tensor.ts';
import { formatName, NAME_PATTERN, parseName } from './text.ts';

/**
 * The text form of a graph, one node per line:
 *
 *     graph train {
 *       %0 = input name="image" : f32[32,784] @model.ts(7,10)
 *       %2 = contract(%0, %1) equation="ij,jk->ik" : f32[32,10]
 *       output "loss" = %2
 *       update "weight" = %3
 *     }
 *
 * Behind the type stand the scope, the name in it and the pass that the node comes from, where it has any, and the calls that
 * led to its place: `in stage1.block1 as relu of gradient @blocks.ts(4,10) from model.ts(12,9)`.
 * Attributes are JSON, except that numbers may be `inf`, `-inf` and `nan`. Printing and parsing round-trip exactly.
 */
export function printGraph(graph: Graph): string {
  const lines = graph.nodes.map((node, value) => `  ${printNode(node, value, graph.sources)}`);
  for (const { name, value } of graph.outputs)
    lines.push(`  output ${JSON.stringify(name)} = %${value}`);
  for (const { parameter, value } of graph.updates)
    lines.push(`  update ${JSON.stringify(parameter)} = %${value}`);
  return `graph ${formatName(graph.name)} {\n${lines.join('\n')}\n}\n`;
}

function printNode(node: Node, value: ValueId, sources: readonly Origin[]): string {
  const operands =
    node.operands.length > 0 ? `(${node.operands.map((operand) => `%${operand}`).join(', ')})` : '';
  const attributes = Object.entries(node.attributes).map(
    ([key, attribute]) => ` ${key}=${printAttribute(attribute)}`,
  );
  return `%${value} = ${node.op}${operands}${attributes.join('')} : ${formatType(node.type)}${printOrigin(sources[node.source])}`;
}

function printOrigin(origin: Origin | undefined): string {
  if (!origin) return '';
  const { span, scope, name, pass } = origin;
  return [
    scope === '' ? '' : ` in ${formatName(scope)}`,
    name === '' ? '' : ` as ${formatName(name)}`,
    pass ? ` of ${pass}` : '',
    span ? ` @${formatChain(span)}` : '',
  ].join('');
}

const ORIGIN = `(?: in (${NAME_PATTERN}))?(?: as (${NAME_PATTERN}))?(?: of (gradient|update))?(?: @(.*\\(\\d+,\\d+\\)))?`;

function parseOrigin(builder: GraphBuilder, parts: readonly (string | undefined)[]): number {
  const [scope, name, pass, chain] = parts;
  return builder.source(chain === undefined ? null : parseChain(chain), {
    scope: scope === undefined ? '' : parseName(scope),
    name: name === undefined ? '' : parseName(name),
    ...(pass ? { pass: pass as Origin['pass'] } : {}),
  });
}

function printAttribute(value: unknown): string {
  if (typeof value !== 'number' || Number.isFinite(value))
    return Object.is(value, -0) ? '-0' : JSON.stringify(value);
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
}

const HEADER = new RegExp(`^graph (${NAME_PATTERN}) \\{$`);

/** Inverse of {@link printGraph}. @throws Error that names the line */
export function parseGraph(text: string): Graph {
  const lines = text.split('\n');
  let builder: GraphBuilder | null = null;
  for (let k = 0; k < lines.length; k++) {
    const line = lines[k].trim();
    if (line === '' || line.startsWith('#')) continue;
    const header = HEADER.exec(line);
    if (!builder && header) builder = new GraphBuilder(parseName(header[1]));
    else if (builder && line === '}') {
      const rest = lines.slice(k + 1).findIndex((text) => /^\s*[^\s#]/.test(text));
      if (rest >= 0) throw new Error(`line ${k + 2 + rest}: there is text behind the graph`);
      return builder.finish();
    } else if (!builder || !readsLine(builder, line))
      throw new Error(`line ${k + 1}: cannot read '${line}'`);
  }
  throw new Error(`line ${lines.length}: the graph does not end with '}'`);
}

function readsLine(builder: GraphBuilder, line: string): boolean {
  try {
    return parseLine(builder, line);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

const NODE = new RegExp(
  String.raw`^%(\d+) = (\w+)(?:\(([^)]*)\))?((?: \w+=(?:"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^\s"[]+))*) : (\w+\[[\d,]*\])${ORIGIN}$`,
);

function parseLine(builder: GraphBuilder, line: string): boolean {
  const result = /^(output|update) ("(?:[^"\\]|\\.)*") = %(\d+)$/.exec(line);
  if (result) {
    const name = JSON.parse(result[2]) as string;
    const value = Number(result[3]);
    if (value >= builder.nodes.length) return false;
    if (result[1] === 'output') builder.outputs.push({ name, value });
    else builder.updates.push({ parameter: name, value });
    return true;
  }
  const node = NODE.exec(line);
  if (!node || !Object.hasOwn(OPS, node[2])) return false;
  const [, index, op, operandText, attributeText, typeText, ...origin] = node;
  const type = parseType(typeText);
  const operands = operandText
    ? operandText.split(', ').map((text) => Number(/^%(\d+)$/.exec(text)?.[1]))
    : [];
  const known = operands.every(
    (operand) => Number.isInteger(operand) && operand < builder.nodes.length,
  );
  if (!type || !known || Number(index) !== builder.nodes.length) return false;
  const source = parseOrigin(builder, origin);
  builder.append(op as OpName, operands, parseAttributes(attributeText) as never, type, source);
  return true;
}

const SPECIAL_NUMBERS: Readonly<Record<string, number>> = {
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  nan: Number.NaN,
  '-0': -0,
};

function parseAttributes(text: string): Record<string, unknown> {
  const attributes: Record<string, unknown> = {};
  for (const [, key, value] of text.matchAll(/ (\w+)=("(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^\s"[]+)/g)) {
    attributes[key] = Object.hasOwn(SPECIAL_NUMBERS, value)
      ? SPECIAL_NUMBERS[value]
      : isDType(value)
        ? value
        : JSON.parse(value);
  }
  return attributes;
}
