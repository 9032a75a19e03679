import { describe, expect, it } from 'vitest';
import type { Graph, InputDeclaration, Module, Node } from '../../ir/graph.ts';
import { verifyModule } from '../../ir/module-verify.ts';
import type { TensorType } from '../../ir/tensor.ts';

const f32 = (...shape: number[]): TensorType => ({ dtype: 'f32', shape });
const i32 = (...shape: number[]): TensorType => ({ dtype: 'i32', shape });
const declared = (op: 'input' | 'parameter', name: string, type: TensorType) =>
  ({ op, operands: [], attributes: { name }, type, source: -1 }) as Node;
const add = (a: number, b: number, type: TensorType) =>
  ({ op: 'add', operands: [a, b], attributes: {}, type, source: -1 }) as unknown as Node;

const TRAIN: Graph = {
  name: 'train',
  nodes: [
    declared('input', 'x', f32(2, 3)),
    declared('parameter', 'w', f32(2, 3)),
    add(0, 1, f32(2, 3)),
    declared('input', 'label', i32(2)),
    declared('input', 'step', i32()),
    declared('parameter', 'w.momentum', f32(2, 3)),
    declared('parameter', 'mean', f32(2, 3)),
  ],
  sources: [],
  outputs: [{ name: 'y', value: 2 }],
  updates: [
    { parameter: 'w', value: 2 },
    { parameter: 'w.momentum', value: 0 },
    { parameter: 'mean', value: 2 },
  ],
};
const TEST: Graph = { ...TRAIN, name: 'test', updates: [] };

const X: InputDeclaration = { name: 'x', type: f32(2, 3), default: null, counter: false };
const LABEL: InputDeclaration = {
  ...{ name: 'label', type: i32(2), default: 3, counter: false },
  ranges: { train: [{ low: 0, high: 10 }] },
};
const STEP: InputDeclaration = { name: 'step', type: i32(), default: 0, counter: true };
const parameter = (name: string, role: 'parameter' | 'state' | 'optimiser') => ({
  ...{ name, type: f32(2, 3), role, source: null },
});
const W = parameter('w', 'parameter');
const MOMENTUM = parameter('w.momentum', 'optimiser');
const MEAN = parameter('mean', 'state');

const MODULE: Module = {
  name: 'm',
  inputs: [X, LABEL, STEP],
  parameters: [W, MOMENTUM, MEAN],
  programs: [TRAIN, TEST],
};

const inputs = (...list: InputDeclaration[]) => ({
  inputs: [...list, ...MODULE.inputs.filter(({ name }) => list.every((one) => one.name !== name))],
});
const train = (changes: Partial<Graph>) => ({ programs: [{ ...TRAIN, ...changes }, TEST] });

const MUTATIONS: readonly (readonly [string, Partial<Module>, readonly string[]])[] = [
  [
    'an input is declared twice',
    { inputs: [...MODULE.inputs, X] },
    ["input 'x' is declared twice"],
  ],
  [
    'a state is declared twice',
    { parameters: [...MODULE.parameters, MEAN] },
    ["parameter 'mean' is declared twice"],
  ],
  [
    'two programs have one name',
    { programs: [TRAIN, TRAIN] },
    ["program 'train' is declared twice"],
  ],
  [
    'a name is what objects use',
    { parameters: [...MODULE.parameters, { ...MEAN, name: '__proto__' }] },
    ["parameter '__proto__' has a name that objects use"],
  ],
  [
    'a parameter is an activation',
    { parameters: [W, MOMENTUM, { ...MEAN, role: 'activation' as 'state' }] },
    ["parameter 'mean' has role 'activation'"],
  ],
  [
    'an unused parameter has no extent',
    { parameters: [...MODULE.parameters, { ...MEAN, name: 'more', type: f32(0) }] },
    ["parameter 'more': f32[0] has an extent that is not a positive integer"],
  ],
  [
    'an unused input has no dtype',
    inputs({ ...X, name: 'more', type: { dtype: 'f9' as 'f32', shape: [] } }),
    ["input 'more': there is no dtype 'f9'"],
  ],
  [
    'a default is no number',
    inputs({ ...X, default: Number.NaN }),
    ["input 'x': the default NaN is not finite"],
  ],
  [
    'a default of integers is a half',
    inputs({ ...LABEL, default: 0.5 }),
    ["input 'label': the default 0.5 is not an i32"],
  ],
  [
    'a counter is a vector',
    inputs({ ...LABEL, ranges: {}, counter: true, default: 0 }),
    ["input 'label': a counter is one i32, not i32[2]"],
  ],
  [
    'a counter starts late',
    inputs({ ...STEP, default: 1 }),
    ["input 'step': a counter starts at 0, not 1"],
  ],
  [
    'ranges are for no program',
    inputs({ ...LABEL, ranges: { predict: [{ low: 0, high: 10 }] } }),
    ["input 'label': it has ranges for 'predict', which is no program"],
  ],
  [
    'a range holds nothing',
    inputs({ ...LABEL, ranges: { train: [{ low: 4, high: 4 }] } }),
    ["input 'label': range 0 for 'train': from 4 to 3 there is no value"],
  ],
  [
    'a default is out of range',
    inputs({ ...LABEL, default: 11 }),
    ["input 'label': range 0 for 'train': the default 11 is not from 0 to 9"],
  ],
  [
    'a program does nothing',
    train({ outputs: [], updates: [] }),
    ['train: it has neither an output nor an update'],
  ],
  [
    'an optimiser state has another type',
    { parameters: [W, { ...MOMENTUM, type: f32(6) }, MEAN] },
    ['train', 'test'].flatMap((program) => [
      `${program}: %5 (parameter): 'w.momentum' is f32[2,3] here and f32[6] elsewhere`,
      ...(program === 'train'
        ? ["train: update 'w.momentum' is f32[2,3], the parameter f32[6]"]
        : []),
    ]),
  ],
  [
    'an input is not declared',
    { inputs: [X, LABEL] },
    ["train: %4 (input): 'step' is not declared", "test: %4 (input): 'step' is not declared"],
  ],
  [
    'an update is of nothing',
    train({ updates: [{ parameter: 'v', value: 2 }] }),
    ["train: update 'v': there is no such parameter"],
  ],
  [
    'an update has another type',
    train({ updates: [{ parameter: 'w', value: 4 }] }),
    ["train: update 'w' is i32[], the parameter f32[2,3]"],
  ],
];

describe('verifyModule', () => {
  it('takes what is valid', () => {
    expect(verifyModule(MODULE, { lowerable: true })).toEqual([]);
  });

  it.each(MUTATIONS)('says that %s', (_, changes, sentences) => {
    expect(verifyModule({ ...MODULE, ...changes })).toEqual(sentences);
  });

  it('says what lowering does not take, and other passes do', () => {
    const twice = train({ nodes: [...TRAIN.nodes, TRAIN.nodes[0]] });
    const contract = {
      ...{ op: 'contract', operands: [0, 1, 1], source: -1, type: f32() },
      attributes: { equation: 'ab,ab,ab->' },
    } as unknown as Node;
    const three = train({ nodes: [...TRAIN.nodes, contract] });
    for (const [changes, sentence] of [
      [twice, "train: %7 (input): input 'x' is read by another node too"],
      [three, 'train: %7 (contract): it has 3 operands, lowering takes two'],
    ] as const) {
      expect(verifyModule({ ...MODULE, ...changes })).toEqual([]);
      expect(verifyModule({ ...MODULE, ...changes }, { lowerable: true })).toEqual([sentence]);
    }
  });
});
