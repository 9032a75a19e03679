import type { PlanModel, ProgramModel } from '../data/model.ts';
import { revealRange, type StepRange, wholeRange, zoomRange } from '../data/range.ts';
import type { ThemeName } from './theme.ts';

/** All that panels show the same of. */
export interface ViewState {
  /** The plan that is shown, and behind it those that it is compared with. */
  readonly models: readonly PlanModel[];
  /** What a build that goes on has to say; null where nothing is built. */
  readonly live: string | null;
  /** The program of the first plan that is shown. */
  readonly program: ProgramModel;
  /** The selected step, or null. */
  readonly step: number | null;
  /** The selected tensor, an index into the plan's, or null. */
  readonly tensor: number | null;
  /** What is under the pointer. */
  readonly hover: Hover;
  /** The steps that every panel with an axis of steps shows. */
  readonly range: StepRange;
  readonly theme: ThemeName;
}

export interface Hover {
  readonly step: number | null;
  readonly tensor: number | null;
}

export const NO_HOVER: Hover = { step: null, tensor: null };

/** Fields of the state that differ from before. */
export type Changes = ReadonlySet<keyof ViewState>;

/** The state of a view. Panels read it, change it by the functions below, and are told once a frame what changed. */
export interface Store {
  state(): ViewState;
  /** Takes over the fields; what is equal to before is no change. */
  set(patch: Partial<ViewState>): void;
  /** Calls `listener` in the next frame behind changes; gives a function that ends that. */
  subscribe(listener: (changes: Changes) => void): () => void;
}

/** A store with a first state. `schedule` calls a function in the next frame. */
export function createStore(first: ViewState, schedule: (call: () => void) => void): Store {
  let state = first;
  let changes = new Set<keyof ViewState>();
  let isScheduled = false;
  const listeners = new Set<(changes: Changes) => void>();
  const tell = () => {
    const told = changes;
    changes = new Set();
    isScheduled = false;
    for (const listener of [...listeners]) listener(told);
  };
  return {
    state: () => state,
    set: (patch) => {
      for (const key of Object.keys(patch) as (keyof ViewState)[])
        if (state[key] !== patch[key]) changes.add(key);
      state = { ...state, ...patch };
      if (changes.size === 0 || isScheduled) return;
      isScheduled = true;
      schedule(tell);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The plan that is shown. */
export const modelOf = (store: Store): PlanModel => store.state().models[0];

/** Shows another program, as a whole. */
export function showProgram(store: Store, name: string): void {
  const program = modelOf(store).program(name);
  const range = wholeRange(program.steps.length);
  store.set({ program, range, step: null, hover: NO_HOVER });
}

/** Selects a step of the program that is shown, and brings it into view; null selects none. */
export function selectStep(store: Store, step: number | null): void {
  const { program, range } = store.state();
  const count = program.steps.length;
  if (step === null || count === 0) {
    store.set({ step: null });
    return;
  }
  const wanted = Math.min(count - 1, Math.max(0, step));
  store.set({ step: wanted, range: revealRange(range, wanted, wanted, count) });
}

/** Selects a tensor, and shows its program and its life; null selects none. */
export function selectTensor(store: Store, tensor: number | null): void {
  if (tensor === null) {
    store.set({ tensor: null });
    return;
  }
  const { program, firstStep, lastStep } = modelOf(store).plan.tensors[tensor];
  if (program !== null && program !== store.state().program.name) showProgram(store, program);
  const { range, program: shown } = store.state();
  store.set({
    tensor,
    ...(program === null
      ? {}
      : { range: revealRange(range, firstStep, lastStep, shown.steps.length) }),
  });
}

/** Shows so many times as few steps, around the selected one, else around the middle. */
export function zoomSteps(store: Store, by: number): void {
  const { range, program, step } = store.state();
  const at = step === null ? (range.first + range.last) / 2 : step + 0.5;
  store.set({ range: zoomRange(range, by, at, program.steps.length) });
}
