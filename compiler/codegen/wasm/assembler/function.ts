import { Bytes } from './bytes.ts';
import { CONSTANTS, VECTOR_LANES } from './numbers.ts';
import { OPCODES, type Opcode } from './opcodes.ts';
import type { Tokens } from './tokens.ts';

/** The numbers of value types. */
export const TYPES: Readonly<Record<string, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

const NO_RESULT = 0x40;
const END = 0x0b;

/** The numbers of functions and locals, by name. */
export interface Names {
  readonly functions: ReadonlyMap<string, number>;
  readonly locals: ReadonlyMap<string, number>;
}

/** A block's label, and its type as it is written. */
interface Block {
  readonly label: string;
  readonly type: number;
}

/** A function on its way. */
interface Writing {
  readonly tokens: Tokens;
  readonly names: Names;
  readonly code: Bytes;
  /** Of the blocks around, outermost first; empty where one has none. */
  readonly labels: string[];
  /** What was read behind `(if`: the condition, which comes next, stands outside of the block. */
  readonly conditional: Block[];
}

/** What happens where the parenthesis of an instruction closes. */
type Closing = (writing: Writing) => void;

type Referred = keyof Names | 'labels';

/** Instructions that name a local, a function or a label: their number, and which of the names. */
const REFERENCES: Readonly<Record<string, readonly [code: number, kind: Referred]>> = {
  br: [0x0c, 'labels'],
  br_if: [0x0d, 'labels'],
  call: [0x10, 'functions'],
  'local.get': [0x20, 'locals'],
  'local.set': [0x21, 'locals'],
  'local.tee': [0x22, 'locals'],
};

const nothing: Closing = () => {};

/**
 * The folded instructions of a function, up to the parenthesis that closes it: each is written where its parenthesis closes, behind its
 * operands. Without recursion: expressions may be as deep as they like.
 */
export function assembleBody(tokens: Tokens, names: Names): Uint8Array {
  const writing = { tokens, names, code: new Bytes(), labels: [], conditional: [] };
  const open: Closing[] = [];
  for (;;) {
    if (tokens.take('(')) open.push(opened(tokens.next(), writing));
    else {
      tokens.expect(')');
      const close = open.pop();
      if (!close) break;
      close(writing);
    }
  }
  writing.code.byte(END);
  return writing.code.view();
}

/** Reads the immediates of an instruction, writes what stands before its operands, and gives what stands behind them. */
function opened(name: string, writing: Writing): Closing {
  const structure = STRUCTURES.get(name);
  return structure ? structure(writing) : withImmediates(name, writing);
}

const STRUCTURES: ReadonlyMap<string, (writing: Writing) => Closing> = new Map([
  ['block', (writing: Writing) => begin(0x02, blockOf(writing.tokens), writing)],
  ['loop', (writing: Writing) => begin(0x03, blockOf(writing.tokens), writing)],
  [
    'if',
    ({ tokens, conditional }: Writing) => {
      conditional.push(blockOf(tokens));
      return end;
    },
  ],
  // The parenthesis of `if` closes the block.
  [
    'then',
    (writing: Writing) => {
      const block = writing.conditional.pop();
      if (!block) throw writing.tokens.problem("'then' without 'if'");
      begin(0x04, block, writing);
      return nothing;
    },
  ],
  [
    'else',
    ({ code }: Writing) => {
      code.byte(0x05);
      return nothing;
    },
  ],
]);

function begin(number: number, { label, type }: Block, { labels, code }: Writing): Closing {
  labels.push(label);
  code.byte(number);
  code.byte(type);
  return end;
}

const end: Closing = ({ labels, code }) => {
  labels.pop();
  code.byte(END);
};

function blockOf(tokens: Tokens): Block {
  return { label: labelOf(tokens), type: resultOf(tokens) };
}

function labelOf(tokens: Tokens): string {
  return tokens.peek()?.startsWith('$') ? tokens.next() : '';
}

/** The type of a block. A parenthesis of another word is an instruction's. */
function resultOf(tokens: Tokens): number {
  if (!tokens.follows('(', 'result')) return NO_RESULT;
  tokens.next();
  tokens.next();
  const type = typeOf(tokens);
  tokens.expect(')');
  return type;
}

export function typeOf(tokens: Tokens): number {
  const name = tokens.next();
  const type = TYPES[name];
  if (type === undefined) throw tokens.problem(`'${name}' is no type`);
  return type;
}

function withImmediates(name: string, writing: Writing): Closing {
  const { tokens } = writing;
  if (Object.hasOwn(REFERENCES, name)) {
    const [number, kind] = REFERENCES[name];
    const index = numberOf(tokens.next(), kind, writing);
    return ({ code }) => {
      code.byte(number);
      code.unsigned(index);
    };
  }
  if (name.endsWith('.const')) return constant(tokens, name.slice(0, -'.const'.length));
  const opcode = OPCODES.get(name);
  if (!opcode) throw tokens.problem(`there is no instruction '${name}'`);
  const immediates = immediatesOf(tokens, opcode);
  return ({ code }) => {
    code.all(opcode.bytes);
    code.all(immediates);
  };
}

/** Labels are counted from the innermost block outwards. */
function numberOf(name: string, kind: Referred, { tokens, names, labels }: Writing): number {
  const place = kind === 'labels' ? labels.lastIndexOf(name) : (names[kind].get(name) ?? -1);
  if (place < 0) throw tokens.problem(`none of the ${kind} is '${name}'`);
  return kind === 'labels' ? labels.length - 1 - place : place;
}

const CONSTANT_CODES: Readonly<Record<string, number>> = {
  i32: 0x41,
  i64: 0x42,
  f32: 0x43,
  f64: 0x44,
};

function constant(tokens: Tokens, type: string): Closing {
  const bytes = new Bytes();
  if (type === 'v128') {
    const shape = tokens.next();
    const lanes = VECTOR_LANES[shape];
    if (!lanes) throw tokens.problem(`no constant is written as '${shape}'`);
    bytes.all([0xfd, 0x0c]);
    for (let k = 0; k < lanes.count; k++) lanes.write(tokens.next(), bytes);
  } else {
    const write = CONSTANTS[type];
    if (!write) throw tokens.problem(`'${type}' is no type`);
    bytes.byte(CONSTANT_CODES[type]);
    write(tokens.next(), bytes);
  }
  return ({ code }) => code.all(bytes.view());
}

const SHUFFLED = 16;

function immediatesOf(tokens: Tokens, { immediate, alignment }: Opcode): Uint8Array {
  const bytes = new Bytes();
  const lane = () => bytes.byte(Number(tokens.next()));
  if (immediate === 'memory' || immediate === 'memoryLane') {
    const offset = settingOf(tokens, 'offset=') ?? 0;
    const align = settingOf(tokens, 'align=');
    bytes.unsigned(align === null ? alignment : Math.log2(align));
    bytes.unsigned(offset);
  }
  if (immediate === 'memoryLane' || immediate === 'lane') lane();
  if (immediate === 'shuffle') for (let k = 0; k < SHUFFLED; k++) lane();
  return bytes.view();
}

function settingOf(tokens: Tokens, name: string): number | null {
  return tokens.peek()?.startsWith(name) ? Number(tokens.next().slice(name.length)) : null;
}
