import { expect, test } from 'vitest';
import { frozen, linear } from '../../compiler/index.ts';
import { MisuseError } from '../../compiler/reporting/report.ts';
import { compileText, markedPlaces, placeOf } from '../support/compile-text.ts';

// Layers are made at the top of a file, outside of the functions of a model: what is wrong with them is said as it is inside.

const beside = (made: string) => `(() => {
  const layer = ${made};
  return defineModel({ name: 'm', inputs: { x: tensor([2, 3]) }, build: ({ x }) => ({ y: layer(x) }) });
})()`;

test.each([
  ['▸lora(linear(3, 2), { rank: 0 })', 2015, 'rank'],
  ['▸lora(linear(3, 2), { rank: -1 })', 2015, 'rank'],
  ['▸lora(linear(3, 2), { rank: 1.5 })', 2015, 'rank'],
  ['▸lora(linear(3, 2), { rank: NaN })', 2015, 'rank'],
  ['▸lora(linear(3, 2))', 2015, 'rank'],
  ['▸lora(linear(3, 2), { rank: 1, dropout: 1 })', 2015, 'dropout'],
  ['▸lora(linear(3, 2), { rank: 1, alpha: NaN })', 2015, 'alpha'],
  ["▸lora(linear(3, 2), { rank: 1, targets: ['nope'] })", 2015, 'targets'],
  ["▸lora(linear(3, 2), { rank: 1, storage: 'int4' })", 2015, 'storage'],
  ['▸lora(5, { rank: 1 })', 2003, 'a layer or a function'],
  ["▸frozen(linear(3, 2), { storage: 'int9' })", 2015, 'storage'],
  ['▸frozen(linear(3, 2), 7)', 2003, 'options, { storage }'],
  ['▸frozen(null)', 2003, 'a layer or a function'],
  ['▸averaged(5)', 2003, 'a layer or a function'],
  ['relu(▸randomUniform([2]))', 1009, 'must be called inside'],
  ['▸mergedWeights(() => null)', 1009, 'must be called inside'],
])('%s, made beside a model, is BTC%i', async (made, number, says) => {
  const text = beside(made);
  const { diagnostics } = await compileText(text);
  expect(diagnostics.map(({ code, source }) => [code, placeOf(source)])).toEqual([
    [`BTC${number}`, markedPlaces(text)[0]],
  ]);
  expect(diagnostics[0].message).toContain(says);
  expect(diagnostics[0].message).toMatch(/^'?(lora|frozen|averaged|randomUniform|mergedWeights)/);
});

test('a name that is nearly one is suggested there too', async () => {
  const { diagnostics } = await compileText(beside("frozen(linear(3, 2), { storage: 'int9' })"));
  expect(diagnostics[0].suggestion?.meant).toBe('int8');
});

test('without a build it is thrown', () => {
  expect(() => frozen(linear(3, 2), { storage: 'int9' as 'int8' })).toThrow(MisuseError);
  expect(() => frozen(linear(3, 2), { storage: 'int9' as 'int8' })).toThrow(/^BTC2015: 'frozen': /);
});

test('convolutions with groups and transposed ones are said not to be adapted', async () => {
  const grouped = 'lora(convolution(8, 8, { kernel: 3, groups: 8 }), { rank: 1 })';
  const { diagnostics } = await compileText(`defineModel({
    name: 'm', inputs: { x: tensor([2, 5, 5, 8]) }, build: ({ x }) => ({ y: ${grouped}(x) }),
  })`);
  expect(diagnostics.map(({ code }) => code)).toEqual(['BTC3006']);
  expect(diagnostics[0].message).toContain('neither grouped nor transposed');
});
