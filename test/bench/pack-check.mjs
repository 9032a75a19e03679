/**
 * What is wrong with a packing, found without anything of the packers: null, or two blocks that overlap, or the top. By rising
 * address each block must lie above all before it, over the steps of its life: a tree over steps holds the tops.
 */
export function conflictOf({ bytes, first, last }, addresses, peak) {
  let leaves = 1;
  const steps = last.reduce((most, step) => Math.max(most, step), 0) + 1;
  while (leaves < steps) leaves *= 2;
  // By node: the largest top below it, and the top that all below it have at least.
  const largest = new Float64Array(2 * leaves);
  const common = new Float64Array(2 * leaves);
  const visit = (from, to, leave) => {
    for (let a = from + leaves, b = to + leaves + 1; a < b; a >>= 1, b >>= 1) {
      if (a & 1) leave(a++);
      if (b & 1) leave(--b);
    }
  };
  const order = Array.from(bytes.keys()).filter((block) => bytes[block] > 0);
  order.sort((a, b) => addresses[a] - addresses[b]);
  for (const block of order) {
    let below = 0;
    for (const end of [first[block], last[block]])
      for (let node = (end + leaves) >> 1; node > 0; node >>= 1)
        below = Math.max(below, common[node]);
    visit(first[block], last[block], (node) => {
      below = Math.max(below, largest[node]);
      for (let up = node >> 1; up > 0; up >>= 1) below = Math.max(below, common[up]);
    });
    const top = addresses[block] + bytes[block];
    if (!(addresses[block] >= below))
      return `block ${block} at ${addresses[block]} overlaps one that ends at ${below}`;
    if (!(top <= peak)) return `block ${block} ends at ${top}, above the peak ${peak}`;
    visit(first[block], last[block], (node) => {
      common[node] = largest[node] = top;
      for (let up = node >> 1; up > 0; up >>= 1) largest[up] = Math.max(largest[up], top);
    });
  }
  return null;
}
