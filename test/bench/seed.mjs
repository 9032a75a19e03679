// The figures of the paper that btc started from (Wang et al., SuperNeurons, PPoPP 2018) beside what btc plans.
//   node test/bench/seed.mjs [a|b|c…] [--search] [--depths 200,1922] [--networks vgg16] [--no-budget] [--plan-seconds 10]
import { parseArgs } from 'node:util';
import { alexnet } from './seed/alexnet.mjs';
import { batches } from './seed/batches.mjs';
import { deepest } from './seed/deepest.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    search: { type: 'boolean', default: false },
    depths: { type: 'string' },
    networks: { type: 'string' },
    budget: { type: 'boolean', default: true },
    seconds: { type: 'string', default: '900' },
    'plan-seconds': { type: 'string', default: '0' },
  },
});
const parts = positionals.length > 0 ? positionals : ['a', 'b', 'c'];
const common = { mostSeconds: Number(values.seconds) };
if (parts.includes('a')) await alexnet();
if (parts.includes('b'))
  batches({ ...common, search: values.search, networks: values.networks?.split(',') });
if (parts.includes('c'))
  deepest({
    ...common,
    budget: values.budget,
    planSeconds: Number(values['plan-seconds']),
    depths: values.depths?.split(',').map(Number),
  });
