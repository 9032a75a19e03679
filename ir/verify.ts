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

  graph.nodes.forEach((node, value) => {
    const complain = (problem: string) => problems.push(`%${value} (${node.op}): ${problem}`);
    if (node.source !== -1 && !isIndex(node.source, graph.sources.length))
      complain(`source ${node.source} does not exist`);
    if (node.type.shape.some((extent) => !Number.isSafeInteger(extent) || extent <= 0))
      complain(`${formatType(node.type)} has an extent that is not a positive integer`);
    const stray = node.operands.find((operand) => !isIndex(operand, value));
    if (stray !== undefined) {
      complain(`operand ${stray} does not precede it`);
      return;
    }
    if (node.op === 'input' || node.op === 'parameter') {
      const key = `${node.op} ${node.attributes.name}`;
      const known = declared.get(key);
      if (!known && module) complain(`'${node.attributes.name}' is not declared`);
      else if (known && !sameType(known, node.type))
        complain(
          `'${node.attributes.name}' is ${formatType(node.type)} here and ${formatType(known)} elsewhere`,
        );
      else declared.set(key, node.type);
      return;
    }
    const operands = node.operands.map((operand) => graph.nodes[operand].type);
    if (isKnown(node, operands)) return;
    const inferred = inferType(node.op, operands, node.attributes);
    if ('reason' in inferred) complain(inferred.reason);
    else if (!sameType(inferred, node.type))
      complain(`its type is ${formatType(node.type)}, its operands give ${formatType(inferred)}`);
    else sound.set(node.type, { op: node.op, attributes: node.attributes, operands });
  });
  verifyResults(graph, declared, module !== undefined, problems);
  return problems;
}

/** By type, of what it was found to be the type: passes hand on the objects that nodes are made of, and these do not change. */
const sound = new WeakMap<TensorType, Pick<Node, 'op' | 'attributes'> & Operands>();

interface Operands {
  readonly operands: readonly TensorType[];
}

/** Whether the same op over the same types was verified before. */
function isKnown({ op, attributes, type }: Node, operands: readonly TensorType[]): boolean {
  const known = sound.get(type);
  return (
    known !== undefined &&
    known.op === op &&
    known.attributes === attributes &&
    known.operands.length === operands.length &&
    known.operands.every((one, k) => one === operands[k])
  );
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
