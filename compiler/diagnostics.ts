import { shortName, shortNames } from '../ir/shorten.ts';
import {
  formatChain,
  formatSpan,
  framesOf,
  isPackageFrame,
  type Origin,
  ownSpan,
  type SourceSpan,
} from '../ir/source.ts';
import { nearest, nearText } from './nearest.ts';

/** An error leaves no plan; a warning does not change it. */
export type Category = 'error' | 'warning';

/** One message of the compiler, positioned at the user's expression where there is one. */
export interface Diagnostic {
  readonly code: `BTC${number}`;
  readonly category: Category;
  readonly message: string;
  /** Null when the message is about the whole build (a budget, an option of the command line). */
  readonly source: SourceSpan | null;
  /** The layer or scope that it is about, as in `stage4.block1.conv2`; absent where there is none. */
  readonly scope?: string;
  /** Extra lines, each about a place of its own: of the message, then the scope and the calls that led to its place. */
  readonly related?: readonly RelatedMessage[];
  /** What was most likely meant, where a name is wrong and one that there is comes near; the message says it too. */
  readonly suggestion?: Suggestion;
}

/** A name as it stands in the model, and what to write in its place. */
export interface Suggestion {
  readonly given: string;
  readonly meant: string;
}

/** A name that is none of those that there are. */
export interface Choice {
  readonly given: string;
  readonly among: readonly string[];
}

/** What stands below a message, at a place of its own. */
export interface RelatedMessage {
  readonly message: string;
  readonly source: SourceSpan | null;
}

type Arguments = Readonly<Record<string, string | number>>;

/**
 * Every message of the compiler. 1xxx: the model and its loading; 2xxx: tensors, shapes and dtypes; 3xxx: gradients and
 * training; 4xxx: memory and targets; 5xxx: plans and files; 6xxx: the command line. Numbers are never reused.
 * `{name}` is replaced by the argument of that name.
 */
