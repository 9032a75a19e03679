const NONE = -1;

/**
 * A set of integers in [0, capacity) in the order of `compare`, which also knows the best of the first ones by `better`. A treap
 * (Seidel and Aragon, Algorithmica 1996) in dense arrays. Its priorities are hashes of the integers, so each run of the program
 * makes the same tree; insertion, removal and queries visit a logarithmic number of nodes.
 *
 * Both orders are strict, and what they say of an integer stays the same while it is in the set.
 */
export class OrderedSteps {
  /** How many nodes were visited so far. */
  visited = 0;
  private root = NONE;
  private readonly left: Int32Array;
  private readonly right: Int32Array;
  private readonly parent: Int32Array;
  private readonly isIn: Uint8Array;
  /** A node's is at most those of its children. */
  private readonly priority: Int32Array;
  /** The best of the subtree under each node. */
  private readonly best: Int32Array;
  private readonly compare: (a: number, b: number) => number;
  private readonly better: (a: number, b: number) => number;

  constructor(
    capacity: number,
    compare: (a: number, b: number) => number,
    better: (a: number, b: number) => number,
  ) {
    this.left = new Int32Array(capacity);
    this.right = new Int32Array(capacity);
    this.parent = new Int32Array(capacity);
    this.isIn = new Uint8Array(capacity);
    this.best = new Int32Array(capacity);
    this.priority = Int32Array.from({ length: capacity }, (_, step) => hashOf(step));
    this.compare = compare;
    this.better = better;
  }

  has(step: number): boolean {
    return this.isIn[step] === 1;
  }

  /** Adds a step that is not in the set. */
  insert(step: number): void {
    const { left, right, parent, best, priority } = this;
    this.isIn[step] = 1;
    left[step] = NONE;
    right[step] = NONE;
    best[step] = step;
    let above = NONE;
    let isLeft = false;
    for (let at = this.root; at !== NONE; at = isLeft ? left[at] : right[at]) {
      this.visited++;
      if (this.better(step, best[at]) < 0) best[at] = step;
      isLeft = this.compare(step, at) < 0;
      above = at;
    }
    this.hang(step, above, isLeft);
    while (parent[step] !== NONE && priority[parent[step]] > priority[step]) this.lift(step);
  }

  /** Takes a step that is in the set out of it. */
  remove(step: number): void {
    const { left, right, parent, best, priority } = this;
    this.isIn[step] = 0;
    while (left[step] !== NONE && right[step] !== NONE)
      this.lift(priority[left[step]] < priority[right[step]] ? left[step] : right[step]);
    const above = parent[step];
    this.hang(left[step] === NONE ? right[step] : left[step], above, left[above] === step);
    // A node that is the best under another is the best under each between them.
    for (let at = above; at !== NONE && best[at] === step; at = parent[at]) this.updateBest(at);
  }

  /** The first one; -1 where the set is empty. */
  first(): number {
    const { left } = this;
    let at = this.root;
    while (at !== NONE && left[at] !== NONE) {
      this.visited++;
      at = left[at];
    }
    return at;
  }

  /** The best of those from the first on for which `fits` holds; -1 where it holds for none. */
  bestWhile(fits: (step: number) => boolean): number {
    const { left, right } = this;
    let found = NONE;
    let at = this.root;
    while (at !== NONE) {
      this.visited++;
      if (!fits(at)) {
        at = left[at];
        continue;
      }
      found = this.betterOf(found, at);
      if (left[at] !== NONE) found = this.betterOf(found, this.best[left[at]]);
      at = right[at];
    }
    return found;
  }

  /** Puts `step`, or nothing, under `above` in the place of what is there. */
  private hang(step: number, above: number, isLeft: boolean): void {
    if (above === NONE) this.root = step;
    else if (isLeft) this.left[above] = step;
    else this.right[above] = step;
    if (step !== NONE) this.parent[step] = above;
  }

  /** Rotates a node over the one above it. */
  private lift(step: number): void {
    const { left, right, parent, best } = this;
    const above = parent[step];
    const further = parent[above];
    const isLeft = left[above] === step;
    this.hang(isLeft ? right[step] : left[step], above, isLeft);
    this.hang(step, further, further !== NONE && left[further] === above);
    this.hang(above, step, !isLeft);
    best[step] = best[above];
    this.updateBest(above);
  }

  private updateBest(at: number): void {
    const { left, right, best } = this;
    this.visited++;
    let found = at;
    if (left[at] !== NONE) found = this.betterOf(found, best[left[at]]);
    if (right[at] !== NONE) found = this.betterOf(found, best[right[at]]);
    best[at] = found;
  }

  private betterOf(a: number, b: number): number {
    return a === NONE || this.better(b, a) < 0 ? b : a;
  }
}

/** Finaliser of MurmurHash3: neighbours get priorities that have nothing to do with each other. */
function hashOf(value: number): number {
  let hash = value + 0x9e3779b9;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
