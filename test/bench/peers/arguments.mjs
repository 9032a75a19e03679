// The command line of the bench. A mistake is one sentence that says what is allowed.

export const USAGE = `npm run bench -- [options]
  --only NAMES      rows or groups of them, with commas: mlp,matmul,conv-forward (--list prints all)
  --target NAMES    wasm, wasm-threads, webgpu (the machine's own GPU where there is one, else SwiftShader), native, swiftshader;
                    default: wasm,wasm-threads,webgpu
  --systems NAMES   btc, jax-js, tfjs, onnxruntime-web, onnxruntime-node; default: all
  --rounds N        processes of each system, interleaved; default 5
  --seconds S       of measuring, for each model in each process; default 1
  --timeout S       for each process; default 240
  --quick           --rounds 2 --seconds 0.3
  --cpu             times of the processor, for a machine that others share; with --target wasm alone, which is one thread
  --json            rows as JSON on standard output in place of the table
  --markdown FILE   also as a page (BENCHMARKS.md)
  --list            prints the names of rows and groups
  --help`;

/** A command line that is not understood. */
export class UsageError extends Error {}

const DEFAULTS = { rounds: 5, seconds: 1, timeout: 240 };
const QUICK = { rounds: 2, seconds: 0.3 };

const FLAGS = ['quick', 'cpu', 'json', 'list', 'help'];
const VALUES = ['only', 'target', 'systems', 'rounds', 'seconds', 'timeout', 'markdown'];

/**
 * Options out of arguments. `known` has the names that are allowed: `groups` (rows by group), `targets`, `systems`. What is only
 * asked for in parts keeps the order of the tables, and no row comes twice.
 */
export function parseArguments(given, known) {
  const read = readOptions(given);
  const { groups, targets, systems } = known;
  const defaults = { ...DEFAULTS, ...(read.quick ? QUICK : {}) };
  const rounds = numberOf(
    read,
    'rounds',
    defaults,
    'a whole number of at least 1',
    wholeAndPositive,
  );
  const seconds = numberOf(read, 'seconds', defaults, 'a positive number', (n) => n > 0);
  const timeout = numberOf(read, 'timeout', defaults, 'a positive number', (n) => n > 0);
  const asked = chosen(read.target, 'target', [...targets, 'webgpu']);
  if (read.cpu && asked.join() !== 'wasm')
    throw new UsageError(
      "'--cpu' is for '--target wasm' alone: elsewhere others than the thread are waited for",
    );
  return {
    cpu: read.cpu ?? false,
    help: read.help ?? false,
    list: read.list ?? false,
    json: read.json ?? false,
    markdown: read.markdown ?? null,
    rounds,
    seconds,
    timeout,
    groups: chosenRows(read.only, groups),
    targets: asked,
    systems: inOrder(chosen(read.systems, 'systems', systems), systems),
  };
}

function readOptions(given) {
  const read = {};
  for (let at = 0; at < given.length; at++) {
    const [text, ...rest] = given[at].split('=');
    const name = text.replace(/^--/, '');
    if (!text.startsWith('--') || ![...FLAGS, ...VALUES].includes(name))
      throw new UsageError(`'${given[at]}' is no option of the bench; --help lists them`);
    if (name in read) throw new UsageError(`'--${name}' is given twice`);
    const inline = rest.length > 0 ? rest.join('=') : undefined;
    if (FLAGS.includes(name)) {
      if (inline !== undefined) throw new UsageError(`'--${name}' takes no value`);
      read[name] = true;
    } else {
      const value = inline ?? given[++at];
      if (value === undefined || value === '' || (inline === undefined && value.startsWith('--')))
        throw new UsageError(`'--${name}' needs a value`);
      read[name] = value;
    }
  }
  return read;
}

const wholeAndPositive = (n) => Number.isSafeInteger(n) && n >= 1;

function numberOf(read, name, defaults, wanted, isAllowed) {
  if (read[name] === undefined) return defaults[name];
  const value = Number(read[name]);
  if (Number.isFinite(value) && isAllowed(value)) return value;
  throw new UsageError(`'--${name}' is ${wanted}, not '${read[name]}'`);
}

function chosen(text, name, allowed) {
  if (text === undefined) return [];
  const names = text.split(',').map((one) => one.trim());
  const unknown = names.find((one) => !allowed.includes(one));
  if (unknown !== undefined)
    throw new UsageError(`'--${name}' knows ${allowed.join(', ')}, not '${unknown}'`);
  return [...new Set(names)];
}

const inOrder = (names, all) => (names.length > 0 ? all.filter((one) => names.includes(one)) : all);

/** Groups with those of their rows that were asked for. */
function chosenRows(text, groups) {
  const rows = Object.values(groups).flat();
  const names = chosen(text, 'only', [...new Set([...Object.keys(groups), ...rows])]);
  if (names.length === 0) return groups;
  const kept = Object.entries(groups)
    .map(([group, all]) => [
      group,
      names.includes(group) ? all : all.filter((row) => names.includes(row)),
    ])
    .filter(([, all]) => all.length > 0);
  return Object.fromEntries(kept);
}
