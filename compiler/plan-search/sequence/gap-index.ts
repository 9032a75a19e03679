/**
 * Candidates that cover ranges of stages, as questions for the one with the least score over a stage: a segment tree over the stages
 * with a heap in each node. What is out of date stays in the heaps until it comes to the top.
 */
export class GapIndex {
  private readonly base: number;
  private readonly heaps: (number[] | undefined)[];
  private readonly score: number[] = [];
  private readonly isOver: boolean[] = [];
  readonly value: number[] = [];
  readonly before: number[] = [];
  readonly after: number[] = [];

  constructor(stageCount: number) {
    let base = 1;
    while (base < stageCount) base *= 2;
    this.base = base;
    this.heaps = new Array(2 * base);
  }

  /** A candidate over the stages `first` … `last`, both included. */
  add(first: number, last: number, gap: readonly [number, number, number], score: number): void {
    const id = this.score.push(score) - 1;
    this.isOver.push(false);
    [this.value[id], this.before[id], this.after[id]] = gap;
    let left = this.base + first;
    let right = this.base + last + 1;
    for (; left < right; left >>= 1, right >>= 1) {
      if (left & 1) this.push(left++, id);
      if (right & 1) this.push(--right, id);
    }
  }

  /** The candidates over a stage by rising score, as long as `visit` wants more: it says whether one is over. */
  best(stage: number, visit: (id: number, score: number) => 'over' | 'skip' | 'stop'): void {
    const skipped: [number, number][] = [];
    for (;;) {
      let best = -1;
      let at = 0;
      for (let node = this.base + stage; node > 0; node >>= 1) {
        const heap = this.heaps[node];
        while (heap && heap.length > 0 && this.isOver[heap[0]]) this.pop(heap);
        if (!heap || heap.length === 0) continue;
        if (best < 0 || this.isLess(heap[0], best)) {
          best = heap[0];
          at = node;
        }
      }
      if (best < 0) break;
      const verdict = visit(best, this.score[best]);
      if (verdict === 'stop') break;
      if (verdict === 'over') this.isOver[best] = true;
      else {
        this.pop(this.heaps[at]!);
        skipped.push([at, best]);
      }
    }
    for (const [node, id] of skipped) this.push(node, id);
  }

  over(id: number): void {
    this.isOver[id] = true;
  }

  private isLess(a: number, b: number): boolean {
    return this.score[a] < this.score[b] || (this.score[a] === this.score[b] && a < b);
  }

  private push(node: number, id: number): void {
    let heap = this.heaps[node];
    if (!heap) {
      heap = [];
      this.heaps[node] = heap;
    }
    let at = heap.push(id) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.isLess(id, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = id;
  }

  private pop(heap: number[]): void {
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.isLess(heap[child + 1], heap[child])) child++;
      if (!this.isLess(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}
