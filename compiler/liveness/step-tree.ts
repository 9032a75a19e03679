const NONE = -1;

/**
 * Steps in an order that changes, each with the bytes that open in it and those that close in it, and the peak of their
 * running sum: a treap by position (Seidel and Aragon, "Randomized Search Trees", 1996) whose nodes know the sum and the
 * largest prefix of their subtree. Priorities are hashes of the numbers of the nodes, so that equal histories give equal
 * trees. A change brings one way to the root up to date, of expected logarithmic length.
 */
export class StepTree {
  /** Nodes looked at or brought up to date so far: what all questions and changes together cost. */
  visited = 0;
  #root = NONE;
  readonly #left: number[] = [];
  readonly #right: number[] = [];
  readonly #parent: number[] = [];
  readonly #count: number[] = [];
  readonly #opened: number[] = [];
  readonly #closed: number[] = [];
  /** Of the subtree: what it opens less what it closes, and the most that is live in one of its steps. */
  readonly #sum: number[] = [];
  readonly #most: number[] = [];

  /** `count` nodes in the order of their numbers, with nothing that opens or closes in them. */
  constructor(count: number) {
    const spine: number[] = [];
    for (let node = 0; node < count; node++) {
      this.#make();
      let below = NONE;
      while (spine.length > 0 && priority(spine[spine.length - 1]) < priority(node))
        below = spine.pop()!;
      this.#hang(node, 'left', below);
      if (spine.length > 0) this.#hang(spine[spine.length - 1], 'right', node);
      spine.push(node);
    }
    this.#root = spine[0] ?? NONE;
    for (let last = spine.pop(); last !== undefined; last = spine.pop()) this.#settle(last);
    this.settleAll();
  }

  get size(): number {
    return this.#root === NONE ? 0 : this.#count[this.#root];
  }

  /** Most that is live in any step; 0 without steps. */
  get most(): number {
    return this.#root === NONE ? 0 : this.#most[this.#root];
  }

  /** The first node, or -1. */
  get first(): number {
    let node = this.#root;
    if (node === NONE) return NONE;
    while (this.#left[node] !== NONE) node = this.#left[node];
    return node;
  }

  openedAt(node: number): number {
    return this.#opened[node];
  }

  /** A new node before `next`, or behind all where that is null. */
  insert(next: number | null): number {
    const node = this.#make();
    if (this.#root === NONE) this.#root = node;
    else if (next !== null && this.#left[next] === NONE) this.#hang(next, 'left', node);
    else {
      let before = next === null ? this.#root : this.#left[next];
      while (this.#right[before] !== NONE) before = this.#right[before];
      this.#hang(before, 'right', node);
    }
    while (this.#parent[node] !== NONE && priority(this.#parent[node]) < priority(node))
      this.#rotateUp(node);
    this.#climb(node);
    return node;
  }

  /** Takes a node out. Nothing may open or close in it any more. */
  remove(node: number): void {
    for (;;) {
      const [left, right] = [this.#left[node], this.#right[node]];
      if (left === NONE && right === NONE) break;
      const goesUp =
        right === NONE || (left !== NONE && priority(left) > priority(right)) ? left : right;
      this.#rotateUp(goesUp);
    }
    const parent = this.#parent[node];
    if (parent === NONE) this.#root = NONE;
    else if (this.#left[parent] === node) this.#left[parent] = NONE;
    else this.#right[parent] = NONE;
    if (parent !== NONE) this.#climb(parent);
  }

  /** So much more opens and closes in a node. */
  add(node: number, opened: number, closed: number): void {
    this.#opened[node] += opened;
    this.#closed[node] += closed;
    this.#climb(node);
  }

  /** As {@link add}, for many nodes before one {@link settleAll}. */
  addUnsettled(node: number, opened: number, closed: number): void {
    this.#opened[node] += opened;
    this.#closed[node] += closed;
  }

  settleAll(): void {
    const order: number[] = this.#root === NONE ? [] : [this.#root];
    for (let i = 0; i < order.length; i++)
      for (const child of [this.#left[order[i]], this.#right[order[i]]])
        if (child !== NONE) order.push(child);
    for (const node of order.reverse()) this.#settle(node);
  }

  /** How many nodes are before one. */
  rank(node: number): number {
    let rank = this.#countOf(this.#left[node]);
    for (let at = node; this.#parent[at] !== NONE; at = this.#parent[at]) {
      const parent = this.#parent[at];
      this.visited++;
      if (this.#right[parent] === at) rank += 1 + this.#countOf(this.#left[parent]);
    }
    return rank;
  }

  /** The nodes in order. */
  nodes(): number[] {
    const nodes: number[] = [];
    const path: number[] = [];
    let node = this.#root;
    while (node !== NONE || path.length > 0) {
      for (; node !== NONE; node = this.#left[node]) path.push(node);
      node = path.pop()!;
      nodes.push(node);
      node = this.#right[node];
    }
    return nodes;
  }

  /** What is live in each step, in order. */
  sums(): number[] {
    let live = 0;
    return this.nodes().map((node) => {
      const here = live + this.#opened[node];
      live = here - this.#closed[node];
      return here;
    });
  }

  #make(): number {
    for (const list of [this.#opened, this.#closed, this.#sum, this.#most]) list.push(0);
    for (const list of [this.#left, this.#right, this.#parent]) list.push(NONE);
    return this.#count.push(1) - 1;
  }

  #countOf(node: number): number {
    return node === NONE ? 0 : this.#count[node];
  }

  #hang(parent: number, side: 'left' | 'right', child: number): void {
    if (side === 'left') this.#left[parent] = child;
    else this.#right[parent] = child;
    if (child !== NONE) this.#parent[child] = parent;
  }

  #rotateUp(node: number): void {
    const parent = this.#parent[node];
    const above = this.#parent[parent];
    if (this.#left[parent] === node) {
      this.#hang(parent, 'left', this.#right[node]);
      this.#hang(node, 'right', parent);
    } else {
      this.#hang(parent, 'right', this.#left[node]);
      this.#hang(node, 'left', parent);
    }
    this.#parent[node] = above;
    if (above === NONE) this.#root = node;
    else if (this.#left[above] === parent) this.#left[above] = node;
    else this.#right[above] = node;
    this.#settle(parent);
    this.#settle(node);
  }

  #climb(from: number): void {
    for (let node = from; node !== NONE; node = this.#parent[node]) this.#settle(node);
  }

  #settle(node: number): void {
    this.visited++;
    const left = this.#left[node];
    const right = this.#right[node];
    let live = left === NONE ? 0 : this.#sum[left];
    let most = live + this.#opened[node];
    if (left !== NONE && this.#most[left] > most) most = this.#most[left];
    live += this.#opened[node] - this.#closed[node];
    if (right !== NONE) {
      if (live + this.#most[right] > most) most = live + this.#most[right];
      live += this.#sum[right];
    }
    this.#sum[node] = live;
    this.#most[node] = most;
    this.#count[node] = 1 + this.#countOf(left) + this.#countOf(right);
  }
}

/** A number that looks random, the same for the same node (the finaliser of MurmurHash3). */
function priority(node: number): number {
  let mixed = Math.imul(node + 1, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
