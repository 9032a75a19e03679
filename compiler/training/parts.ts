import {
  type Graph,
  GraphBuilder,
  type InputDeclaration,
  type ParameterDeclaration,
  type ValueId,
} from '../../ir/graph.ts';
import { type SourceSpan, scopeOfName } from '../../ir/source.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { adopt, appendDeclared, createTrace, inputTensor, withTrace } from '../frontend/context.ts';
import { add, div, maximum, mul } from '../frontend/elementwise.ts';
import type { LossScaling } from '../frontend/precision.ts';
import { checkedMetrics } from '../frontend/programs.ts';
import { nameCalls } from '../frontend/scope.ts';
import type { Tensor } from '../frontend/tensor.ts';
import { recordOutputs, runFunctions } from '../frontend/trace.ts';
import {
  GRADIENT,
  type ProgramTraining,
  SUMMED,
  TRAINING_PARTS,
  type TrainingPartRow,
} from '../frontend/trainings.ts';
import { zeros } from '../frontend/views.ts';
import { extendGraph } from '../rewrite.ts';
import { withoutScale } from './loss-scale.ts';
import { type Part, partOf } from './part.ts';
import { appendUpdate } from './update.ts';

/** A parameter in a graph with the gradient of the loss. */
export interface ParameterGradient {
  readonly declaration: ParameterDeclaration;
  readonly value: ValueId;
  readonly gradient: ValueId;
}

/** What a part is made with. Without a graph it is a program of its own. */
export interface PartOptions {
  readonly name: string;
  readonly graph?: Graph;
  readonly scaling: LossScaling;
  readonly seed: number;
  /** Of the model. */
  readonly source: SourceSpan | null;
}

/** A program that does its part, and what it declares beside. */
export interface MadePart {
  readonly graph: Graph;
  readonly states: readonly ParameterDeclaration[];
  readonly inputs: readonly InputDeclaration[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Gradients on their way through a part: as they come, and without the scale of the loss. */
interface Gradients {
  readonly raw: readonly Tensor[];
  readonly plain: () => readonly Tensor[];
}

/**
 * Appends to a graph with gradients what its part of a training does, or makes a program that does it with gradients from elsewhere.
 *
 * @param gradients of the parameters that the training moves; of the graph where there is one, else of any program of the training
 */
export function appendPart(
  training: ProgramTraining,
  gradients: readonly ParameterGradient[],
  { name, graph, scaling, seed, source }: PartOptions,
): MadePart {
  const builder = graph ? extendGraph(graph) : new GraphBuilder(name);
  const trace = createTrace(name, { training: true, seed, builder });
  const row = TRAINING_PARTS[training.part];
  const states: ParameterDeclaration[] = [];
  const fixed = { span: null, scope: '', name: 'optimizer', pass: 'update' } as const;
  trace.fixed = fixed;
  withTrace(trace, () => {
    const parameters = gradients.map(({ declaration, value }) => ({
      declaration,
      value: graph ? adopt(trace, value) : declared(trace, declaration),
    }));
    const part = partOf(builder, { trace, training, scaling, parameters }, states);
    const taken = TAKE[row.from](part, gradients);
    GIVE[row.to](part, taken);
    if (GIVES_WHOLE[row.to]) appendMetrics(part, taken.plain(), source);
  });
  const { inputs, diagnostics } = trace;
  return { graph: builder.finish(), states, inputs: [...inputs.values()], diagnostics };
}

function declared(trace: Part['trace'], { name, type, source }: ParameterDeclaration): Tensor {
  return appendDeclared(trace, 'parameter', name, type, source, scopeOfName(name));
}

/** Whether whole gradients pass through, of which there are metrics. */
const GIVES_WHOLE: Readonly<Record<TrainingPartRow['to'], boolean>> = {
  ...{ update: true, outputs: true, sums: false, cleared: false },
};

/** Where gradients come from. */
const TAKE: Readonly<
  Record<TrainingPartRow['from'], (part: Part, made: readonly ParameterGradient[]) => Gradients>
> = {
  loss: ({ trace, scaling, common }, made) => {
    const raw = made.map(({ gradient }) => adopt(trace, gradient));
    return { raw, plain: once(() => withoutScale(raw, scaling, common)) };
  },
  sums: (part) => {
    const inverse = div(1, maximum(part.common(SUMMED), 1));
    const means = part.parameters.map(({ declaration }) =>
      mul(part.state(declaration, GRADIENT), inverse),
    );
    return { raw: means, plain: () => means };
  },
  inputs: ({ trace, parameters }) => {
    const given = parameters.map(({ declaration: { name, type, source } }) =>
      inputTensor(
        trace,
        { name: `${name}.${GRADIENT}`, type, default: null, counter: false },
        source,
      ),
    );
    return { raw: given, plain: () => given };
  },
  nothing: () => ({ raw: [], plain: () => [] }),
};

/** Where gradients go. */
const GIVE: Readonly<Record<TrainingPartRow['to'], (part: Part, gradients: Gradients) => void>> = {
  update: (part, { raw, plain }) => {
    appendUpdate(part, raw, plain);
    if (part.training.part === 'update') clearSums(part);
  },
  sums: (part, { plain }) => {
    plain().forEach((gradient, k) => {
      const { declaration } = part.parameters[k];
      part.updateState(declaration, GRADIENT, add(part.state(declaration, GRADIENT), gradient));
    });
    part.updateCommon(SUMMED, add(part.common(SUMMED), 1));
  },
  cleared: clearSums,
  outputs: (part, { plain }) => {
    const named = plain().map((gradient, k) => {
      const { name } = part.parameters[k].declaration;
      return [`${name}.${GRADIENT}`, gradient] as const;
    });
    recordOutputs(part.trace, null, Object.fromEntries(named), null);
  },
};

function clearSums(part: Part): void {
  for (const { declaration } of part.parameters)
    part.updateState(declaration, GRADIENT, zeros(declaration.type.shape));
  part.updateCommon(SUMMED, zeros([]));
}

/** Adds what the user's own function makes of gradients to the outputs. */
function appendMetrics(
  { trace, training, parameters }: Part,
  gradients: readonly Tensor[],
  source: SourceSpan | null,
): void {
  const { gradientMetrics } = training.training;
  if (!gradientMetrics) return;
  const named = gradients.map((gradient, k) => [parameters[k].declaration.name, gradient] as const);
  trace.fixed = null;
  runFunctions(trace, () => {
    const metrics = checkedMetrics(
      'gradientMetrics',
      gradientMetrics(Object.fromEntries(named)),
      source,
    );
    if (Object.keys(metrics).length > 0) recordOutputs(trace, source, metrics, null);
    nameCalls(trace);
  });
  // Whatever the user's function declares belongs to functions that run before gradients are taken.
  for (const name of trace.parameters.keys())
    trace.diagnostics.push(diagnostic(1025, source, { name }));
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