export const MESSAGES = {
  1001: "'{file}' has no default export made by defineModel",
  1002: 'the model could not be evaluated: {reason}',
  1003: "input '{name}' is not used by any program; remove it from 'inputs' or use it in 'build' or 'train.loss'",
  1004: "'{name}' is not an input of model '{model}'; its inputs are {inputs}{near}",
  1005: "option '{name}' is set but model '{model}' declares no such option; it declares {options}{near}",
  1006: "option '{name}' takes a {wanted}, not '{given}'",
  1007: "parameter '{name}' is declared twice with different {what}: {first} and {second}",
  1008: "parameter '{name}' is declared by two layers; give one of them a 'name' of its own, or reuse one layer object to share its weights",
  1009: "{what} must be called inside 'build', 'loss' or a program of defineModel",
  1010: "program '{program}' returns no outputs",
  1011: "'{name}' of program '{program}' is not a tensor",
  1012: 'model name {name} is not valid: use letters, digits, _ and -, starting with a letter',
  1013: "option '{name}' is declared twice with different defaults: {first} and {second}",
  1014: "input name '{name}' is reserved: optimisers and random numbers count by 'step', training takes 'learningRate'",
  1015: "'{op}': this tensor belongs to another program; compute it anew in each program",
  1016: "'{name}' cannot be the name of {what}: {reason}",
  1017: "'optimizer' of {owner} is not an optimiser; call one, as in adam()",
  1018: "the initialiser of parameter '{name}' {reason}",
  1019: 'options are set, but the model is made already; pass a function that makes it, as in compile(() => model, { set })',
  1020: "program '{program}' is asynchronous; 'build' and programs run at compile time and return tensors at once",
  1021: 'compile takes what defineModel returns, or a function that returns it, not {given}',
  1022: "parameter '{name}' is frozen at one place of the program and trained at another; use what 'frozen' returns at all of them, or 'stopGradient' where one use alone shall give no gradient",
  1023: "'{what}' of {owner} is not a function",
  1024: "trainings of model '{model}' ask for different precisions, {first} and {second}: all programs share copies of weights",
  1025: "'gradientMetrics' reads parameter '{name}', but it is given gradients alone; what parameters give belongs to 'metrics'",
  1026: "option '{name}' of {owner} is none that it has, or not what it must be: {wanted}{near}",
  1027: "'{what}' gives {given}; it returns tensors by name at once, as ({ norm: globalNorm(gradients) })",
  1030: 'the model ends the process, by process.exit({code}), before it is built',
  1031: "the evaluation of '{file}' never ends: it awaits something that nothing can bring about any more",
  1032: "the evaluation of '{file}' ended the compiler with code {code}",
  1033: "the build of '{file}' ran out of memory; NODE_OPTIONS=--max-old-space-size=<MiB> gives it more",
  1034: "the evaluation of '{file}' took longer than {seconds} s and was ended: it loops, or it is too large for an editor; the setting 'btc.timeLimit' gives it more",
  2001: "shapes {left} and {right} of '{op}' do not broadcast",
  2002: "'{op}': {reason}",
  2003: "'{op}' takes {wanted}, not {given}",
  2004: 'matmul: inner dimensions differ: {left} by {right} ({inner} against {outer})',
  2005: "einsum '{equation}': output letter '{letter}' is in no operand; they have {letters}",
  2006: "einsum '{equation}': {reason}",
  2007: "einsum '{equation}': letter '{letter}' is {first} in operand {i} and {second} in operand {j}",
  2008: 'reshape: {from} has {count} elements, {to} has {other}',
  2009: "'{op}': axis {axis} is out of range for a tensor of rank {rank}",
  2010: "'{op}': dimension {axis} of shape {shape} is {value}; dimensions are positive integers",
  2011: "'{op}': only one dimension may be -1, and {count} elements must divide by the others ({to})",
  2012: 'concat: {first} and {second} differ in a dimension other than axis {axis}',
  2013: 'slice: [{start}, {end}) is out of range for axis {axis} of extent {extent}',
  2014: "'{layer}': the input has {given} features, the layer was made for {wanted}",
  2015: "'{op}': '{name}' is {value}; it must be {wanted}{near}",
  2016: '{op}: {permutation} is not a permutation of the {rank} axes',
  2017: '{form}: the {side} modes {modes} multiply to {product}, not to the {features} features of the layer; {proposal} would do',
  2018: '{form}: rank {rank} of {where} must be {range}',
  2019: '{form}: there are {inputs} input modes and {outputs} output modes, but they go in pairs; output modes {proposal} would do',
  2020: '{form}: {given} ranks are given, one for each {place} makes {wanted}',
  2021: '{form}: no shape keeps the budget; the smallest has {parameters} parameters and takes {macs} multiply-adds at batch {batch}',
  2022: 'constant: row {row} {length}, and the first of its level has {first}',
  2023: 'constant: element {at} is {value}; it must be {wanted}',
  2024: 'constant: values {given} do not fill {shape}',
  2031: "'{op}': the window spans {span} elements, spatial axis {axis} has {extent} and padding {padding} on each side; padding {proposal} would do",
  2032: "'{op}': {groups} groups do not divide {inside} input and {outside} output channels; {proposal} would do",
  2033: "'{layer}': training takes the statistics of the batch, and {shape} has one element per feature only; use a larger batch",
  2050: "'{op}': the index {value} is out of range; it must be {range}",
  2051: "input '{name}' of program '{program}' is used as indices {first} and {second}, and no value is both",
  2052: "'{op}': the window at position {position} of spatial axis {axis} lies wholly in the padding: it has {size} taps, and the padding is {low}; use less padding or more taps",
  2101: "'{layer}': the {form} form takes {macs} multiply-adds at batch {batch}, the dense layer {dense}; it saves memory ({parameters} parameters), not time",
  2053: "'{op}' takes an f32 tensor [batch, …extents, channels], not {given}",
  2054: "'{op}' takes either 'size' or 'scale'; {given} are given",
  2055: "'{op}': {given} does not hold {count} patches of {taps} taps: [batch, {count}, channels·{taps}]",
  2056: "'{op}' was given what it does not take: {reason}",

  3001: 'the loss must be a scalar, but it has shape {shape}; reduce it with mean() or sum()',
  3002: 'the loss does not depend on any parameter, so there is nothing to train',
  3003: 'the loss must be f32, not {dtype}',
  3004: "'{op}' has no gradient, but the loss depends on parameter '{parameter}' through it",
  3005: "'parameters' of {owner} takes none that its loss depends on; those are {names}",
  3006: "'{op}' finds nothing to adapt: it adapts weights of linear and recurrent layers, attention, embeddings and convolutions (neither grouped nor transposed ones), once each, and what it is given uses {targets}",
  3007: "'averaged' has no averages to read: give the optimiser of a training the option 'average', as in adam({ average: 0.999 })",
  3008: "group {group} of '{optimiser}' has no parameter: none that {owner} moves matches it, or the groups before it take them",
  3009: "'averaged' reads the average of parameter '{name}', which trainings '{first}' and '{second}' both keep; let one of them keep it",
  4001: "the {target} plan needs {needed} of device memory, over the budget of {budget} by {over}; the peak is at step {step} of '{program}' ({label})",
  4002: "tensor '{name}' takes {bytes}, over {which}, which is {limit}, and neither its first axis nor the batch can be cut that far; take a smaller batch, or a device with larger bindings",
  4003: 'the {target} plan needs more than the {limit} that addresses of 32 bits reach, however its batch is cut; take a smaller model or batch, or build it with --target webgpu',
  4004: "'{text}' is not a byte size; write a number with an optional unit B, KB, KiB, MB, MiB, GB or GiB",
  4005: 'swapping needs {needed} of host memory, over the host budget of {budget}{spill}; give --host-budget {bytes}, or let the rest go to a spill file with --spill-budget',
  4006: "'{name}' is '{given}'; it must be {choices}",
  4011: "'solve' is 'exact', but {reason}",
  4012: "program '{program}' is planned by the search alone: {reason}",
  4010: 'scope: a name is a text that is not empty and has no control characters, not {name}',
  4020: "the batch of {batch} of program '{program}' cannot be cut into {parts} equal micro-batches; give --micro-batch a divisor of {batch}",
  4021: "micro-batches need examples that do not depend on one another, but this '{op}' combines the examples of a batch and others are computed from the result",
  4022: "program '{program}' of model '{model}' has no batch that micro-batches could cut: no input's first axis leads to its results",
  5001: "'{file}' is not a valid plan: {reason}",
  5002: "'{file}' cannot be read: {reason}",
  5003: "'{file}' cannot be written: {reason}",
  5004: "'{output}' cannot be written: it would be overwritten by the outputs of {files}; rename one or build it into another --outDir",
  5005: "'{file}' is not written: {reason}",
  5010: "'{file}' is not a valid safetensors file: {reason}",
  5011: "'{file}' has no layer '{layer}' that can be decomposed; {layers}",
  5012: "tensor '{name}' is {type}; only f32 matrices can be decomposed",
  5013: 'the matrix cannot be decomposed: {reason}',
  5014: '{form}: no rank that saves parameters reaches a relative error of {error}; the best is {best}',
  5015: "'{file}' would be overwritten; give another name with -o, or --overwrite",
  5016: "'{file}' has a tensor '{name}' already, which is the name of a core",
  5020: "'{file}' is not a valid device profile: {reason}",
  5021: "device profile '{name}': '{field}' is {value}; it must be {wanted}; {proposal} would do",
  5022: "device profile '{name}' is of target {given}, but plans are built for {targets}",
  5023: "there is no device profile '{name}', by name or as a file; the names are {names}{near}",
  5024: "'{file}' does not give limits of a device: {reason}",
  5025: "there are no limits '{name}', by name or as a file; the names are {names}{near}",
  5026: 'the limits of the adapter are not known: {reason}',
  5027: "limits '{name}' are of WebGPU, but plans are built for {targets}",
  5030: "'{file}' is not what it says: {path}: {reason}",
  5031: '{reason}',
  5140: "model '{model}' has no program '{program}'; its programs are {programs}{near}",
  5141: "the batch of program '{program}' is {batch}, which {devices} devices do not divide",
  5142: "program '{program}' has no batch to split: no input has a first axis of 2 or more",
  5143: "tensor '{name}' of the weights is {given}, model '{model}' has {wanted}",
  5144: "the weights have no {tensors}, which program '{program}' reads",
  5145: 'the weights are not a valid safetensors file: {reason}',
  5146: "program '{program}' trains, and files of ONNX are for programs that do not: export one of {programs}, or take the format stablehlo",
  5147: "program '{program}' assigns {states}, and ONNX has no state: export a program that assigns nothing, or take the format stablehlo",
  5148: "'mesh.batch' is {given}; it is a number of devices, 1 or more",
  5100: '{what} is no model of ONNX: {reason}',
  5101: 'the model is of operator set {version}; those from 1 to {newest} are known',
  5102: "input '{name}' {reason}; tensors of numbers with a shape are taken",
  5103: "tensor '{name}' is not what it says: {reason}",
  5104: '{what} is {type}; tensors of numbers and bool are taken',
  5105: "the external data of tensor '{name}' cannot be had: {reason}",
  5106: 'the graph is not whole: {reason}',
  5107: "node '{node}' ({op}) reads '{input}', which nothing before it gives; nodes are in order, and a cycle has none",
  5108: "node '{node}' ({op}) gives '{output}', which is there already",
  5109: "node '{node}': operator {op} of operator set {opset} is not known; replace it by others, or import the part of the model before it",
  5110: "node '{node}': {op} of operator set {opset}: {reason}{remedy}",
  5111: "node '{node}': {op} of operator set {opset}: {what} must be known when the model is built, but its input '{input}' is computed{remedy}",
  5112: "the graph runs more than {most} nodes, at '{node}': a loop is too long to be laid out",
  5113: 'graphs and functions are nested more than {most} deep',
  5114: "node '{node}': {message}",
  5118: "output '{name}'{from} is {given}, but the file declares {declared}",
  5119: "'{loss}' has no output to be of: it takes {wanted}, and the outputs are {outputs}",
  5115: "'{what}' is not a name of the model; it has {names}",
  5116: "axis '{name}' is {value}; it must be a positive integer",
  5117: "the values of input '{name}' are '{value}'; they must be numbers, separated by commas",
  5201: 'syntax: {reason}',
  5202: "'{name}' cannot be imported here: a model in a page imports 'btc-compiler' and files that are given with it",
  5203: "'{name}' is not among the files that are given: {files}{near}",
  5204: "'{module}' has no export '{name}'{near}",
  5205: '{what} cannot be made JavaScript by leaving types out; write it without',
  5206: 'the imports go in a circle, and a page loads one file after the other: {circle}',
  5207: 'the model was not built within {seconds} seconds; it may loop',
  5208: 'what built the model ended: {reason}',
  5209: "'{op}': {problem}{near}",
  5221: '{what} has no value while the model is built, so JavaScript makes no number and no text of it; {fix}',
  5222: "'{op}' takes {most}, not {count}; leave out what is behind them",
  5230: "'{name}' cannot be imported: {reason}{near}",
  6001: "unknown target '{target}'; the targets are webgpu and wasm{near}",
  6003: "'{file}' does not exist",
  6004: "'{text}' is not of the form {form}",
  6005: "plan '{file}' has no program '{program}'; it has {programs}",
  6006: "'{file}' is not {wanted}{found}",
  6007: "einsum '{equation}' cannot be contracted within {budget}, in slices or in another order; the smallest feasible budget is {smallest} ({exact} bytes)",
  6008: "plan '{file}' has no tensor '{name}'; names near to it are {names}",
  6010: '{file} cannot be written: {reason}',
  6011: "'{option}' is '{given}'; it must be {wanted}{near}",
  6012: "there is no option '{option}'{near}",
  6013: "missing required argument '{name}'; {what}",
  6014: "there is no command '{command}'{near}",
  6015: 'there are too many arguments{what}',
  6016: "'{option}' cannot be used with '{other}'",
  6017: "'{option}' needs a value",
  6018: "'{option}' must be given{usage}",
  6019: '{reason}',
  6020: "the program has no input '{name}'; its inputs are {inputs}{near}",
  6021: "'{letter}' has two sizes, {first} and {second}",
  6022: "this adapter is '{adapter}'; kernels and predicted times are for '{other}': measure yours with btc profile and build with --profile",
  6030: "'{file}' is no trace of this plan: {reason}",
  6060: "'{file}' is no {kind}; give another name, or remove it first",
  6065: 'the page cannot be served at port {port}: {reason}; give another --port, or none for one that is free',
  6061: "plan '{file}' cannot be shown: {reason}",
  6032: "'{file}' is CommonJS, and a model is an ES module: name it {other}, with import and export",
  6031: "'{file}' is a plan for {target}: 'btc tune' measures kernels of WebGPU",
  6034: "'{option}' changes nothing here: it is for {wanted}, and {found}",
  6090: "there is no message '{given}'; {names}",
  6091: "'{file}' is not JSON, as {wanted} must be",
  6092: "'{option}' is not an option of btc {command}, which writes {what}: name {instead}",
} as const;

