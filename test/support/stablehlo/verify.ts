import { Invalid } from './fields.ts';
import { INFER } from './infer.ts';
import {
  type Block,
  type Func,
  type Operation,
  type ParsedModule,
  type TensorType,
  typeText,
} from './syntax.ts';

/**
 * What of a module is not as the specification says: values that are unknown or defined twice, types that disagree with where a
 * value is defined, and constraints of ops; empty where all holds.
 */
export function verifyModule(module: ParsedModule, others: readonly string[] = []): string[] {
  const problems: string[] = [];
  for (const func of module.functions.values()) {
    const scope = new Map<string, TensorType>();
    verifyBlock(module, func.body, scope, problems, others);
    const last = func.body.operations[func.body.operations.length - 1];
    const returned = last?.name === 'return' ? last.operandTypes : null;
    if (
      !returned ||
      !sameTypes(
        returned,
        func.results.map(({ type }) => type),
      )
    )
      problems.push(`@${func.name} does not return what it declares`);
    problems.push(...shardingProblems(module, func));
  }
  return problems;
}

function verifyBlock(
  module: ParsedModule,
  { parameters, operations }: Block,
  outer: ReadonlyMap<string, TensorType>,
  problems: string[],
  others: readonly string[],
): void {
  const scope = new Map(outer);
  const define = (name: string, type: TensorType, line: number) => {
    if (scope.has(name)) problems.push(`line ${line}: %${name} is defined twice`);
    scope.set(name, type);
  };
  for (const { name, type } of parameters) define(name, type, 0);
  operations.forEach((operation, k) => {
    const { name, operands, operandTypes, results, resultTypes, regions, line } = operation;
    operands.forEach((operand, i) => {
      const type = scope.get(operand);
      if (!type) problems.push(`line ${line}: %${operand} is not defined`);
      else if (!sameTypes([type], [operandTypes[i]]))
        problems.push(
          `line ${line}: %${operand} is ${typeText(type)}, not ${typeText(operandTypes[i])}`,
        );
    });
    if ((name === 'return') !== (k === operations.length - 1))
      problems.push(`line ${line}: a block ends with a return`);
    for (const region of regions) verifyBlock(module, region, scope, problems, others);
    const problem = others.includes(name) ? null : operationProblem(module, operation);
    if (problem) problems.push(`line ${line}: ${name}: ${problem}`);
    results.forEach((result, i) => {
      define(result, resultTypes[i], line);
    });
  });
}

function operationProblem(module: ParsedModule, operation: Operation): string | null {
  const { name, operandTypes, resultTypes } = operation;
  if (name === 'return') return null;
  if (name === 'call') {
    const called = module.functions.get(operation.callee!);
    if (!called) return `@${operation.callee} is not there`;
    const isSame =
      sameTypes(
        operandTypes,
        called.parameters.map(({ type }) => type),
      ) &&
      sameTypes(
        resultTypes,
        called.results.map(({ type }) => type),
      );
    return isSame ? null : `@${operation.callee} has other types`;
  }
  const rule = INFER[name];
  if (!rule) return 'no such op';
  try {
    const inferred = rule(operation, operandTypes, resultTypes[0]);
    return inferred && !sameTypes([inferred], resultTypes)
      ? `the result is ${typeText(inferred)}, not ${resultTypes.map(typeText)}`
      : null;
  } catch (error) {
    if (error instanceof Invalid) return error.message;
    throw error;
  }
}

function sameTypes(a: readonly TensorType[], b: readonly TensorType[]): boolean {
  return a.length === b.length && a.every((type, k) => typeText(type) === typeText(b[k]));
}

/** Shardings name a mesh that is there, one list of axes for each dimension, and axes whose sizes divide it. */
function shardingProblems({ meshes }: ParsedModule, { name, parameters, results }: Func): string[] {
  return [...parameters, ...results].flatMap(({ type, attributes }) => {
    const sharding = attributes['sdy.sharding'];
    if (sharding === undefined) return [];
    const at = `@${name}: the sharding of ${typeText(type)}`;
    if (typeof sharding !== 'object' || !('record' in sharding)) return [`${at} is none`];
    const { mesh, axes } = sharding.record as {
      mesh: string;
      axes: readonly (readonly string[])[];
    };
    const known = meshes.get(mesh);
    if (!known) return [`${at} names no mesh`];
    if (axes.length !== type.shape.length) return [`${at} has ${axes.length} dimensions`];
    const sizes = axes.map((list) =>
      list.reduce((product, axis) => product * (known[axis] ?? Number.NaN), 1),
    );
    return sizes.every((size, k) => type.shape[k] % size === 0)
      ? []
      : [`${at} divides no dimension`];
  });
}
