import { elementCount } from '../../../ir/tensor.ts';
import { readAttributes } from './attributes.ts';
import { isTensor, type NodeFacts, nodeOf, type OnnxNode } from './node.ts';
import { operatorRow } from './operators/index.ts';
import { runRecurrence } from './operators/written-recurrence.ts';
import { type Group, runGroup } from './patterns/index.ts';
import type { Recurrence } from './patterns/recurrences.ts';
import { OnnxError, shown } from './refusal.ts';
import type { AttributeProto, FunctionProto, GraphProto, NodeProto } from './schema/onnx_pb.ts';
import type { Session } from './session.ts';
import { checkSignature } from './signature.ts';
import { type ExternalData, readTensor } from './tensor-data.ts';
import { type Computed, NOTHING, type Value } from './values.ts';

/** What names mean in a graph: its own, and those of the graphs around it. */
export interface Scope {
  readonly values: Map<string, Value>;
  readonly outer: Scope | null;
  /** Versions of operator sets, by domain. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly external: ExternalData | null;
  /** Graphs and functions around it. */
  readonly depth: number;
}

const MOST_STEPS = 50_000;
const MOST_DEPTH = 48;

function lookUp(scope: Scope, name: string): Value | undefined {
  for (let at: Scope | null = scope; at; at = at.outer) {
    const found = at.values.get(name);
    if (found) return found;
  }
  return undefined;
}

/**
 * Runs the nodes of a graph over what their names mean, one after the other: ONNX has them in an order in which nothing is read before
 * it is there, so a cycle is a name that nothing has given (BTC5107).
 */
export function walk(session: Session, nodes: readonly NodeProto[], scope: Scope): void {
  for (const [index, node] of nodes.entries()) {
    if (session.waiting.has(node)) continue;
    const group = session.groups.get(node);
    const nodes = group?.nodes ?? [node];
    if (session.steps + nodes.length > MOST_STEPS)
      throw new OnnxError(5112, { most: MOST_STEPS, node: nameOf(node, index) });
    if (group && runAsOne(session, group, node, index, scope)) continue;
    for (const one of nodes) {
      session.steps++;
      runNode(session, one, index, scope);
    }
  }
}

/** Nodes that are one function, where their shapes say that they are. */
function runAsOne(
  session: Session,
  group: Group,
  node: NodeProto,
  index: number,
  scope: Scope,
): boolean {
  const name = nameOf(node, index);
  const { steps } = session;
  session.steps += group.nodes.length;
  session.recorder.step = session.steps;
  session.current = name;
  const made = runGroup(session, group, name, (one) => lookUp(scope, one));
  if (!made) {
    session.steps = steps;
    return false;
  }
  session.nodes.set(session.steps, `${name}: ${group.row.op}`);
  session.noteSources(made.value, made.inputs);
  giveOutputs(session, node, name, [made.value], scope);
  return true;
}

function runNode(session: Session, node: NodeProto, index: number, scope: Scope): void {
  const { opType, domain } = node;
  const name = nameOf(node, index);
  const inputs = node.input.map((input): Value => {
    if (input === '') return NOTHING;
    const found = lookUp(scope, input);
    if (found) return found;
    throw new OnnxError(5107, { node: name, op: shown(opType), input: shown(input) });
  });
  while (inputs.at(-1)?.kind === 'nothing') inputs.pop();
  const ownDomain = domain === 'ai.onnx' ? '' : domain;
  const opset = opsetOf(node, scope);
  const facts: NodeFacts = {
    ...{ op: opType, domain: ownDomain, opset, name, outputs: node.output, names: node.input },
    isOnce: scope.depth === 0,
    attributes: (refuse) => readAttributes(node, refuse),
  };
  const body = session.functions.get(`${ownDomain}.${opType}`);
  session.current = name;
  const recurrence = session.recurrences.get(node);
  const results = session.absorbed.has(node)
    ? inputs.filter((input) => input.kind === 'tensor')
    : recurrence
      ? runLayer(session, recurrence, facts, inputs)
      : body
        ? runFunction(session, body, node, inputs, scope)
        : runOperator(session, facts, inputs, scope);
  giveOutputs(session, node, name, results, scope);
}

function giveOutputs(
  session: Session,
  node: NodeProto,
  name: string,
  results: readonly Value[],
  scope: Scope,
): void {
  for (const [k, output] of node.output.entries()) {
    if (output === '') continue;
    if (scope.values.has(output))
      throw new OnnxError(5108, { node: name, op: shown(node.opType), output: shown(output) });
    const result = results[k];
    if (result === undefined)
      throw new OnnxError(
        5110,
        {
          ...{ node: name, op: shown(node.opType), opset: opsetOf(node, scope), remedy: '' },
          reason: `its output ${k} ('${shown(output)}') is not made`,
        },
        { operator: node.opType },
      );
    scope.values.set(output, result);
    if (result.kind === 'tensor') noteName(session, result, output);
  }
}

const opsetOf = ({ domain }: NodeProto, { opsets }: Scope): number =>
  opsets.get(domain === 'ai.onnx' ? '' : domain) ?? 1;

/** What a call gave has the name of the first output that it is. */
function noteName({ recorder, names }: Session, { raw }: Computed, output: string): void {
  const found = recorder.find(raw);
  if (found?.kind !== 'result' || found.path !== '') return;
  const key = String(found.call);
  if (!names.has(key)) names.set(key, output);
}

