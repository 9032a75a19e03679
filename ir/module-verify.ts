import { DTYPES, valueType } from './dtypes.ts';
import type { Graph, InputDeclaration, Module } from './graph.ts';
import { indexRangesError } from './index-range.ts';
import { isPersistent } from './plan.ts';
import { elementCount, formatType, parseType, type TensorType } from './tensor.ts';
import { verifyGraph } from './verify.ts';

/** What a module is held against beyond itself. */
export interface ModuleChecks {
  /** The next pass is lowering. Earlier ones may leave contractions of many operands, and two nodes that read one input. */
  readonly lowerable?: boolean;
}

/**
 * Checks the invariants of a module and of its programs, and returns what is broken, one sentence each; empty for a valid one:
 *
 * 1. names of programs, of inputs and of parameters, states and optimiser states are unique, and no object's `__proto__`;
 * 2. declared types have a known dtype and positive whole extents; roles are those of tensors that live on;
 * 3. defaults of inputs are finite, whole and in range where the input is i32; a counter is one i32 that starts at 0;
 * 4. ranges of inputs are sound, and for programs of the module;
 * 5. programs have a result each, and keep the invariants of graphs ({@link verifyGraph}) against these declarations;
 * 6. with `lowerable`, contractions have at most two operands, and each program reads an input by one node: it becomes one tensor.
 */
export function verifyModule(module: Module, { lowerable = false }: ModuleChecks = {}): string[] {
  const problems: string[] = [];
  const { inputs, parameters, programs } = module;
  verifyNames('input', inputs, problems);
  verifyNames('parameter', parameters, problems);
  verifyNames('program', programs, problems);
  for (const { name, type, role, storage } of parameters) {
    verifyType(`parameter '${name}'`, type, problems);
    if (storage && (role !== 'state' || valueType(storage) !== type.dtype))
      problems.push(`parameter '${name}' has role '${role}' and is held as ${storage}`);
    if (storage && programs.some(({ updates }) => updates.some((one) => one.parameter === name)))
      problems.push(`parameter '${name}' is held as ${storage}, but a program writes it`);
    if (!isPersistent(role)) problems.push(`parameter '${name}' has role '${role}'`);
  }
  for (const input of inputs) verifyInput(input, programs, problems);
  for (const graph of programs) {
    for (const problem of verifyGraph(graph, module)) problems.push(`${graph.name}: ${problem}`);
    verifyProgram(graph, lowerable, problems);
  }
  return problems;
}

function verifyNames(
  what: string,
  declarations: readonly { readonly name: string }[],
  problems: string[],
): void {
  const names = new Set<string>();
  for (const { name } of declarations) {
    if (names.has(name)) problems.push(`${what} '${name}' is declared twice`);
    if (name === '__proto__') problems.push(`${what} '${name}' has a name that objects use`);
    names.add(name);
  }
}

function verifyType(place: string, { dtype, shape }: TensorType, problems: string[]): void {
  if (!parseType(formatType({ dtype, shape: [] })))
    problems.push(`${place}: there is no dtype '${dtype}'`);
  if (!shape.every((extent) => Number.isSafeInteger(extent) && extent > 0))
    problems.push(
      `${place}: ${formatType({ dtype, shape })} has an extent that is not a positive integer`,
    );
}

function verifyInput(
  { name, type, default: initial, defaults = {}, counter, ranges = {} }: InputDeclaration,
  programs: readonly Graph[],
  problems: string[],
): void {
  const place = `input '${name}'`;
  verifyType(place, type, problems);
  for (const value of [initial, ...Object.values(defaults)]) {
    if (value !== null && !Number.isFinite(value))
      problems.push(`${place}: the default ${value} is not finite`);
    else if (value !== null && !DTYPES[type.dtype].accepts(value))
      problems.push(`${place}: the default ${value} is not an i32`);
  }
  for (const program of Object.keys(defaults))
    if (initial === null || !programs.some((graph) => graph.name === program))
      problems.push(`${place}: it has a default for '${program}', which is no program or has none`);
  if (counter && (type.dtype !== 'i32' || elementCount(type.shape) !== 1))
    problems.push(`${place}: a counter is one i32, not ${formatType(type)}`);
  if (counter && initial !== 0) problems.push(`${place}: a counter starts at 0, not ${initial}`);
  for (const [program, list] of Object.entries(ranges)) {
    if (!programs.some((graph) => graph.name === program))
      problems.push(`${place}: it has ranges for '${program}', which is no program`);
    const wrong = indexRangesError({
      ...{ ranges: list, shape: type.shape, default: initial, counter },
    });
    if (wrong) problems.push(`${place}: range ${wrong[0]} for '${program}': ${wrong[1]}`);
  }
}

function verifyProgram(
  { name: program, nodes, outputs, updates }: Graph,
  lowerable: boolean,
  problems: string[],
): void {
  if (outputs.length + updates.length === 0)
    problems.push(`${program}: it has neither an output nor an update`);
  if (!lowerable) return;
  const inputs = new Set<string>();
  nodes.forEach((node, value) => {
    const complain = (problem: string) =>
      problems.push(`${program}: %${value} (${node.op}): ${problem}`);
    if (node.op === 'input') {
      const { name } = node.attributes;
      if (inputs.has(name)) complain(`input '${name}' is read by another node too`);
      inputs.add(name);
    } else if (node.op === 'contract' && node.operands.length > 2)
      complain(`it has ${node.operands.length} operands, lowering takes two`);
  });
}
