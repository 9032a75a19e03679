import { afterEach, expect, test } from 'vitest';
import { Tensor } from '../../compiler/frontend/tensor.ts';
import { traceModel } from '../../compiler/frontend/trace.ts';
import * as btc from '../../compiler/language.ts';
import { readEveryStack } from '../../compiler/reporting/call-sites.ts';

// A layer says itself where its parts belong; stacks, which take long to read, say the same.

afterEach(() => readEveryStack(false));

type Inputs = Readonly<Record<'image' | 'rows' | 'tokens' | 'lengths', btc.Tensor>>;

const tt = (rank: number) => btc.tensorTrain({ inputModes: [2, 3], outputModes: [2, 4], rank });
const LAYERS: Readonly<Record<string, () => (inputs: Inputs) => unknown>> = {
  linear: () => {
    const layer = btc.linear(6, 8);
    return ({ rows }) => layer(rows);
  },
  'factorised linear': () => {
    const layer = btc.linear(6, 8, { weight: tt(2) });
    return ({ rows }) => layer(rows);
  },
  convolution: () => {
    const layer = btc.convolution(4, 8, { kernel: [3, 3], padding: 'same' });
    return ({ image }) => layer(image);
  },
  'convolution in groups': () => {
    const layer = btc.convolution(4, 8, { kernel: [3, 3], groups: 2, stride: 2 });
    return ({ image }) => layer(image);
  },
  'transposed convolution': () => {
    const layer = btc.transposedConvolution(4, 8, { kernel: [2, 2], stride: 2 });
    return ({ image }) => layer(image);
  },
  'batch norm': () => {
    const layer = btc.batchNorm(4);
    return ({ image }) => layer(image);
  },
  'layer norm': () => {
    const layer = btc.layerNorm(6);
    return ({ rows }) => layer(rows);
  },
  'norms of groups and of squares': () => {
    const [groups, squares] = [btc.groupNorm(2, 4), btc.rmsNorm(6)];
    return ({ image, rows }) => ({ groups: groups(image), squares: squares(rows) });
  },
  embedding: () => {
    const layer = btc.embedding(11, 6);
    return ({ tokens }) => layer(tokens);
  },
  recurrent: () => {
    const layer = btc.lstm(6, 5, { layers: 2, dropout: 0.5, bidirectional: true });
    return ({ rows, lengths }) => ({ outputs: layer(rows, undefined, { lengths }).outputs });
  },
  'gated recurrent': () => {
    const layer = btc.gru(6, 5);
    return ({ rows }) => ({ last: btc.mean(layer(rows).outputs, 1) });
  },
  attention: () => {
    const layer = btc.attention(6, { heads: 2, causal: true, dropout: 0.1 });
    return ({ rows }) => layer(rows);
  },
  'in a scope, from a function, twice': () => {
    const [layer, norm] = [btc.linear(6, 6), btc.layerNorm(6)];
    const block = (x: btc.Tensor) => norm(btc.gelu(layer(x)));
    return ({ rows }) => btc.scope('blocks', () => block(block(rows)));
  },
  'values of a layer': () => {
    const layer = btc.linear(6, 6);
    return ({ rows }) => btc.add(layer(rows), btc.sum(btc.square(layer.weight)));
  },
  'frozen bytes and adapters': () => {
    const [held, adapted] = [btc.linear(6, 8), btc.linear(6, 8)];
    const small = btc.frozen(held, { storage: 'int8' });
    const tuned = btc.lora(adapted, { rank: 2 });
    return ({ rows }) => btc.add(small(rows), tuned(rows));
  },
  'of the wrong width': () => {
    const [linear, norm] = [btc.linear(7, 8), btc.batchNorm(3, { momentum: 2 })];
    return ({ rows, image }) => ({ linear: linear(rows), norm: norm(image) });
  },
};

test.for(Object.keys(LAYERS))('%s', (name) => {
  const traced = () => {
    const layer = LAYERS[name]();
    const model = btc.defineModel({
      name: 'placed',
      inputs: {
        image: btc.tensor([2, 6, 6, 4]),
        rows: btc.tensor([2, 3, 6]),
        tokens: btc.tensor([2, 3], 'i32'),
        lengths: btc.tensor([2], 'i32'),
      },
      build: (inputs) => {
        const made = layer(inputs as Inputs);
        return (made instanceof Tensor ? { made } : made) as Record<string, btc.Tensor>;
      },
      train: {
        loss: (outputs) =>
          Object.values(outputs)
            .map((output) => btc.mean(output as btc.Tensor))
            .reduce((a, b) => btc.add(a, b)),
        optimizer: btc.sgd(),
      },
    });
    return traceModel(model);
  };
  const [quick, slow] = [false, true].map((isRead) => {
    readEveryStack(isRead);
    return traced();
  });
  const origins = ({ programs }: typeof quick) =>
    programs.map(({ graph }) => graph.nodes.map(({ op, source }) => [op, graph.sources[source]]));
  expect(origins(quick)).toEqual(origins(slow));
  expect(quick.parameters.map(({ declaration }) => declaration)).toEqual(
    slow.parameters.map(({ declaration }) => declaration),
  );
  expect(quick.diagnostics).toEqual(slow.diagnostics);
  expect(origins(quick)[0].length).toBeGreaterThan(1);
});