/** A recurrent layer that the file has step by step. */
function runLayer(
  session: Session,
  recurrence: Recurrence,
  facts: NodeFacts,
  inputs: readonly Value[],
): readonly Value[] {
  session.recorder.step = session.steps;
  session.nodes.set(session.steps, `${facts.name}: ${facts.op}`);
  const node = nodeOf(session, facts, inputs, () => []);
  const results = runRecurrence(node, recurrence);
  for (const result of results) session.noteSources(result, inputs);
  return results;
}

function runOperator(
  session: Session,
  facts: NodeFacts,
  inputs: readonly Value[],
  scope: Scope,
): readonly Value[] {
  const { op, domain, opset, name } = facts;
  const operator = domain === '' ? op : `${domain}.${op}`;
  const row = operatorRow(domain, op);
  if (!row)
    throw new OnnxError(
      5109,
      { node: name, op: shown(operator), opset },
      { operator: shown(operator) },
    );
  const make = (given: readonly Value[]): readonly Value[] => {
    const run: OnnxNode['run'] = (graph, values) => runGraph(session, graph, values, scope);
    const node = nodeOf(session, facts, given, run);
    // Of a file that says no operator set it is not known what a node is to have.
    if (scope.opsets.has(domain)) checkSignature(node);
    const made = row.make(node);
    return Array.isArray(made) ? made : [made as Value];
  };
  session.recorder.step = session.steps;
  session.nodes.set(session.steps, `${name}: ${op}`);
  const folds = row.folds !== false && inputs.length > 0;
  const folded = folds ? session.fold(inputs, make) : null;
  const results = folded ? folded.map(asSaid(() => make(inputs))) : make(inputs);
  for (const result of results) if (isTensor(result)) session.noteSources(result, inputs);
  return results;
}

/**
 * What is known is a constant where it is a list, as shapes are. Tables, such as masks over positions, are computed in the model as the file
 * says, so that they follow axes that are options; their values are known nevertheless.
 */
function asSaid(make: () => readonly Value[]): (value: Value, k: number) => Value {
  let made: readonly Value[] | null = null;
  return (value, k) => {
    const isTable = value.kind === 'constant' && value.shape.length > 1;
    if (!isTable || elementCount(value.shape) <= 1) return value;
    try {
      made ??= make();
    } catch (error) {
      // Integers that only the compiler's numbers hold, or shapes without elements on the way.
      if (error instanceof OnnxError) return value;
      throw error;
    }
    const own = made[k];
    return own?.kind === 'tensor' ? { ...own, known: value } : value;
  };
}

/** A graph of an attribute: the body of a loop, a branch. It sees the names around it. */
function runGraph(
  session: Session,
  graph: GraphProto,
  inputs: readonly Value[],
  outer: Scope,
): readonly Value[] {
  const scope = inside(outer, { outer, values: new Map() });
  for (const tensor of graph.initializer)
    scope.values.set(tensor.name, readTensor(tensor, scope.external));
  for (const [k, { name }] of graph.input.entries())
    if (inputs[k] !== undefined) scope.values.set(name, inputs[k]);
  walk(session, graph.node, scope);
  return outputsOf(
    scope,
    graph.output.map(({ name }) => name),
  );
}

function runFunction(
  session: Session,
  body: FunctionProto,
  node: NodeProto,
  inputs: readonly Value[],
  outer: Scope,
): readonly Value[] {
  const opsets = new Map(outer.opsets);
  for (const { domain, version } of body.opsetImport)
    opsets.set(domain === 'ai.onnx' ? '' : domain, Number(version));
  const scope = inside(outer, { outer: null, values: new Map(), opsets });
  for (const [k, name] of body.input.entries()) scope.values.set(name, inputs[k] ?? NOTHING);
  walk(
    session,
    body.node.map((inner) => withAttributes(inner, node)),
    scope,
  );
  return outputsOf(scope, body.output);
}

function inside(outer: Scope, own: Partial<Scope>): Scope {
  const scope = { ...outer, ...own, depth: outer.depth + 1 };
  if (scope.depth > MOST_DEPTH) throw new OnnxError(5113, { most: MOST_DEPTH });
  return scope;
}

function outputsOf(scope: Scope, names: readonly string[]): readonly Value[] {
  return names.map((name) => {
    const found = lookUp(scope, name);
    if (found) return found;
    throw new OnnxError(5106, { reason: `nothing gives the output '${shown(name)}'` });
  });
}

/** A node of a function's body, with the attributes that refer to those of the call. */
function withAttributes(inner: NodeProto, call: NodeProto): NodeProto {
  if (!inner.attribute.some(({ refAttrName }) => refAttrName !== '')) return inner;
  const attribute = inner.attribute.flatMap((one): AttributeProto[] => {
    if (one.refAttrName === '') return [one];
    const given = call.attribute.find(({ name }) => name === one.refAttrName);
    return given ? [{ ...given, name: one.name }] : [];
  });
  return { ...inner, attribute };
}

/** As messages call a node: by its name, or by what it gives. */
function nameOf({ name, output }: NodeProto, index: number): string {
  return shown(name || output.find((one) => one !== '') || `#${index}`);
}
