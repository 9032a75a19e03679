import { Graph } from '@dagrejs/graphlib';
import type {
  Plan,
  PlanBound,
  PlanMemory,
  PlanMicroBatches,
  PlanPrediction,
} from '../../ir/plan.ts';
import { elementCount } from '../../ir/tensor.ts';
import { isRead, isWritten } from '../liveness/access.ts';
import { peakOf } from '../liveness/events.ts';
import { planLiveBytes } from '../liveness/plan-lives.ts';
import { type BoundRanges, boundRanges } from './bound-ranges.ts';
import { type InspectedContraction, inspectContraction } from './contractions.ts';
import { type InspectedLayer, inspectLayers } from './layers.ts';
import { sourceOf, writers } from './lives.ts';
import { placeOf, scopeText, sourceText } from './places.ts';
import { type InspectedValue, inspectValues } from './values.ts';

export type { InspectedContraction } from './contractions.ts';

/** What a person wants to know of a plan, as data. All sizes in bytes. */
export interface Inspection {
  readonly name: string;
  readonly target: string;
  readonly producer: string;
  readonly memory: PlanMemory;
  /** What activations and their gradients are stored in; absent where that is f32. */
  readonly precision?: Plan['precision'];
  /** Optional features of WebGPU that a device must have; absent where there is none. */
  readonly features?: Plan['features'];
  /** Actions on the graph that were taken; absent where none was. */
  readonly graphActions?: readonly string[];
  /** How the batch is cut; absent where it is whole. */
  readonly microBatches?: PlanMicroBatches;
  readonly parameters: { readonly count: number; readonly elements: number };
  readonly programs: readonly InspectedProgram[];
  /** In the order of the model; scopes with very many layers as one. */
  readonly layers: readonly InspectedLayer[];
  /** By share of the floating-point operations of all programs, largest first. */
  readonly kernels: readonly InspectedKernel[];
}

/** What a program takes in one run. */
export interface InspectedProgram {
  readonly name: string;
  readonly steps: number;
  readonly flops: number;
  readonly bytesMoved: number;
  /** By the plan's profile; absent where it has none. */
  readonly predicted?: PlanPrediction;
  /** Those seconds above what no plan can go below; absent where there is no prediction. */
  readonly bound?: PlanBound;
  readonly contractions: readonly InspectedContraction[];
  /** Bytes of live arena tensors (memory shared in place counted once) at each step. */
  readonly liveBytes: readonly number[];
  /** What the budget leaves for them: all of it without parameters on the device and staging; null without a budget. */
  readonly roomBytes: number | null;
  readonly actions: InspectedActions;
  readonly peakStep: number;
  readonly peakLabel: string;
  /** The layers of that step, as in `stage4.block1.{conv2, norm2} (gradient)`; empty for none. */
  readonly peakScope: string;
  readonly peakSource: string | null;
  /** Arena tensors that are live at the peak step, largest first. */
  readonly liveAtPeak: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly bytes: number;
    readonly firstStep: number;
    readonly lastStep: number;
    readonly policy: string;
    /** The layer; empty for none. */
    readonly scope: string;
    readonly source: string | null;
  }[];
}

/** What memory actions cost a program. */
export interface InspectedActions {
  /** Recomputed steps, and what they take; null where no times are predicted. */
  readonly recompute: { readonly steps: number; readonly seconds: number | null };
  /** Copies to and from the host. */
  readonly swap: {
    readonly transfers: number;
    readonly outBytes: number;
    readonly inBytes: number;
    readonly seconds: number | null;
  };
  /** Values that are not kept all the time, those that save most first. */
  readonly values: readonly InspectedValue[];
}

/** What a kernel takes in one run of every program. */
export interface InspectedKernel extends BoundRanges {
  readonly name: string;
  /** How its code is made, of several ways; null where a target has one. */
  readonly variant: string | null;
  readonly steps: number;
  readonly flops: number;
  readonly bytesMoved: number;
  readonly flopsShare: number;
  readonly bytesShare: number;
}

/** Derives the figures that `btc inspect` shows; `all` tells every layer apart. */
export function inspectPlan(plan: Plan, all = false): Inspection {
  const parameters = plan.tensors.filter(({ role }) => role === 'parameter');
  return {
    name: plan.name,
    target: plan.target,
    producer: plan.producer,
    memory: plan.memory,
    ...(plan.precision ? { precision: plan.precision } : {}),
    ...(plan.features ? { features: plan.features } : {}),
    ...(plan.graphActions ? { graphActions: plan.graphActions } : {}),
    ...(plan.microBatches ? { microBatches: plan.microBatches } : {}),
    parameters: {
      count: parameters.length,
      elements: parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    },
    programs: Object.keys(plan.programs).map((name) => inspectProgram(plan, name)),
    layers: inspectLayers(plan, all),
    kernels: inspectKernels(plan),
  };
}

