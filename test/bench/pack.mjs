// Packs an instance of dynamic storage allocation and prints the bytes that it takes beside the bytes that nothing can beat:
// CSV with the columns id, lower, upper and size, one buffer a line, live in [lower, upper), as MiniMalloc's
// (github.com/google/minimalloc).
//   npm run pack -- FILE.csv [--capacity BYTES] [--seconds S] [--json] [--offsets]
// Exits with 1 where it does not fit into the capacity, and with 2 where the file or an option is wrong.
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { infeasibleSubset } from '../../dist/compiler/memory/infeasible-subset.js';
import { packBlocks } from '../../dist/compiler/memory/offsets.js';
import { conflictOf } from './pack-check.mjs';
import { readInstance } from './pack-instance.mjs';

const number = (isValid, what) => (text) => {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!isValid(value)) throw new InvalidArgumentError(`It must be ${what}.`);
  return value;
};
const bytes = number(
  (value) => Number.isSafeInteger(value) && value >= 0,
  'a whole number of bytes',
);
const seconds = number((value) => Number.isFinite(value) && value >= 0, 'seconds, 0 or more');

const command = new Command('pack')
  .description('Packs buffers with lives into as few bytes as can be found.')
  .argument('<file>', 'CSV with the columns id, lower, upper, size; live in [lower, upper)')
  .option('--capacity <bytes>', 'stop when it fits; say why where it cannot', bytes)
  .option('--seconds <seconds>', 'how long to search; 0 for the best quick packing', seconds, 20)
  .option('--json', 'print JSON')
  .option('--offsets', 'with --json: print the offset of every buffer')
  .exitOverride();

try {
  command.parse();
  process.exitCode = pack(command.args[0], command.opts());
} catch (error) {
  // Commander has said what is wrong with the options.
  if (!error.code?.startsWith?.('commander.')) console.error(`error: ${error.message}`);
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}

function pack(file, { capacity, seconds, json, offsets }) {
  // npm runs scripts in the package's folder and says where it was called.
  const { ids, blocks } = readInstance(resolve(process.env.INIT_CWD ?? '.', file));
  const start = performance.now();
  const spent = () => (performance.now() - start) / 1000;
  const packing = packBlocks(
    blocks,
    { slabBytes: Number.MAX_SAFE_INTEGER, reserved: [] },
    { capacity, isExpired: () => spent() >= seconds },
  );
  const conflict = conflictOf(blocks, packing.addresses, packing.bytes);
  if (conflict) throw new Error(`internal error: ${conflict}`);
  const fits = capacity === undefined || packing.bytes <= capacity;
  const searched = spent();
  const subset = fits
    ? null
    : infeasibleSubset(blocks, capacity, { isExpired: () => spent() >= searched + seconds });
  const result = {
    peak: packing.bytes,
    lowerBound: packing.lowerBound,
    method: packing.method,
    seconds: Math.round(searched * 1000) / 1000,
    ...(capacity !== undefined && { capacity, fits }),
    ...(!fits && { infeasible: Array.isArray(subset) ? subset.map((block) => ids[block]) : null }),
    ...(offsets && { offsets: Object.fromEntries(ids.map((id, i) => [id, packing.addresses[i]])) }),
  };
  console.log(json ? JSON.stringify(result) : textOf(result));
  return fits ? 0 : 1;
}

function textOf({ peak, lowerBound, method, seconds, capacity, fits, infeasible }) {
  const over = lowerBound > 0 ? `, ${((peak / lowerBound - 1) * 100).toFixed(2)} % above` : '';
  const lines = [
    `peak         ${peak} bytes`,
    `lower bound  ${lowerBound} bytes${peak === lowerBound ? ': optimal' : over}`,
    `method       ${method}`,
    `seconds      ${seconds}`,
  ];
  if (capacity !== undefined)
    lines.push(`capacity     ${capacity} bytes: ${fits ? 'fits' : 'does not fit'}`);
  if (infeasible)
    lines.push(
      infeasible.length === 1
        ? `Buffer ${infeasible[0]} alone is larger than that`
        : `These ${infeasible.length} buffers cannot be packed into it, and any fewer of them can: ${infeasible.join(', ')}`,
    );
  else if (fits === false) lines.push('No packing was found; that there is none is not proved.');
  return lines.join('\n');
}
