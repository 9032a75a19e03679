/** A graph of steps, each of which makes one value, in the order in which they run. */
export interface Instance {
  readonly name: string;
  readonly nodes: readonly InstanceNode[];
  /** By node: the nodes whose results it reads, rising, each once. */
  readonly inputs: readonly (readonly number[])[];
  /** Peak bytes of the order as it is. Running a node needs its inputs and its result; a result dies with its last reader. */
  readonly peakInOrder: number;
  /** Sum of the costs of all nodes. */
  readonly totalCost: number;
}

export interface InstanceNode {
  /** Time of one run, in the instance's own unit. */
  readonly cost: number;
  /** Of its result. */
  readonly bytes: number;
  readonly backward: boolean;
}

/** What is wrong with an instance, in one line. */
export class InstanceError extends Error {}

const fail = (what: string): never => {
  throw new InstanceError(what);
};

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads `{ name, nodes: [{ cost, bytes, backward? }], edges: [[from, to]], peakInOrder, totalCost }`.
 *
 * @throws InstanceError where the text is no such graph, or its totals are not those of its nodes
 */
export function readInstance(text: string): Instance {
  const { name, nodes, edges, peakInOrder, totalCost } = parsed(text);
  if (name !== undefined && typeof name !== 'string') fail(`name: ${shown(name)} is not a text`);
  const read = readNodes(nodes);
  const inputs = readEdges(edges, read.length);
  const instance = {
    name: typeof name === 'string' ? name : 'graph',
    nodes: read,
    inputs,
    peakInOrder: peakInOrder === undefined ? peakOf(read, inputs) : Number(peakInOrder),
    totalCost: totalCost === undefined ? costOf(read) : Number(totalCost),
  };
  agrees('peakInOrder', peakInOrder, peakOf(read, inputs));
  agrees('totalCost', totalCost, costOf(read));
  return instance;
}

function parsed(text: string): Fields {
  let json: unknown;
  try {
    // Files from elsewhere may begin with a byte-order mark.
    json = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    fail(`not JSON: ${(error as Error).message.split('\n')[0]}`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    fail(`${shown(json)} stands where an object with nodes and edges is expected`);
  return json as Fields;
}

function readNodes(nodes: unknown): InstanceNode[] {
  if (!Array.isArray(nodes)) return fail(`nodes: ${shown(nodes)} is not a list`);
  if (nodes.length === 0) fail('nodes: the list is empty; there is nothing to plan');
  const read = nodes.map((node: Fields | null, index) => {
    if (typeof node !== 'object' || node === null)
      return fail(`nodes[${index}]: ${shown(node)} is not an object with cost and bytes`);
    const { cost, bytes, backward = false } = node;
    if (typeof cost !== 'number' || !Number.isFinite(cost) || cost < 0)
      fail(`nodes[${index}].cost: ${shown(cost)} is not a number from 0 on`);
    if (!Number.isSafeInteger(bytes) || (bytes as number) < 0)
      fail(`nodes[${index}].bytes: ${shown(bytes)} is not an integer from 0 on`);
    if (typeof backward !== 'boolean')
      fail(`nodes[${index}].backward: ${shown(backward)} is neither true nor false`);
    return { cost: cost as number, bytes: bytes as number, backward: backward as boolean };
  });
  if (!Number.isSafeInteger(read.reduce((sum, { bytes }) => sum + bytes, 0)))
    fail('nodes: the bytes of all of them together are more than 2^53');
  return read;
}

function readEdges(edges: unknown, count: number): number[][] {
  if (!Array.isArray(edges)) return fail(`edges: ${shown(edges)} is not a list`);
  const inputs = Array.from({ length: count }, () => new Set<number>());
  edges.forEach((edge: unknown, index) => {
    if (!Array.isArray(edge) || edge.length !== 2)
      fail(`edges[${index}]: ${shown(edge)} is not [from, to]`);
    const [from, to] = edge as number[];
    for (const end of [from, to])
      if (!Number.isInteger(end) || end < 0 || end >= count)
        fail(`edges[${index}]: ${shown(end)} is not one of the nodes 0 to ${count - 1}`);
    if (from >= to)
      fail(
        `edges[${index}]: node ${to} would read the result of node ${from}, which ` +
          `${from === to ? 'is itself' : 'runs after it'}; nodes stand in the order in which they run`,
      );
    inputs[to].add(from);
  });
  return inputs.map((reads) => [...reads].sort((a, b) => a - b));
}

function agrees(field: string, given: unknown, counted: number): void {
  if (given === undefined) return;
  const close = typeof given === 'number' && Math.abs(given - counted) <= 1e-9 * counted;
  if (!close) fail(`${field}: ${shown(given)}, but the nodes give ${counted}`);
}

const costOf = (nodes: readonly InstanceNode[]) => nodes.reduce((sum, { cost }) => sum + cost, 0);

function peakOf(nodes: readonly InstanceNode[], inputs: readonly (readonly number[])[]): number {
  const last = nodes.map((_, node) => node);
  inputs.forEach((reads, node) => {
    for (const read of reads) last[read] = node;
  });
  const dying = nodes.map((): number[] => []);
  last.forEach((at, node) => {
    dying[at].push(node);
  });
  let live = 0;
  let peak = 0;
  nodes.forEach(({ bytes }, node) => {
    live += bytes;
    peak = Math.max(peak, live);
    for (const dead of dying[node]) live -= nodes[dead].bytes;
  });
  return peak;
}

function shown(given: unknown): string {
  if (given === undefined) return 'nothing';
  const text = typeof given === 'number' ? String(given) : JSON.stringify(given);
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}
