import type { Graph, Module, Node } from './graph.ts';
import { inferType } from './ops.ts';
import { formatType, sameShape, type TensorType } from './tensor.ts';

/**
 * Checks the invariants of a graph and returns what is broken, one sentence each:
 *
 * 1. operands of a node precede it;
 * 2. the type of a node is what the op table infers from its operands;
 * 3. extents are positive integers;
 * 4. an input or a parameter of one name is declared with one type, in the graph and in the module;
 * 5. outputs and updates refer to values of the graph; names of outputs and updated parameters are unique;
 * 6. an update has the type of its parameter, where the graph reads it or the module declares it;
 * 7. source indices are -1 or inside the list of sources.
 *
 * What holds of a graph only together with its module is checked by {@link verifyModule}.
 */
export function verifyGraph(graph: Graph, module?: Module): string[] {
  const problems: string[] = [];
  const declared = declaredTypes(module);

  for (const [value, node] of graph.nodes.entries()) {
    const { source } = node;
    if (source !== -1 && !isIndex(source, graph.sources.length))
      problems.push(`${named(node, value)}: source ${source} does not exist`);
    if (isKnown(graph, node, value)) continue;
    const found = problemsOf(graph, node, value, declared, module !== undefined);
    for (const problem of found) problems.push(`${named(node, value)}: ${problem}`);
  }
  verifyResults(graph, declared, module !== undefined, problems);
  return problems;
}

const named = ({ op }: Node, value: number) => `%${value} (${op})`;

/** What is wrong with a node but for its source; what is not is remembered. */
function problemsOf(
  graph: Graph,
  node: Node,
  value: number,
  declared: Map<string, TensorType>,
  allDeclared: boolean,
): string[] {
  const { op, attributes, type } = node;
  const problems = type.shape.some((extent) => !Number.isSafeInteger(extent) || extent <= 0)
    ? [`${formatType(type)} has an extent that is not a positive integer`]
    : [];
  const stray = node.operands.find((operand) => !isIndex(operand, value));
  if (stray !== undefined) return [...problems, `operand ${stray} does not precede it`];
  if (op === 'input' || op === 'parameter') {
    const key = `${op} ${attributes.name}`;
    const known = declared.get(key);
    if (!known && allDeclared) problems.push(`'${attributes.name}' is not declared`);
    else if (known && !sameType(known, type))
      problems.push(
        `'${attributes.name}' is ${formatType(type)} here and ${formatType(known)} elsewhere`,
      );
    else declared.set(key, type);
    return problems;
  }
  const operands = node.operands.map((operand) => graph.nodes[operand].type);
  const inferred = inferType(op, operands, attributes);
  if ('reason' in inferred) problems.push(inferred.reason);
  else if (!sameType(inferred, type))
    problems.push(`its type is ${formatType(type)}, its operands give ${formatType(inferred)}`);
  else if (problems.length === 0) sound.set(type, { op, attributes, operands });
  return problems;
}

/** By type, of what it was found to be the type: passes hand on the objects that nodes are made of, and these do not change. */
const sound = new WeakMap<TensorType, Pick<Node, 'op' | 'attributes'> & Operands>();

interface Operands {
  readonly operands: readonly TensorType[];
}

/** Whether the operands of a node precede it, and the same op over the same types was verified before. */
function isKnown({ nodes }: Graph, { op, attributes, type, operands }: Node, value: number) {
  const known = sound.get(type);
  if (!known || known.op !== op || known.attributes !== attributes) return false;
  const { operands: types } = known;
  if (types.length !== operands.length) return false;
  for (let k = 0; k < types.length; k++)
    if (!isIndex(operands[k], value) || nodes[operands[k]].type !== types[k]) return false;
  return true;
}

function verifyResults(
  graph: Graph,
  declared: ReadonlyMap<string, TensorType>,
  allDeclared: boolean,
  problems: string[],
): void {
  const names = new Set<string>();
  const check = (what: string, value: number): boolean => {
    if (names.has(what)) problems.push(`${what} is given twice`);
    names.add(what);
    const exists = isIndex(value, graph.nodes.length);
    if (!exists) problems.push(`${what} refers to %${value}, which does not exist`);
    return exists;
  };
  for (const { name, value } of graph.outputs) check(`output '${name}'`, value);
  for (const { parameter, value } of graph.updates) {
    if (!check(`update '${parameter}'`, value)) continue;
    const wanted = declared.get(`parameter ${parameter}`);
    const { type } = graph.nodes[value];
    if (!wanted) {
      if (allDeclared) problems.push(`update '${parameter}': there is no such parameter`);
    } else if (!sameType(wanted, type))
      problems.push(
        `update '${parameter}' is ${formatType(type)}, the parameter ${formatType(wanted)}`,
      );
  }
}

function sameType(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

function isIndex(value: number, count: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < count;
}

function declaredTypes(module: Module | undefined): Map<string, TensorType> {
  const declared = new Map<string, TensorType>();
  for (const { name, type } of module?.inputs ?? []) declared.set(`input ${name}`, type);
  for (const { name, type } of module?.parameters ?? []) declared.set(`parameter ${name}`, type);
  return declared;
}
