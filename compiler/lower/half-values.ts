import type { Graph, Node } from '../../ir/graph.ts';
import { roundToHalf } from '../../ir/half.ts';
import { isScalarOp, opRow } from '../../ir/ops.ts';
import type { ScalarOp } from '../../ir/scalar.ts';

/** Scalar operations that give one of their operands, or the same with another sign: halves of halves. */
const OF_HALVES: ReadonlySet<ScalarOp> = new Set(['neg', 'abs', 'max', 'min', 'select']);
const isHalf = (value: number) => Object.is(roundToHalf(value), value);

/**
 * 1 for values whose elements are halves at every point, whatever the inputs: nothing is lost where they are stored as such. None
 * where the graph rounds nothing: then nobody has asked for halves, and the device may not have them.
 */
export function halfValues({ nodes }: Graph): Uint8Array {
  const halves = new Uint8Array(nodes.length);
  if (nodes.every(({ op }) => op !== 'roundF16')) return halves;
  nodes.forEach((node, value) => {
    if (node.type.dtype === 'f32' && givesHalves(node, halves)) halves[value] = 1;
  });
  return halves;
}

/** Whether a node gives halves where those of its operands do that `halves` says. */
export function givesHalves(node: Node, halves: Uint8Array): boolean {
  const { op, operands } = node;
  const all = (values: readonly number[]) => values.every((operand) => halves[operand] === 1);
  if (op === 'roundF16') return true;
  if (isScalarOp(op))
    return OF_HALVES.has(op) && all(op === 'select' ? operands.slice(1) : operands);
  switch (op) {
    case 'constant':
      return isHalf(node.attributes.value);
    case 'pad':
    case 'window':
      return all(operands) && isHalf(node.attributes.value);
    case 'gather':
      return halves[operands[0]] === 1;
    case 'reduceMax':
    case 'reduceMin':
      return all(operands);
    default:
      return (opRow(op).kind === 'view' || op === 'concat') && all(operands);
  }
}
