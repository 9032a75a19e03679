import type { OpenArgument, OpenCall } from './open-axes.ts';
import type { PrintedModel } from './print.ts';
import { isIdentifier, keyOf } from './print-names.ts';
import { OnnxError, shown } from './refusal.ts';

/** By which losses a model that is imported can be made to train. */
export const IMPORTED_LOSSES = ['crossEntropy', 'mse'] as const;
export type ImportedLoss = (typeof IMPORTED_LOSSES)[number];

/** The text of a training. */
export interface PrintedTraining {
  /** The function that is its loss, and all that it needs. */
  readonly loss: string;
  readonly functions: readonly string[];
  /** The input that it adds, as it is declared. */
  readonly target: string;
  readonly lines: readonly string[];
}

type Output = PrintedModel['outputs'][number];

interface LossRow {
  readonly loss: string;
  readonly takes: (output: Output) => boolean;
  readonly wanted: string;
  /** Declares its target. */
  readonly targetOf: (output: Output) => string;
  /** What it is taken of, and functions for that. */
  readonly operand: (
    output: Output,
    text: string,
    callee: string | null,
  ) => readonly [string, readonly string[]];
}

const declared = (shape: Output['shape'], dtype = '') => `tensor([${shape.join(', ')}]${dtype})`;

/** Which axis is of classes: the second of images, as ONNX has it, else the last. */
const classesAxis = ({ shape }: Output): number => (shape.length > 3 ? 1 : shape.length - 1);

const LOSSES: Readonly<Record<ImportedLoss, LossRow>> = {
  crossEntropy: {
    loss: 'crossEntropy',
    takes: ({ dtype, shape }) => dtype === 'f32' && shape.length >= 2,
    wanted: 'floats of two axes or more, one of them of classes',
    targetOf: (output) =>
      declared(
        output.shape.filter((_, axis) => axis !== classesAxis(output)),
        ", 'i32'",
      ),
    operand: (output, text, callee) => {
      // What is a distribution already is its own softmax, of logarithms.
      const isShares = callee === 'softmax';
      const logits = isShares ? `log(${text})` : text;
      const functions = isShares ? ['log'] : [];
      const { length } = output.shape;
      if (classesAxis(output) === length - 1) return [logits, functions];
      const order = [0, ...Array.from({ length: length - 2 }, (_, k) => k + 2), 1];
      return [`transpose(${logits}, [${order.join(', ')}])`, [...functions, 'transpose']];
    },
  },
  mse: {
    loss: 'meanSquaredError',
    takes: ({ dtype }) => dtype === 'f32',
    wanted: 'floats',
    targetOf: ({ shape }) => declared(shape),
    operand: (_, text) => [text, []],
  },
};

/**
 * How a model trains: by the loss that is asked for, or as its outputs suggest; null where they suggest nothing. Error: BTC5119 for a loss
 * that fits no output.
 */
export function trainingOf({
  train,
  inputs,
  outputs,
  calls,
}: PrintedModel): PrintedTraining | null {
  const suggested = outputs.find(({ dtype }) => dtype === 'f32');
  if (train === null && !suggested) return null;
  const row = LOSSES[train ?? (LOSSES.crossEntropy.takes(suggested!) ? 'crossEntropy' : 'mse')];
  const output = outputs.find(row.takes);
  if (!output) {
    const list = outputs.map(
      ({ name, dtype, shape }) => `'${shown(name)}' ${dtype}[${shape.join(', ')}]`,
    );
    throw new OnnxError(5119, { loss: train!, wanted: row.wanted, outputs: list.join(', ') });
  }
  const target = freeName(inputs.map(({ name }) => name));
  const given =
    isIdentifier(output.name) && output.name !== target
      ? output.name
      : `${keyOf(output.name)}: output`;
  const variable = given === output.name ? given : 'output';
  const [operand, functions] = row.operand(output, variable, madeBy(output.value, calls.calls));
  return {
    loss: row.loss,
    functions: ['adamw', row.loss, ...functions],
    target: `${target}: ${row.targetOf(output)}`,
    lines: [
      'train: {',
      `  loss: ({ ${given} }, { ${target} }) => ${row.loss}(${operand}, ${target}),`,
      '  optimizer: adamw({ learningRate: 1e-4 }),',
      '},',
    ],
  };
}

/** The function that computes a value, whichever way its axes lie; null for none of the language's. */
function madeBy(value: OpenArgument, calls: readonly OpenCall[]): string | null {
  for (let at = value; at.kind === 'result' && at.path === ''; ) {
    const call: OpenCall | undefined = calls[at.call];
    if (call?.callee !== 'transpose') return typeof call?.callee === 'string' ? call.callee : null;
    at = call.args[0];
  }
  return null;
}

/** The training, or how it is switched on. */
export function trainLines(training: PrintedTraining | null, isOn: boolean): string[] {
  if (!training) return [];
  const { functions, target, lines } = training;
  if (isOn) return lines.map((line) => `  ${line}`);
  return [
    `  // To train it, import it with --train, or import ${functions.join(', ')} and add ${target} to 'inputs'.`,
    ...lines.map((line) => `  // ${line}`),
  ];
}

function freeName(taken: readonly string[]): string {
  let name = 'targets';
  for (let k = 2; taken.includes(name); k++) name = `targets${k}`;
  return name;
}
