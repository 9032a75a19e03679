import type { MatrixDialect } from '../dialect.ts';

// The types of WGSL have the number of columns before that of rows.

/**
 * Subgroup matrices as Dawn has them behind the feature chromium-experimental-subgroup-matrix
 * (docs/tint/extensions/chromium_experimental_subgroup_matrix.md in its repository).
 */
export const MATRICES: MatrixDialect = {
  zero: (name, { m, n }) => `var ${name} = subgroup_matrix_result<f32, ${n}, ${m}>();`,
  load: (factor, name, array, address, stride, { component, m, n, k }) => {
    const [columns, rows, layout] = factor === 'left' ? [k, m, 'col_major'] : [n, k, 'row_major'];
    const type = `subgroup_matrix_${factor}<${component}, ${columns}, ${rows}>`;
    return `let ${name} = subgroupMatrixLoad<${type}, ${layout}>(&${array}, u32(${address}), ${stride}u);`;
  },
  multiply: (total, left, right) =>
    `${total} = subgroupMatrixMultiplyAccumulate(${left}, ${right}, ${total});`,
  store: (array, address, total, stride) =>
    `subgroupMatrixStore<row_major>(&${array}, u32(${address}), ${total}, ${stride}u);`,
};
