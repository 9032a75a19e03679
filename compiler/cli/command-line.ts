import { Command, CommanderError } from 'commander';
import { VERSION } from '../version.ts';
import { declareBuild } from './commands/build.ts';
import { declareDecompose } from './commands/decompose.ts';
import { declareExplain } from './commands/explain.ts';
import { declareExport } from './commands/export.ts';
import { declareImport } from './commands/import.ts';
import { declareInspect } from './commands/inspect.ts';
import { declareLsp } from './commands/lsp.ts';
import { declarePath } from './commands/path.ts';
import { declareProfile } from './commands/profile.ts';
import { declareRun } from './commands/run.ts';
import { declareSweep } from './commands/sweep.ts';
import { declareTune } from './commands/tune.ts';
import { declareVerify } from './commands/verify.ts';
import { declareView } from './commands/view.ts';
import { declareWeights } from './commands/weights.ts';
import { tuneEngine } from './engine.ts';
import { formatPlain, fromBtc } from './report.ts';
import { watchStreams } from './streams.ts';
import { guardOutput } from './terminal.ts';
import { ReportedError, unknownCommand, usageProblem } from './usage.ts';

/** Commands whose work is done by threads, which see to it themselves. */
const IN_THREADS: readonly string[] = ['build', 'sweep', 'export'];

/** In the order in which `btc --help` lists them; sweep takes over options of build. */
const COMMANDS: readonly ((program: Command) => void)[] = [
  declareBuild,
  declareSweep,
  declareExport,
  declareInspect,
  declareView,
  declareRun,
  declareVerify,
  declareProfile,
  declareTune,
  declarePath,
  declareDecompose,
  declareWeights,
  declareImport,
  declareExplain,
  declareLsp,
];

function createProgram(): Command {
  const program = new Command('btc')
    .description(
      'Compiles a neural network written in TypeScript into a memory-planned WebGPU or WebAssembly schedule.',
    )
    .version(VERSION, '-v, --version')
    // Descriptions stay within the terminal beside long names too.
    .configureHelp({ minWidthToWrap: 20 })
    // Mistakes are reported as all others are.
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .hook('preAction', (_, command) => {
      if (!IN_THREADS.includes(command.name())) tuneEngine();
    });

  for (const declare of COMMANDS) declare(program);
  return program;
}

/** `btc help` of what is no command shows the help of btc itself unless it is refused here. */
function refuseUnknownHelp(commands: readonly string[]): void {
  const [, , help, name] = process.argv;
  if (help !== 'help' || name === undefined || commands.includes(name)) return;
  if (!name.startsWith('-')) throw new ReportedError(unknownCommand(name, commands));
}

/** Does what the arguments of the process ask for, and sets its exit code. */
export async function commandLine(): Promise<void> {
  const program = createProgram();
  watchStreams();
  guardOutput();
  try {
    if (process.argv.slice(2).every((word) => word === 'help')) program.outputHelp();
    else {
      refuseUnknownHelp(program.commands.map((one) => one.name()));
      await program.parseAsync();
    }
  } catch (error) {
    report(error, program);
  }
}

function report(error: unknown, program: Command): void {
  const problem =
    error instanceof ReportedError
      ? error.problem
      : error instanceof CommanderError && error.exitCode !== 0
        ? usageProblem(error, program.commands)
        : null;
  if (problem) {
    console.error(formatPlain(fromBtc(problem)));
    process.exitCode = 1;
  } else if (!(error instanceof CommanderError)) {
    console.error('error: btc itself failed; please report this with the model that it failed on');
    console.error(error);
    process.exitCode = 1;
  }
}
