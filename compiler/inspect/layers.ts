import { largest } from '../../ir/lists.ts';
import type { Plan } from '../../ir/plan.ts';
import { peakOf } from '../liveness/events.ts';
import { countsAt } from '../liveness/peak.ts';
import { planLiveBytes } from '../liveness/plan-lives.ts';
import { placeOf } from './places.ts';

/** What a layer, or the layers in a scope, take. All but the bytes are sums over one run of every program. */
export interface InspectedLayer {
  /** As in `stage4.block1`; empty for what belongs to none. */
  readonly name: string;
  readonly parameterBytes: number;
  /** Of the optimiser, and states of the layer's own. */
  readonly stateBytes: number;
  /** Live bytes at the peak step of the program with the highest peak. */
  readonly peakBytes: number;
  readonly flops: number;
  /** By the plan's profile; null where it has none. */
  readonly seconds: number | null;
}

type Sums = { -readonly [Field in Exclude<keyof InspectedLayer, 'name' | 'seconds'>]: number } & {
  seconds: number;
};

/** Scopes are told apart down to where they are more than this. */
const MOST_LAYERS = 24;

/** Sums by scope, in the order of the model; `all` gives every layer a row of its own. */
export function inspectLayers(plan: Plan, all: boolean): InspectedLayer[] {
  const layers = layerSums(plan);
  const names = [...layers.keys()];
  const cut = (name: string, depth: number) => name.split('.').slice(0, depth).join('.');
  const deepest = largest(
    names.map((name) => name.split('.').length),
    1,
  );
  let depth = deepest;
  while (!all && depth > 1 && new Set(names.map((name) => cut(name, depth))).size > MOST_LAYERS)
    depth--;
  const grouped = new Map<string, Sums>();
  for (const [name, sums] of layers) {
    const group = sumsOf(grouped, cut(name, depth));
    for (const field of FIELDS) group[field] += sums[field];
  }
  const isTimed = Object.values(plan.programs).some(({ predicted }) => predicted);
  return [...grouped].map(([name, { seconds, ...sums }]) => ({
    name,
    ...sums,
    seconds: isTimed ? seconds : null,
  }));
}

const FIELDS = ['parameterBytes', 'stateBytes', 'peakBytes', 'flops', 'seconds'] as const;

function sumsOf(layers: Map<string, Sums>, name: string): Sums {
  let sums = layers.get(name);
  if (!sums) {
    sums = { parameterBytes: 0, stateBytes: 0, peakBytes: 0, flops: 0, seconds: 0 };
    layers.set(name, sums);
  }
  return sums;
}

function layerSums(plan: Plan): Map<string, Sums> {
  const layers = new Map<string, Sums>();
  const of = (source: number | null | undefined) =>
    sumsOf(layers, sharedScope(placeOf(plan, source).scope ?? ''));
  for (const { role, source, bytes } of plan.tensors) {
    if (role === 'parameter') of(source).parameterBytes += bytes;
    else if (role === 'state' || role === 'optimiser') of(source).stateBytes += bytes;
  }
  for (const { steps } of Object.values(plan.programs)) {
    for (const step of steps) {
      const { flops, seconds = 0, parts = [step] } = step;
      for (const part of parts) {
        const sums = of(part.source);
        sums.flops += part.flops;
        // Of a dispatch that parts share, each has its share of the operations.
        sums.seconds += seconds * (flops === 0 ? 1 / parts.length : part.flops / flops);
      }
    }
  }
  const peaks = Object.keys(plan.programs).map((program) => ({
    program,
    ...peakOf(planLiveBytes(plan, program)),
  }));
  const highest = peaks.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  for (const tensor of plan.tensors)
    if (tensor.program === highest.program && countsAt(tensor, highest.step))
      of(tensor.source).peakBytes += tensor.bytes;
  return layers;
}

/** The scope that the layers of a short form share: `stage4.block1` of `stage4.block1.{conv2, norm2}`. */
function sharedScope(scope: string): string {
  const brace = scope.indexOf('{');
  if (brace >= 0) return scope.slice(0, Math.max(0, brace - 1));
  return scope.includes(', ') ? '' : scope;
}
