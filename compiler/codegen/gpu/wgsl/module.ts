import type { FunctionDefinition, ModuleParts, ValueType } from '../dialect.ts';
import { indent } from '../indent.ts';
import { STORED, TYPES } from './types.ts';

/** The entry point is `main`. Buffer i is `@group(0) @binding(i)`, a read_write storage array of its dtype, whatever its access. */
export function wgslModule(parts: ModuleParts): string {
  const [columns, rows] = parts.grid;
  // Bindings of one slab must all be read_write, whatever the kernel does with them.
  const bindings = parts.buffers.map(
    ({ dtype, quads }, i) =>
      `@group(0) @binding(${i}) var<storage, read_write> b${i}: array<${STORED[dtype][quads ? 'vector' : 'type']}>;\n`,
  );
  const arrays = parts.workgroupArrays.map(
    ({ name, type, length }) =>
      `var<workgroup> ${name}: array<${type in TYPES ? TYPES[type as ValueType] : type}, ${length}>;\n`,
  );
  const group = rows === 1 ? 'group_id.x' : `group_id.x + group_id.y * ${columns}u`;
  const enabled = [
    ...(parts.buffers.some(({ dtype }) => dtype === 'f16') ? ['f16'] : []),
    ...(parts.exchanges || parts.matrices ? ['subgroups'] : []),
    ...(parts.matrices ? ['chromium_experimental_subgroup_matrix'] : []),
  ];
  // All of a subgroup have one number, which the language does not see.
  const uniform = parts.matrices ? ' @diagnostic(off, chromium.subgroup_matrix_uniformity)' : '';
  return `${enabled.map((one) => `enable ${one};\n`).join('')}${bindings.join('')}${parts.library}${arrays.join('')}${parts.functions
    .map(functionText)
    .join('')}@compute @workgroup_size(${parts.workgroupSize})${uniform}
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(local_invocation_index) local_id: u32) {
  let group = i32(${group});
  let local = i32(local_id);
${indent(parts.body)}
}
`;
}

function functionText({ name, parameters, result, body }: FunctionDefinition): string {
  const list = parameters.map(([parameter, type]) => `${parameter}: ${TYPES[type]}`).join(', ');
  const arrow = result === null ? '' : ` -> ${TYPES[result]}`;
  return `fn ${name}(${list})${arrow} {\n${indent(body)}\n}\n`;
}
