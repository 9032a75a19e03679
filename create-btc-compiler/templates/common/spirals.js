// Three spirals that turn around one another, a little noisy; the same points each time.

/** @param {number} count a multiple of 3 */
export function spirals(count) {
  const random = numbers(7);
  const point = new Float32Array(2 * count);
  const label = new Int32Array(count);
  for (let k = 0; k < count; k++) {
    const arm = k % 3;
    const radius = (k + 1) / count;
    const angle = 5 * radius + (2 * Math.PI * arm) / 3 + 0.25 * (random() - 0.5);
    point.set([radius * Math.cos(angle), radius * Math.sin(angle)], 2 * k);
    label[k] = arm;
  }
  return { point, label };
}

/**
 * Numbers from 0 up to 1 (Lehmer's generator).
 * @param {number} seed
 */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}
