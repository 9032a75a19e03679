import type { PlanModel, ProgramModel } from '../data/model.ts';
import { clampRange, revealRange, type StepRange, wholeRange, zoomRange } from '../data/range.ts';
import type { ThemeName } from './theme.ts';

/** All that panels show the same of. */
export interface ViewState {
  /** The plans, in the order in which they were given. */
  readonly models: readonly PlanModel[];
  /** The one that is shown; with the others it is compared. */
  readonly model: PlanModel;
  /** What a build that goes on has to say; null where nothing is built. */
  readonly live: string | null;
  /** The program of the shown plan that is shown. */
  readonly program: ProgramModel;
  /** The selected step, or null. */
  readonly step: number | null;
  /** The selected tensor, an index into the shown plan's, or null: of the shown program, or one that all programs have. */
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

/** The state of a view. Panels read it, change it by the functions below, and are told what changed. */
export interface Store {
  state(): ViewState;
  /**
   * Takes over the fields; what is equal to before is no change. A selection that means nothing in the plan and program that are
   * shown then, as one that was made of others, is none.
   */
  set(patch: Partial<ViewState>): void;
  /**
   * Calls `listener` with what changed: in the next frame, but of another plan or program at once, so that no panel ever shows, and
   * leads to, what is of another one than the state has. Gives a function that ends that.
   */
  subscribe(listener: (changes: Changes) => void): () => void;
}

/** Changes behind which what was shown before is wrong. */
const AT_ONCE: readonly (keyof ViewState)[] = ['models', 'model', 'program'];

/** A store with a first state. `schedule` calls a function in the next frame. */
export function createStore(first: ViewState, schedule: (call: () => void) => void): Store {
  let state = checked(first);
  let changes = new Set<keyof ViewState>();
  let isScheduled = false;
  let isTelling = false;
  const listeners = new Set<(changes: Changes) => void>();
  const tell = () => {
    isScheduled = false;
    if (changes.size === 0) return;
    const told = changes;
    changes = new Set();
    isTelling = true;
    try {
      for (const listener of [...listeners]) listener(told);
    } finally {
      isTelling = false;
    }
  };
  return {
    state: () => state,
    set: (patch) => {
      const next = checked({ ...state, ...patch });
      for (const key of Object.keys(next) as (keyof ViewState)[])
        if (state[key] !== next[key]) changes.add(key);
      state = next;
      if (!isTelling && AT_ONCE.some((key) => changes.has(key))) tell();
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

/** The state with all that means nothing in it left out: the plan is one of the plans, the program one of its, and so on. */
function checked(state: ViewState): ViewState {
  const model = state.models.includes(state.model) ? state.model : state.models[0];
  const isOwn =
    model.programs.includes(state.program.name) &&
    model.program(state.program.name) === state.program;
  const program = isOwn ? state.program : model.program(model.peakProgram);
  const count = program.steps.length;
  const stepOf = (step: number | null) => (isIndex(step, count) ? step : null);
  const tensorOf = (tensor: number | null) => {
    if (!isIndex(tensor, model.plan.tensors.length)) return null;
    const of = model.plan.tensors[tensor].program;
    return of === null || of === program.name ? tensor : null;
  };
  const hover = { step: stepOf(state.hover.step), tensor: tensorOf(state.hover.tensor) };
  const isHover = hover.step === state.hover.step && hover.tensor === state.hover.tensor;
  return {
    ...{ ...state, model, program },
    step: stepOf(state.step),
    tensor: tensorOf(state.tensor),
    hover: isHover ? state.hover : hover,
    range: isOwn ? rangeWithin(state.range, count) : wholeRange(count),
  };
}

const isIndex = (index: number | null, count: number): index is number =>
  index !== null && Number.isInteger(index) && index >= 0 && index < count;

/** The range itself where it is within the program. */
function rangeWithin(range: StepRange, count: number): StepRange {
  if (!(range.last > range.first)) return wholeRange(count);
  const { first, last } = clampRange(range, count);
  return first === range.first && last === range.last ? range : { first, last };
}

/** The plan that is shown. */
export const modelOf = (store: Store): PlanModel => store.state().model;

/** Shows another plan: the same program of it where it has that, and the same tensor by name. */
export function showModel(store: Store, model: PlanModel): void {
  const { models, model: before, program, tensor } = store.state();
  if (!models.includes(model) || model === before) return;
  const same = model.programs.includes(program.name) ? program.name : model.peakProgram;
  const shown = model.program(same);
  const name = tensor === null ? null : before.plan.tensors[tensor].name;
  const found = model.plan.tensors.findIndex((each) => each.name === name);
  const range = wholeRange(shown.steps.length);
  store.set({
    model,
    program: shown,
    range,
    step: null,
    tensor: found < 0 ? null : found,
    hover: NO_HOVER,
  });
}

/** Shows another program, as a whole; none where the plan has no such. */
export function showProgram(store: Store, name: string): void {
  const model = modelOf(store);
  if (!model.programs.includes(name)) return;
  const program = model.program(name);
  const range = wholeRange(program.steps.length);
  store.set({ program, range, step: null, hover: NO_HOVER });
}

/**
 * Selects a step, the first or the last for one beyond these, and brings it into view; null selects none. It is a step of `of`, which is
 * shown where another program of the plan is; of another plan, nothing is selected.
 */
export function selectStep(
  store: Store,
  step: number | null,
  of: ProgramModel = store.state().program,
): void {
  const count = of.steps.length;
  if (step === null || count === 0) {
    store.set({ step: null });
    return;
  }
  if (of !== store.state().program) {
    const model = modelOf(store);
    if (!model.programs.includes(of.name) || model.program(of.name) !== of) return;
    showProgram(store, of.name);
  }
  const wanted = Math.min(count - 1, Math.max(0, step));
  store.set({ step: wanted, range: revealRange(store.state().range, wanted, wanted, count) });
}

/** Selects a tensor of the plan that is shown, its program and its life with it; null selects none. */
export function selectTensor(store: Store, tensor: number | null, of = modelOf(store)): void {
  if (tensor === null) {
    store.set({ tensor: null });
    return;
  }
  const model = modelOf(store);
  if (of !== model || !isIndex(tensor, model.plan.tensors.length)) return;
  const { program: name, firstStep, lastStep } = model.plan.tensors[tensor];
  const before = store.state();
  const isOther = name !== null && name !== before.program.name;
  const program = isOther ? model.program(name) : before.program;
  const range = isOther ? wholeRange(program.steps.length) : before.range;
  store.set({
    ...(isOther ? { program, step: null, hover: NO_HOVER } : {}),
    tensor,
    range: name === null ? range : revealRange(range, firstStep, lastStep, program.steps.length),
  });
}

/** Shows so many times as few steps, around the selected one, else around the middle. */
export function zoomSteps(store: Store, by: number): void {
  const { range, program, step } = store.state();
  const at = step === null ? (range.first + range.last) / 2 : step + 0.5;
  store.set({ range: zoomRange(range, by, at, program.steps.length) });
}