export type MessageNumber = keyof typeof MESSAGES;

/** Arguments that are sentences or lists; all others are names. */
const TEXTS: ReadonlySet<string> = new Set([
  'reason',
  'inputs',
  'options',
  'files',
  'layers',
  'names',
  'programs',
  'choices',
  'wanted',
  'near',
]);

function shortArgument(name: string, value: string | number): string {
  return TEXTS.has(name) ? shortNames(String(value)) : shortName(String(value));
}

/** What a diagnostic may have beside its message; `choice`: the name that it is about, and those that there are. */
export interface DiagnosticExtra {
  readonly category?: Category;
  readonly related?: Diagnostic['related'];
  readonly scope?: string;
  readonly choice?: Choice;
  /** What was meant, where that is known without a choice. */
  readonly suggestion?: Suggestion;
}

/** Builds a diagnostic from the table, without long names; an argument that the message does not name is ignored. */
export function diagnostic(
  number: MessageNumber,
  source: SourceSpan | null,
  args: Arguments = {},
  extra: DiagnosticExtra = {},
): Diagnostic {
  const { choice } = extra;
  const meant = choice ? nearest(choice.given, choice.among) : null;
  const suggestion =
    extra.suggestion ?? (choice && meant !== null ? { given: choice.given, meant } : undefined);
  // The place for what was meant stays empty where nothing comes near.
  const all: Arguments = { near: suggestion ? nearText(suggestion.meant) : '', ...args };
  const message = MESSAGES[number].replace(/\{(\w+)\}/g, (_, name: string) =>
    shortArgument(name, all[name]),
  );
  const { category = 'error', scope = '' } = extra;
  const related = [...placeLines(source, scope), ...(extra.related ?? [])];
  return {
    code: `BTC${number}`,
    category,
    message,
    source: ownSpan(source),
    ...(scope === '' ? {} : { scope }),
    ...(suggestion ? { suggestion } : {}),
    ...(related.length > 0
      ? { related: related.map((line) => ({ ...line, message: shortNames(line.message) })) }
      : {}),
  };
}