function inspectProgram(plan: Plan, name: string): InspectedProgram {
  const { steps, contractions, predicted, bound } = plan.programs[name];
  const live = planLiveBytes(plan, name);
  const peakStep = peakOf(live).step;
  const writer = writers(plan, name);
  const alive = plan.tensors
    .map((tensor, index) => ({ tensor, index }))
    .filter(
      ({ tensor }) =>
        tensor.program === name && tensor.firstStep <= peakStep && peakStep <= tensor.lastStep,
    );
  return {
    name,
    steps: steps.length,
    flops: steps.reduce((sum, step) => sum + step.flops, 0),
    bytesMoved: steps.reduce((sum, step) => sum + step.bytesMoved, 0),
    ...(predicted ? { predicted } : {}),
    ...(bound ? { bound } : {}),
    contractions: (contractions ?? []).map((one) => inspectContraction(plan, one)),
    liveBytes: live,
    roomBytes: roomBytes(plan.memory),
    actions: inspectActions(plan, name),
    peakStep,
    peakLabel: steps[peakStep]?.label ?? '',
    peakScope: scopeText(placeOf(plan, steps[peakStep]?.source)),
    peakSource: sourceOf(plan, name, peakStep),
    liveAtPeak: alive
      .map(({ tensor, index }) => ({
        name: tensor.name,
        shape: tensor.shape,
        bytes: tensor.bytes,
        firstStep: tensor.firstStep,
        lastStep: tensor.lastStep,
        policy: tensor.policy,
        scope: placeOf(plan, tensor.source).scope ?? '',
        source: sourceText(plan, tensor.source) ?? sourceOf(plan, name, writer.get(index) ?? -1),
      }))
      .sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1)),
  };
}

function roomBytes({ budgetBytes, deviceBytes, arenaBytes }: PlanMemory): number | null {
  return budgetBytes === null ? null : budgetBytes - (deviceBytes - arenaBytes);
}

function inspectActions(plan: Plan, name: string): InspectedActions {
  const { steps, transfers = [], predicted } = plan.programs[name];
  const bytesOf = (way: 'in' | 'out') =>
    transfers.reduce(
      (sum, { kind, tensor }) => sum + (kind === way ? plan.tensors[tensor].bytes : 0),
      0,
    );
  return {
    recompute: {
      steps: steps.filter(({ recomputed }) => recomputed).length,
      seconds: predicted?.recomputeSeconds ?? null,
    },
    swap: {
      transfers: transfers.length,
      outBytes: bytesOf('out'),
      inBytes: bytesOf('in'),
      seconds: predicted?.swapSeconds ?? null,
    },
    values: inspectValues(plan, name)
      .filter(({ actions }) => actions.length > 0)
      .sort((x, y) => y.savedByteSteps - x.savedByteSteps || (x.name < y.name ? -1 : 1)),
  };
}

function inspectKernels(plan: Plan): InspectedKernel[] {
  const totals = plan.kernels.map((kernel) => ({
    ...{ name: kernel.name, variant: kernel.variant ?? null, ...boundRanges(kernel) },
    ...{ steps: 0, flops: 0, bytesMoved: 0 },
  }));
  for (const { steps } of Object.values(plan.programs)) {
    for (const { kernel, flops, bytesMoved } of steps) {
      totals[kernel].steps++;
      totals[kernel].flops += flops;
      totals[kernel].bytesMoved += bytesMoved;
    }
  }
  const flops = totals.reduce((sum, total) => sum + total.flops, 0) || 1;
  const bytes = totals.reduce((sum, total) => sum + total.bytesMoved, 0) || 1;
  return totals
    .map((total) => ({
      ...total,
      flopsShare: total.flops / flops,
      bytesShare: total.bytesMoved / bytes,
    }))
    .sort((a, b) => b.flops - a.flops || b.bytesMoved - a.bytesMoved);
}

/** Label of a node of {@link planGraph}. */
export type PlanGraphNode =
  | {
      readonly kind: 'step';
      readonly label: string;
      readonly program: string;
      readonly step: number;
    }
  | {
      readonly kind: 'tensor';
      readonly label: string;
      readonly role: string;
      readonly bytes: number;
    };

/**
 * Steps and tensors of a plan as a directed graph: a step reads the tensors with an edge to it and writes those with an edge
 * from it. Nodes are named `train:3` and `tensor:7`.
 */
export function planGraph(plan: Plan): Graph {
  const graph = new Graph({ directed: true });
  graph.setGraph(plan.name);
  for (const [program, { steps }] of Object.entries(plan.programs)) {
    steps.forEach((step, index) => {
      const name = `${program}:${index}`;
      const scope = scopeText(placeOf(plan, step.source));
      const label = scope === '' ? step.label : `${step.label}, ${scope}`;
      const node: PlanGraphNode = { kind: 'step', label, program, step: index };
      graph.setNode(name, node);
      step.bindings.forEach((tensor, binding) => {
        const place = `tensor:${tensor}`;
        const { name: label, role, bytes } = plan.tensors[tensor];
        const tensorNode: PlanGraphNode = { kind: 'tensor', label, role, bytes };
        graph.setNode(place, tensorNode);
        const bound = plan.kernels[step.kernel].bindings[binding];
        if (isRead(bound)) graph.setEdge(place, name);
        if (isWritten(bound)) graph.setEdge(name, place);
      });
    });
  }
  return graph;
}

/** The graph in Graphviz's language. */
export function formatDot(graph: Graph): string {
  const quote = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  const nodes = graph.nodes().map((name) => {
    const node = graph.node(name) as PlanGraphNode;
    const shape = node.kind === 'step' ? 'box' : 'ellipse';
    const label =
      node.kind === 'step' ? `${node.step}: ${node.label}` : `${node.label}\n${node.bytes} B`;
    return `  ${quote(name)} [shape=${shape}, label=${quote(label).replaceAll('\n', '\\n')}];`;
  });
  const edges = graph.edges().map(({ v, w }) => `  ${quote(v)} -> ${quote(w)};`);
  return `digraph ${quote(String(graph.graph()))} {\n  rankdir=LR;\n${[...nodes, ...edges].join('\n')}\n}\n`;
}
