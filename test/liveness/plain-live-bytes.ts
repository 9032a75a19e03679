import type { ProgramAccess, StepAccess } from '../../compiler/liveness/access.ts';

/** Live bytes of each step, said once more as plainly as can be: nothing of compiler/liveness but its data. */
export function plainLiveBytes({ steps, inputs, bytesOf, isOutput }: ProgramAccess): number[] {
  const touches = ({ reads, writes, copiesIn = [], copiesOut = [] }: StepAccess, tensor: number) =>
    [reads, writes, copiesIn, copiesOut].some((list) => list.includes(tensor));
  const mentioned = steps.flatMap(({ reads, writes, copiesIn = [], copiesOut = [] }) => [
    ...[...reads, ...writes, ...copiesIn, ...copiesOut],
  ]);
  const tensors = [...new Set([...inputs, ...mentioned])];
  const firstOf = (tensor: number) => steps.findIndex((step) => touches(step, tensor));
  const lastOf = (tensor: number) => steps.findLastIndex((step) => touches(step, tensor));
  const isLive = (tensor: number, step: number) => {
    const isInput = inputs.includes(tensor);
    const begun = isInput || firstOf(tensor) <= step;
    const last = isInput ? Math.max(0, lastOf(tensor)) : lastOf(tensor);
    return begun && (isOutput(tensor) || step <= last);
  };
  return steps.map((step, s) => {
    let live = 0;
    for (const tensor of tensors) if (isLive(tensor, s)) live += bytesOf(tensor);
    const inHandovers = new Set<number>();
    for (const { from, to } of step.pairs) {
      const { copiesIn = [], copiesOut = [] } = step;
      if (lastOf(from) !== s || isOutput(from) || copiesOut.includes(from)) continue;
      if (firstOf(to) !== s || inputs.includes(to) || copiesIn.includes(to)) continue;
      if (inHandovers.has(from) || inHandovers.has(to)) continue;
      inHandovers.add(from).add(to);
      live -= bytesOf(to);
    }
    return live;
  });
}