/** A diagnostic about what a node of a graph computes. */
export function originDiagnostic(
  number: MessageNumber,
  origin: Origin | undefined,
  args: Arguments = {},
): Diagnostic {
  return diagnostic(number, origin?.span ?? null, args, origin ? { scope: origin.scope } : {});
}

/** Of many calls, the innermost and the outermost are told. */
const MOST_CALLS = 6;
const OUTERMOST_CALLS = 2;

/** The scope, the frames in packages, and the calls that led to an expression. */
function placeLines(source: SourceSpan | null, scope: string): RelatedMessage[] {
  const frames = framesOf(source);
  const own = frames.findIndex((frame) => !isPackageFrame(frame));
  const [inside, calls] =
    own < 0 ? [[], frames.slice(1)] : [frames.slice(0, own), frames.slice(own + 1)];
  const left = calls.length - MOST_CALLS;
  const line =
    (message: string) =>
    (source: SourceSpan): RelatedMessage => ({ message, source });
  const shown = calls.map(line('called from here'));
  if (left > 1)
    shown.splice(MOST_CALLS - OUTERMOST_CALLS, left, {
      message: `… ${left} more calls`,
      source: null,
    });
  return [
    ...(scope === '' ? [] : [{ message: `in '${scope}'`, source: null }]),
    ...inside.map(line('in the package, called from the place above')),
    ...shown,
  ];
}

/** Other scopes and calls that lead to the same mistake: more help nobody. */
const MOST_PLACES = 4;

/** Two diagnostics about the same thing at the same place are one, which tells of each scope and each call that led there. */
export function deduplicate(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Map<string, { first: Diagnostic; places: Map<string, RelatedMessage[]> }>();
  for (const d of diagnostics) {
    const key = `${d.code}|${d.source ? formatSpan(d.source) : ''}|${d.message}`;
    const lines = placeLines(d.source, d.scope ?? '');
    const place = `${d.scope ?? ''} ${d.source ? formatChain(d.source) : ''}`;
    const entry = seen.get(key);
    if (entry) entry.places.set(place, lines);
    else seen.set(key, { first: d, places: new Map([[place, lines]]) });
  }
  return [...seen.values()].map(({ first, places }) => {
    const others = [...places.values()].slice(1);
    if (others.length === 0) return first;
    const left = others.length - (MOST_PLACES - 1);
    const more = left > 0 ? [{ message: `and in ${left} more places`, source: null }] : [];
    const related = [...(first.related ?? []), ...others.slice(0, MOST_PLACES - 1).flat(), ...more];
    return { ...first, related };
  });
}
