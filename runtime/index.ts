// The runtime: loads a plan, runs it, keeps its parameters. No dependency; browsers, Node and Deno alike.
export type { Plan, PlanInput, PlanOutput, PlanProgram, PlanTensor, Target } from '../ir/plan.ts';
export { type BuiltModel, loadBuilt } from './built.ts';
export { requestDevice } from './device.ts';
export { RuntimeError, type RuntimeErrorCode } from './errors.ts';
export type { Executor, TensorData } from './executor.ts';
export { type LoadOptions, load } from './load.ts';
export type { RunOptions, Session } from './session.ts';
export type { NestedNumbers, TensorInput } from './values.ts';
