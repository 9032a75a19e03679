import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsTensor,
} from '../../ir/safetensors.ts';
import { reseal } from '../../ir/sealed.ts';
import { load, type Session } from '../../runtime/index.ts';
import { errorOf } from '../support/errors.ts';
import { testDevice } from '../support/gpu.ts';
import { SMALL_INPUTS, smallPlan, smallReference } from '../support/small-plan.ts';

const plan = smallPlan();
let device: GPUDevice;
let session: Session;
let saved: Uint8Array;

beforeAll(async () => {
  device = await testDevice();
  session = await load(plan, { device });
  for (let run = 0; run < 3; run++) await session.run('train', SMALL_INPUTS);
  saved = await session.saveCheckpoint();
});
afterAll(() => session.destroy());

test('training goes on from a checkpoint as if it had not stopped', async () => {
  const { losses } = smallReference(5);
  const other = await load(plan, { device });
  await other.loadCheckpoint(saved);
  for (const run of [3, 4]) {
    const { loss, finished } = await other.run('train', SMALL_INPUTS);
    expect(loss[0]).toBeCloseTo(losses[run], 4);
    expect(finished[0]).toBe(run);
  }
  const third = await load(plan, { device, parameters: saved });
  expect((await third.run('train', SMALL_INPUTS)).finished[0]).toBe(3);
  other.destroy();
  third.destroy();
});

test('initial parameters come from a file without optimiser state, or by name', async () => {
  const weight: SafetensorsTensor = {
    dtype: 'f32',
    shape: [4],
    data: new Float32Array([1, 2, 3, 4]),
  };
  const parameters = encodeSafetensors([['weight', weight]]);
  const fromFile = await load(plan, { device, parameters });
  const byName = await load(plan, { device, parameters: { weight: [1, 2, 3, 4] } });
  for (const loaded of [fromFile, byName]) {
    expect([...(await loaded.readParameters()).weight]).toEqual([1, 2, 3, 4]);
    loaded.destroy();
  }
  const error = await errorOf(() => load(plan, { device, parameters: encodeSafetensors([]) }));
  expect(error.message).toBe("the parameters are refused: tensor 'weight' is missing");
});

/** The saved file with its parts changed. */
function changed(
  change: (tensors: Map<string, SafetensorsTensor>, metadata: Map<string, string>) => void,
): Uint8Array {
  const file = decodeSafetensors(saved);
  const tensors = new Map(file.tensors);
  const metadata = new Map(file.metadata);
  change(tensors, metadata);
  const bytes = encodeSafetensors(tensors, Object.fromEntries(metadata));
  return metadata.has('checksum') ? reseal(bytes) : bytes;
}

function flipped(at: number): Uint8Array {
  const copy = saved.slice();
  copy[at < 0 ? copy.length + at : at] ^= 1;
  return copy;
}

const other: SafetensorsTensor = { dtype: 'f32', shape: [2, 2], data: new Float32Array(4) };
const integers: SafetensorsTensor = { dtype: 'i32', shape: [4], data: new Int32Array(4) };
const cases: [string, () => Uint8Array, string][] = [
  ['an empty file', () => new Uint8Array(), "the file ends inside the header's length"],
  ['a file cut in its header', () => saved.slice(0, 40), "the header's length is"],
  ['a file cut in its data', () => saved.slice(0, -4), "tensor 'momentum'"],
  ['a file with more behind it', () => new Uint8Array([...saved, 0]), '1 bytes follow'],
  ['a changed header', () => flipped(8), 'the header is not JSON'],
  ['changed data', () => flipped(-1), "metadata 'checksum'"],
  ['a missing tensor', () => changed((t) => t.delete('weight')), "tensor 'weight' is missing"],
  ['an unknown tensor', () => changed((t) => t.set('bias', other)), "tensor 'bias' is not in plan"],
  [
    'another shape',
    () => changed((t) => t.set('weight', other)),
    "tensor 'weight' is f32[2,2]; the plan wants f32[4]",
  ],
  [
    'another dtype',
    () => changed((t) => t.set('weight', integers)),
    "tensor 'weight' is i32[4]; the plan wants f32[4]",
  ],
  ['no checkpoint', () => changed((_, m) => m.clear()), "metadata 'format' is missing"],
  ['another version', () => changed((_, m) => m.set('version', '9')), "metadata 'version' is '9'"],
  ['no counters', () => changed((_, m) => m.delete('counters')), "metadata 'counters' is missing"],
  [
    'a counter that is no count',
    () => changed((_, m) => m.set('counters', '{"train":-1}')),
    "metadata 'counters' has -1 for program 'train'",
  ],
];

test.each(cases)('%s is refused as a whole', async (_, bytes, message) => {
  const before = await session.readParameters();
  const error = await errorOf(() => session.loadCheckpoint(bytes()));
  expect(error.code).toBe('invalid-checkpoint');
  expect(error.message).toContain(message);
  expect(await session.readParameters()).toEqual(before);
});

test('parameters larger than the staging buffer are read in pieces', async () => {
  const { ReadBack } = await import('../../runtime/readback.ts');
  const bytes = 700_000;
  const slab = device.createBuffer({ size: bytes, usage: 0x8c });
  const staging = [4096, 4080].map((size) => device.createBuffer({ size, usage: 0x9 }));
  const data = Float32Array.from({ length: bytes / 4 }, (_, i) => i);
  device.queue.writeBuffer(slab, 0, data);
  const shape = [bytes / 4];
  const tensor = { ...plan.tensors[0], shape, slab: 0, offset: 0, bytes };
  const tail = { ...tensor, shape: [5], offset: 512, bytes: 20 };
  const wanted = [tensor, tail].map((tensor) => ({ tensor, into: null }));
  const { arrays } = await new ReadBack(device, [slab], staging).start(wanted, (encode) => {
    const encoder = device.createCommandEncoder();
    encode!(encoder);
    device.queue.submit([encoder.finish()]);
  });
  const [whole, part] = await arrays;
  expect(whole).toEqual(data);
  expect([...part]).toEqual([128, 129, 130, 131, 132]);
  slab.destroy();
  for (const buffer of staging) buffer.destroy();
});
