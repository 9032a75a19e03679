import type { OnnxNode } from './node.ts';
import { SIGNATURES } from './schema/signatures.ts';

/** What is asked of a node before its row is. */
type Asked = Pick<OnnxNode, 'op' | 'opset' | 'inputs' | 'attributes' | 'refuse'>;

/** Refuses a node with inputs that its operator does not take, or without an attribute that it must have. */
export function checkSignature({ op, opset, inputs, attributes, refuse }: Asked): void {
  const row = Object.hasOwn(SIGNATURES, op)
    ? SIGNATURES[op].findLast(([since]) => since <= opset)
    : undefined;
  if (!row) return;
  const [, most, required] = row;
  if (inputs.length > most)
    refuse(`it has ${inputs.length} inputs, and takes ${most === 1 ? 'one' : `${most} at most`}`);
  const missing = required.find((name) => !attributes.has(name));
  if (missing !== undefined) refuse(`it has no attribute '${missing}'`);
}
