import type { Graph, Module } from '../../../ir/graph.ts';
import { neededValues } from '../graph/needed.ts';
import { Body, type Helper, type Value } from './body.ts';
import type { ArgumentRecord, Mesh, ResultRecord, StableHloManifest } from './manifest.ts';
import { writeGraph } from './program.ts';
import { quoted, typeText, type ValueType, valueType } from './types.ts';

/** A program as text, and what goes with it. */
export interface StableHloModule {
  readonly text: string;
  readonly manifest: StableHloManifest;
}

/**
 * Writes one program of a module. The arguments are its inputs, then the parameters, states and optimiser's states that it reads or
 * assigns, in the module's order; the results are its outputs, then what it assigns.
 *
 * @param splits by input: the axis that the mesh splits
 */
export function writeModule(
  module: Module,
  program: Graph,
  mesh: Mesh | null,
  splits: ReadonlyMap<string, number>,
): StableHloModule {
  const argumentRecords = argumentsOf(module, program, splits);
  const results = resultsOf(module, program, argumentRecords);
  const helpers = new Map<string, Helper>();
  const given = argumentRecords.map(
    (one, k): Value => ({ name: `%arg${k}`, type: valueType(one) }),
  );
  const byName = new Map(argumentRecords.map(({ role, name }, k) => [keyOf(role, name), given[k]]));
  const body = new Body(helpers);
  const read = writeGraph(body, program, (kind, name) => byName.get(keyOf(kind, name))!);
  const returned = [...program.outputs, ...program.updates].map(({ value }) => read(value));
  const signature = given.map(({ name, type }, k) => {
    const attributes = attributesOf(argumentRecords[k], mesh);
    return `${name}: ${typeText(type)} ${attributes}`;
  });
  const made = returned.map(({ type }, k) => `${typeText(type)} ${attributesOf(results[k], mesh)}`);
  const main = [
    `func.func public @main(${spread(signature)}) -> (${spread(made)}) {`,
    ...indented(body.lines),
    `  ${returnText(returned)}`,
    '}',
  ];
  const meshLine = mesh ? [`sdy.mesh @mesh = <[${quoted(mesh.axis)}=${mesh.size}]>`] : [];
  const lines = [...meshLine, ...main, ...helperLines(helpers)];
  return {
    text: `module @${symbol(module.name)} {\n${indented(lines).join('\n')}\n}\n`,
    manifest: {
      format: 'btc-stablehlo-1',
      ...{ model: module.name, program: program.name },
      ...{ arguments: argumentRecords, results, mesh },
    },
  };
}

/** One to a line. */
const spread = (parts: readonly string[]): string =>
  parts.length === 0 ? '' : `\n${parts.map((part) => `    ${part}`).join(',\n')}\n`;

const keyOf = (role: string, name: string) => `${role === 'input' ? 'input' : 'parameter'} ${name}`;

function argumentsOf(
  module: Module,
  program: Graph,
  splits: ReadonlyMap<string, number>,
): ArgumentRecord[] {
  const { values } = neededValues(program);
  const used = new Set<string>();
  program.nodes.forEach((node, value) => {
    if (values[value] && (node.op === 'input' || node.op === 'parameter'))
      used.add(keyOf(node.op, node.attributes.name));
  });
  for (const { parameter } of program.updates) used.add(keyOf('parameter', parameter));
  const inputs = module.inputs
    .filter(({ name }) => used.has(keyOf('input', name)))
    .map(
      ({ name, type, default: value, counter }): ArgumentRecord => ({
        ...{ name, role: 'input', ...type },
        ...{ default: value, counter, split: splits.get(name) ?? null },
      }),
    );
  const kept = module.parameters
    .filter(({ name }) => used.has(keyOf('parameter', name)))
    .map(
      ({ name, type, role }): ArgumentRecord => ({
        ...{ name, role, ...type },
        ...{ default: null, counter: false, split: null },
      }),
    );
  return [...inputs, ...kept];
}

function resultsOf(
  module: Module,
  { nodes, outputs, updates }: Graph,
  given: readonly ArgumentRecord[],
): ResultRecord[] {
  const roles = new Map(module.parameters.map(({ name, role }) => [name, role]));
  return [
    ...outputs.map(
      ({ name, value }): ResultRecord => ({
        ...{ name, role: 'output', ...nodes[value].type, argument: null },
      }),
    ),
    ...updates.map(
      ({ parameter, value }): ResultRecord => ({
        ...{ name: parameter, role: roles.get(parameter)!, ...nodes[value].type },
        argument: given.findIndex(({ role, name }) => role !== 'input' && name === parameter),
      }),
    ),
  ];
}

/** Names and roles as attributes, and where a mesh is given what of the tensor each device has. */
function attributesOf(
  { name, role, shape, ...rest }: ArgumentRecord | ResultRecord,
  mesh: Mesh | null,
): string {
  const split = 'split' in rest ? rest.split : null;
  const axes = shape.map((_, axis) => (axis === split ? `{${quoted(mesh!.axis)}}` : '{}'));
  const isShared = mesh !== null && role !== 'output';
  const fields = [
    `btc.name = ${quoted(name)}`,
    `btc.role = ${quoted(role)}`,
    ...(isShared ? [`sdy.sharding = #sdy.sharding<@mesh, [${axes.join(', ')}]>`] : []),
  ];
  return `{${fields.join(', ')}}`;
}

/** The functions that others call, each with those that it calls itself. */
function helperLines(helpers: Map<string, Helper>): string[] {
  const lines: string[] = [];
  for (const { name, parameters, result, write } of helpers.values()) {
    const given = parameters.map((type, k): Value => ({ name: `%arg${k}`, type }));
    const body = new Body(helpers);
    const made = write(body, given);
    const signature = given.map(({ name: one, type }) => `${one}: ${typeText(type)}`).join(', ');
    lines.push(
      `func.func private @${name}(${signature}) -> ${typeText(result)} {`,
      ...indented(body.lines),
      `  ${returnText([made])}`,
      '}',
    );
  }
  return lines;
}

function returnText(values: readonly Value[]): string {
  if (values.length === 0) return 'func.return';
  const types: readonly ValueType[] = values.map(({ type }) => type);
  return `func.return ${values.map(({ name }) => name).join(', ')} : ${types.map(typeText).join(', ')}`;
}

const indented = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => line.split('\n').map((one) => `  ${one}`));

/** A name as the symbol of a module: in quotes where it has other characters than words have. */
const symbol = (name: string): string => (/^[A-Za-z_][\w$.]*$/.test(name) ? name : quoted(name));
