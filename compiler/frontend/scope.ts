import { isPrintable } from '../../ir/printable.ts';
import type { Origin } from '../../ir/source.ts';
import { enclosed } from '../reporting/call-sites.ts';
import { report } from '../reporting/report.ts';
import { currentTrace, isPoisoned, type Trace } from './context.ts';
import { Tensor } from './tensor.ts';

/**
 * Runs `fn` with every layer's and parameter's name prefixed: `scope('encoder', () => …)` gives `encoder.linear1.weight`. What it
 * computes is named by the scope too, in messages, `btc inspect` and plans; its result is `encoder/output`, or by its key
 * where `fn` returns an object of tensors. BTC4010 for a name that is empty or has control characters.
 */
export function scope<T>(name: string, fn: () => T): T {
  const trace = currentTrace('scope');
  if (typeof name !== 'string' || name === '' || !isPrintable(name)) {
    report(4010, { name: JSON.stringify(name) ?? String(name) });
    return fn();
  }
  const outer = trace.scope;
  trace.scope = `${outer}${name}.`;
  try {
    return within(trace, joined(trace.place, name), fn);
  } finally {
    trace.scope = outer;
  }
}

const joined = (outer: string, name: string) => (outer === '' ? name : `${outer}.${name}`);

/** Runs a part of a layer, which says so in the names of what it computes: `lstm1.step3`. */
export function inPart<T>(name: string, fn: () => T): T {
  const trace = currentTrace(name);
  return within(trace, joined(trace.place, name), fn);
}

/** Runs `fn`, whose values belong to a place in the model, and names what it gives. */
export function within<T>(trace: Trace, place: string, fn: () => T): T {
  const outer = trace.place;
  trace.place = place;
  try {
    const result = enclosed(fn);
    nameResult(trace, 'output', result);
    return result;
  } catch (error) {
    if (trace.thrown?.error !== error) trace.thrown = { error, place };
    throw error;
  } finally {
    trace.place = outer;
  }
}

/**
 * The place of a call of a layer: its full name, where that is inside of the scope that calls it. Elsewhere it is in that scope,
 * under what of its name the scope's does not have: the layer `encoder.linear1` in the scope `decoder` computes
 * `decoder.encoder.linear1`, and in `encoder.step2` it is `encoder.step2.linear1`.
 */
export function placeOfCall(calling: string, layer: string): string {
  if (calling === '') return layer;
  const [outer, own] = [calling.split('.'), layer.split('.')];
  let shared = 0;
  while (shared < outer.length && shared < own.length - 1 && outer[shared] === own[shared])
    shared++;
  return shared === outer.length ? layer : [calling, ...own.slice(shared)].join('.');
}

function nameResult(trace: Trace, name: string, result: unknown): void {
  if (result instanceof Tensor) rename(trace, result, name);
  else if (typeof result === 'object' && result !== null && !Array.isArray(result))
    for (const [key, value] of Object.entries(result))
      if (value instanceof Tensor) rename(trace, value, key);
}

/** What a scope gives has the scope's own name for it, unless another one made it. */
function rename(trace: Trace, tensor: Tensor, name: string): void {
  if (isPoisoned(tensor) || !trace.tensors.has(tensor)) return;
  const { builder, place } = trace;
  const origin = builder.sources[builder.nodes[tensor.value].source];
  if (origin && origin.scope === place && !isDeclared(builder.nodes[tensor.value].op))
    setOrigin(trace, tensor.value, { ...origin, name });
}

function isDeclared(op: string): boolean {
  return op === 'parameter' || op === 'input';
}

function setOrigin({ builder }: Trace, value: number, origin: Origin): void {
  const source = builder.source(origin.span, origin);
  builder.nodes[value] = { ...builder.nodes[value], source };
}

/**
 * Names the values that functions of btc gave by the function, `softmax`, where those on the way to them are parts of it,
 * `softmax.exp`: values that the same call read no more.
 */
export function nameCalls(trace: Trace): void {
  const { nodes, sources } = trace.builder;
  const isOneCall = (a: number, b: number) =>
    trace.calls.get(a) === trace.calls.get(b) &&
    sources[a]?.span === sources[b]?.span &&
    sources[a]?.scope === sources[b]?.scope;
  const isPart = new Uint8Array(nodes.length);
  for (const { source, operands } of nodes)
    for (const operand of operands)
      if (isOneCall(nodes[operand].source, source)) isPart[operand] = 1;
  nodes.forEach(({ source }, value) => {
    const name = trace.calls.get(source);
    if (name !== undefined && !isPart[value]) setOrigin(trace, value, { ...sources[source], name });
  });
}
