import {
  type ValueProgram,
  type ValueStep,
  withUses,
} from '../../../compiler/plan-search/program.ts';
import type { Instance } from './instance.ts';

/** An instance as the planner sees programs: node n is step n, which writes value n. */
export function programOf({ name, nodes, inputs }: Instance, unitSeconds: number): ValueProgram {
  const steps = nodes.map(
    ({ cost }, node): ValueStep => ({
      reads: inputs[node],
      writes: [node],
      pairs: [],
      seconds: cost * unitSeconds,
      repeatable: true,
      checkpoint: false,
    }),
  );
  const values = nodes.map(({ bytes }, node) => ({
    ...{ name: `node ${node}`, bytes },
    kind: 'temporary' as const,
  }));
  const turn = nodes.findIndex(({ backward }) => backward);
  return { name, steps, values: withUses(steps, values), turn: turn < 0 ? nodes.length : turn };
}
