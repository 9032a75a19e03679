import { expect, test } from 'vitest';
import { otherAdapter } from '../../compiler/cli/other-adapter.ts';
import { SHIPPED_PROFILES } from '../../compiler/profile/shipped.ts';
import type { Target } from '../../ir/plan.ts';

const H100 = SHIPPED_PROFILES.h100.adapter;
const warned = (target: Target, adapter: string | undefined, description: string) =>
  otherAdapter({ plan: { target, ...(adapter === undefined ? {} : { adapter }) }, description });

test('times of another adapter are said to be so', () => {
  expect(warned('webgpu', H100, 'google swiftshader-device-subzero- (WebGPU)')).toMatchObject({
    code: 'BTC6022',
    category: 'warning',
    message: `this adapter is 'google swiftshader-device-subzero-'; kernels and predicted times are for '${H100}': measure yours with btc profile and build with --profile`,
  });
});

test.each<[string, Target, string | undefined, string]>([
  ['the same adapter', 'webgpu', H100, `${H100} (WebGPU)`],
  ['one whose name ends in a version', 'webgpu', 'mesa llvmpipe', 'mesa llvmpipe-llvm-19 (WebGPU)'],
  ['an adapter without a name', 'webgpu', H100, 'GPU (WebGPU)'],
  ['a plan without predictions', 'webgpu', undefined, 'apple m4 (WebGPU)'],
  ['WebAssembly', 'wasm', 'WebAssembly', 'WebAssembly'],
  ['WebAssembly of another name', 'wasm', 'WebAssembly on a telephone', 'WebAssembly'],
])('%s is nothing to warn of', (_, target, adapter, description) => {
  expect(warned(target, adapter, description)).toBeNull();
});
