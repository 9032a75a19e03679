// Products of row-major float64 matrices in flat arrays. Four terms of a sum at a time keep the floating point units busy.

/** Below this width rows of the result are too short to be worth a loop each. */
const NARROW = 16;

/** result [m, n] += A [m, k] · B [k, n], from the given offsets. */
export function addProduct(
  [m, k, n]: readonly [m: number, k: number, n: number],
  a: Float64Array,
  aStart: number,
  b: Float64Array,
  bStart: number,
  result: Float64Array,
  resultStart: number,
): void {
  for (let i = 0; i < m; i++) {
    const row = resultStart + i * n;
    let p = 0;
    for (; p + 4 <= k; p += 4) {
      const at = aStart + i * k + p;
      const [a0, a1, a2, a3] = [a[at], a[at + 1], a[at + 2], a[at + 3]];
      const b0 = bStart + p * n;
      const b1 = b0 + n;
      const b2 = b1 + n;
      const b3 = b2 + n;
      for (let j = 0; j < n; j++)
        result[row + j] += a0 * b[b0 + j] + a1 * b[b1 + j] + a2 * b[b2 + j] + a3 * b[b3 + j];
    }
    for (; p < k; p++) {
      const factor = a[aStart + i * k + p];
      const b0 = bStart + p * n;
      for (let j = 0; j < n; j++) result[row + j] += factor * b[b0 + j];
    }
  }
}

/** result [m, n] += A [m, k] · Bᵀ for B [n, k], from the given offsets. */
export function addProductTransposed(
  [m, k, n]: readonly [m: number, k: number, n: number],
  a: Float64Array,
  aStart: number,
  b: Float64Array,
  bStart: number,
  result: Float64Array,
  resultStart: number,
): void {
  for (let i = 0; i < m; i++) {
    const a0 = aStart + i * k;
    const row = resultStart + i * n;
    let j = 0;
    for (; j + 4 <= n; j += 4) {
      const b0 = bStart + j * k;
      const b1 = b0 + k;
      const b2 = b1 + k;
      const b3 = b2 + k;
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let p = 0; p < k; p++) {
        const value = a[a0 + p];
        s0 += value * b[b0 + p];
        s1 += value * b[b1 + p];
        s2 += value * b[b2 + p];
        s3 += value * b[b3 + p];
      }
      result[row + j] += s0;
      result[row + j + 1] += s1;
      result[row + j + 2] += s2;
      result[row + j + 3] += s3;
    }
    for (; j < n; j++) {
      const b0 = bStart + j * k;
      let sum = 0;
      for (let p = 0; p < k; p++) sum += a[a0 + p] * b[b0 + p];
      result[row + j] += sum;
    }
  }
}

/** Whether a result of n columns is better made from dot products with a transposed right side. */
export const prefersTransposed = (n: number): boolean => n < NARROW;

export function transposed(data: Float64Array, rows: number, columns: number): Float64Array {
  const BLOCK = 32;
  const result = new Float64Array(rows * columns);
  for (let top = 0; top < rows; top += BLOCK)
    for (let left = 0; left < columns; left += BLOCK)
      for (let i = top; i < Math.min(top + BLOCK, rows); i++)
        for (let j = left; j < Math.min(left + BLOCK, columns); j++)
          result[j * rows + i] = data[i * columns + j];
  return result;
}

/** X·Xᵀ [rows, rows] for X [rows, columns], in panels of columns that stay in the cache. */
export function rowGram(x: Float64Array, rows: number, columns: number): Float64Array {
  const PANEL = 512;
  const BLOCK = 4;
  const gram = new Float64Array(rows * rows);
  for (let from = 0; from < columns; from += PANEL) {
    const to = Math.min(from + PANEL, columns);
    for (let i = 0; i < rows; i++) {
      let j = 0;
      for (; j + BLOCK <= i + 1; j += BLOCK) {
        let [s0, s1, s2, s3] = [0, 0, 0, 0];
        const [x0, y0] = [i * columns, j * columns];
        const [y1, y2, y3] = [y0 + columns, y0 + 2 * columns, y0 + 3 * columns];
        for (let p = from; p < to; p++) {
          const value = x[x0 + p];
          s0 += value * x[y0 + p];
          s1 += value * x[y1 + p];
          s2 += value * x[y2 + p];
          s3 += value * x[y3 + p];
        }
        const at = i * rows + j;
        gram[at] += s0;
        gram[at + 1] += s1;
        gram[at + 2] += s2;
        gram[at + 3] += s3;
      }
      for (; j <= i; j++) {
        let sum = 0;
        for (let p = from; p < to; p++) sum += x[i * columns + p] * x[j * columns + p];
        gram[i * rows + j] += sum;
      }
    }
  }
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < i; j++) gram[j * rows + i] = gram[i * rows + j];
  return gram;
}
