import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { formatBytes, parseBytes } from '../../../compiler/format.ts';
import { type Instance, InstanceError, readInstance } from './instance.ts';
import { BudgetError, type Planned, planInstance } from './search.ts';

interface Options {
  readonly budget: Budget;
  readonly swap?: number;
  readonly seconds: number;
  readonly unit: number;
  readonly solve: 'heuristic' | 'exact';
  readonly json?: true;
}

type Budget = { readonly fraction: number } | { readonly bytes: number };

function budget(text: string): Budget {
  if (/^\d*\.\d+$/.test(text)) {
    const fraction = Number(text);
    if (fraction <= 1) return { fraction };
  }
  const bytes = /^\d*\.\d+$/.test(text) ? null : parseBytes(text);
  if (bytes === null)
    throw new InvalidArgumentError(
      'It takes a fraction of the peak with a decimal point, 0.0 to 1.0, or bytes as 512MiB or 1000000.',
    );
  return { bytes };
}

function number(wanted: string, least: number, isOpen: boolean) {
  return (text: string) => {
    const given = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isFinite(given) && (isOpen ? given > least : given >= least)) return given;
    throw new InvalidArgumentError(`It takes ${wanted}.`);
  };
}

const bytesOf = (given: Budget, { peakInOrder }: Instance) =>
  'bytes' in given ? given.bytes : Math.floor(given.fraction * peakInOrder);

function report(planned: Planned, { peakInOrder }: Instance): string {
  const { name, budgetBytes, cost, peak, lowerBound, gap, method, seconds } = planned;
  const part = (bytes: number) =>
    `${formatBytes(bytes)}, ${((100 * bytes) / Math.max(1, peakInOrder)).toFixed(1)} % of the peak in order`;
  return [
    `${name}`,
    `  budget       ${part(budgetBytes)}`,
    `  peak         ${part(peak)}`,
    `  cost         ${cost.toFixed(4)} of the cost without a budget`,
    `  lower bound  ${lowerBound.toFixed(4)}, gap ${(100 * (gap ?? 0)).toFixed(2)} %`,
    `  actions      ${planned.recomputed} recomputed, ${planned.copies} copies`,
    `  method       ${method}`,
    `  seconds      ${seconds.toFixed(2)}`,
  ].join('\n');
}

interface Streams {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

/** What `npm run remat` does with its arguments. Gives the exit code. */
export async function rematCommand(args: readonly string[], streams: Streams): Promise<number> {
  try {
    await plan(args, streams);
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const isOurs = [CommanderError, InstanceError, BudgetError].some(
      (kind) => error instanceof kind,
    );
    if (!isOurs) throw error;
    streams.error(`error: ${(error as Error).message.replace(/^error: /, '')}\n`);
    return error instanceof BudgetError ? 1 : 2;
  }
}

async function plan(args: readonly string[], { out }: Streams): Promise<void> {
  const command = new Command('remat')
    .description('plans a graph of steps within a budget of bytes, by recompute and swap')
    .argument('<graph>', 'a .json file of nodes with cost and bytes, in execution order, and edges')
    .requiredOption('--budget <fraction|bytes>', 'of the peak in order (0.5), or 512MiB', budget)
    .option(
      '--swap <rate>',
      'copies to the host and back, in GB/s each way',
      number('a positive number of GB/s', 0, true),
    )
    .option(
      '--seconds <seconds>',
      'limit on the search; 0 for the best plan known',
      number('seconds from 0 on', 0, false),
      10,
    )
    .option(
      '--unit <seconds>',
      "what one unit of the file's costs is, which says how many bytes a copy moves in it",
      number('a positive number of seconds', 0, true),
      1e-6,
    )
    .addOption(
      new Option(
        '--solve <method>',
        'exact: an integer program starts from the plan that the search found, for as many seconds again',
      )
        .choices(['heuristic', 'exact'])
        .default('heuristic'),
    )
    .option('--json', 'figures as JSON')
    .addHelpText(
      'after',
      '\nExit code: 0 a plan; 1 no plan within the budget; 2 a malformed graph or option.',
    )
    .configureOutput({ writeOut: out, outputError: () => {} })
    .exitOverride();
  command.parse(args, { from: 'user' });
  const file = command.args[0];
  const options = command.opts<Options>();
  const instance = read(file);
  const planned = await planInstance(instance, {
    budgetBytes: bytesOf(options.budget, instance),
    swapBytesPerSecond: options.swap === undefined ? null : options.swap * 1e9,
    unitSeconds: options.unit,
    seconds: options.seconds,
    solve: options.solve,
  });
  out(`${options.json ? JSON.stringify(planned, null, 2) : report(planned, instance)}\n`);
}

function read(file: string): Instance {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new InstanceError(`${file}: ${(error as Error).message}`);
  }
  try {
    return readInstance(text);
  } catch (error) {
    if (error instanceof InstanceError) throw new InstanceError(`${file}: ${error.message}`);
    throw error;
  }
}
