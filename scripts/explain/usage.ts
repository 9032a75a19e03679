import { SMALL_MODEL } from '../../test/support/project.ts';
import { ADAPTER_IN_SOFTWARE, PORT_IN_USE } from './circumstances.ts';
import { commands, type Explanation } from './example.ts';

const PLAN = 'out/model.wasm.plan.json';
const RUN = `run ${PLAN} --steps 1 --classes 2`;
const PATH = 'path "ab,bc->ac" --sizes a=2,b=3,c=4';

/** 6xxx: the command line. */
export const USAGE_PAGES = {
  6001: commands(
    'No such target',
    'Plans are for `webgpu`, `wasm`, or both, separated by a comma.',
    'build model.ts --target wasn',
    'build model.ts --noEmit --target wasm',
  ),
  6003: commands(
    'A file does not exist',
    'Paths are relative to the folder in which the command runs.',
    'inspect out/modle.wasm.plan.json',
    `inspect ${PLAN}`,
  ),
  6004: commands(
    'Not of the form that is wanted',
    'Such options take a name, =, and a value.',
    `${RUN} --input x`,
    `${RUN} --input x=0.5`,
  ),
  6005: commands(
    'No such program in the plan',
    '`btc run` runs one program of a plan: `train` where there is one. The message lists them.',
    `${RUN} --program fly`,
    `${RUN} --program predict`,
  ),
  6006: commands(
    'Another kind of file',
    'The message says what is wanted, and what the file is where that can be seen. Models are TypeScript or JavaScript: .ts, .mts, .js, .mjs and the like. `btc build` makes plans of them.',
    'inspect model.ts',
    `inspect ${PLAN}`,
  ),
  6007: commands(
    'No order of the contraction fits',
    'Even in slices, the operands, the result and what is between take more than the budget.',
    `${PATH} --budget 8`,
    `${PATH} --budget 1KiB`,
  ),
  6008: commands(
    'No such tensor in the plan',
    '`--why` takes a name as `btc inspect --all` prints it, or its last part. The message has names that are near.',
    `inspect ${PLAN} --why logit`,
    `inspect ${PLAN} --why logits`,
  ),
  6010: {
    title: 'The output cannot be written',
    means:
      'What the command prints goes into a file or a pipe that takes no more: the disk is full. What it has printed is not whole.',
    wrong: { kind: 'command', command: `inspect ${PLAN} > /dev/full`, ownProcess: true },
    right: { kind: 'command', command: `inspect ${PLAN}` },
  } satisfies Explanation,
  6011: commands(
    'A value that the option does not take',
    'The message says what it takes, and what was meant if it is near. `btc COMMAND --help` lists the options.',
    `run ${PLAN} --steps -1`,
    RUN,
  ),
  6012: commands(
    'No such option',
    'The message has the option that is nearest, or where they are listed.',
    `inspect ${PLAN} --wy`,
    `inspect ${PLAN} --all`,
  ),
  6013: commands(
    'An argument is missing',
    'The command works on something that has to be named.',
    'build',
    'build model.ts --noEmit',
  ),
  6014: commands(
    'No such command',
    'The message has the command that is nearest. `btc --help` lists all.',
    'buidl model.ts',
    'build model.ts --noEmit',
  ),
  6015: commands(
    'Too many arguments',
    'A text with spaces is one argument only in quotes.',
    `inspect ${PLAN} other.plan.json another.plan.json`,
    `inspect ${PLAN}`,
  ),
  6016: commands(
    'Options that exclude each other',
    'Each of them decides what is printed.',
    `inspect ${PLAN} --dot --json`,
    `inspect ${PLAN} --json`,
  ),
  6017: commands(
    'An option without its value',
    'The value follows the option, behind a space or =.',
    'build model.ts --outDir',
    'build model.ts --target wasm --outDir elsewhere',
  ),
  6018: commands(
    'An option that must be given',
    'The command cannot do without it.',
    'decompose out/model.safetensors --to low-rank --rank 1',
    'decompose out/model.safetensors --layer linear1 --to low-rank --rank 1 -o compact.safetensors --overwrite',
  ),
  6019: commands(
    'The command failed',
    'The sentence is the message of the part that failed: the runtime, a file, the device.',
    `${RUN} --input x=half`,
    `${RUN} --input x=1`,
  ),
  6020: commands(
    'No such input',
    'The inputs of the program are in the message. Those that are not given are random or have their default.',
    `${RUN} --input z=1`,
    `${RUN} --input x=1`,
  ),
  6021: commands(
    'A letter with two sizes',
    'Each letter of the equation has one size.',
    'path "ab,bc->ac" --sizes a=2,b=3,c=4,b=5',
    PATH,
  ),
  6022: {
    title: 'Another adapter than the plan is for',
    means:
      'A warning. Kernels and predicted times were chosen for another GPU. Results are right all the same; `btc profile` and `btc build --profile` make a plan for this one.',
    wrong: {
      kind: 'command',
      command: 'run out/model.webgpu.plan.json --steps 1 --classes 2',
      where: ADAPTER_IN_SOFTWARE,
    },
    right: {
      kind: 'command',
      command: 'build model.ts --target webgpu --noEmit --profile swiftshader',
    },
  } satisfies Explanation,
  6030: commands(
    'Not a trace of this plan',
    'A trace belongs to the plan that was run with `--trace`, and to no other: also not to one that was built anew since.',
    `inspect ${PLAN} --trace other.json`,
    `${RUN} --trace trace.json`,
    { 'other.json': '{}\n' },
  ),
  6031: commands(
    'Nothing to tune',
    '`btc tune` measures kernels on a GPU. Plans for WebAssembly have no ways to choose from.',
    `tune ${PLAN}`,
    'build model.ts --target webgpu --noEmit',
  ),
  6032: commands(
    'A model that is CommonJS',
    'Models are evaluated as ES modules, whatever they are called. Give the file the name that the message says, and write `import` and `export`.',
    'build net.cts --noEmit',
    'build net.mts --noEmit',
    { 'net.cts': SMALL_MODEL, 'net.mts': SMALL_MODEL },
  ),
  6034: commands(
    'An option that changes nothing',
    'A warning. The option is for another target than the plan is for, or for models where a plan was given. Leave it out, or name what it is for.',
    'build model.ts --target wasm --noEmit --tiles never',
    'build model.ts --target webgpu --noEmit --tiles never',
  ),
  6091: commands(
    'Not JSON',
    'Plans, profiles, limits and traces are JSON. The file is something else, or it is cut off.',
    'inspect cut.plan.json',
    `inspect ${PLAN}`,
    { 'cut.plan.json': '{ "format": "btc-plan",\n' },
  ),
  6092: commands(
    'A folder for a file, or a file for a folder',
    'A command that writes one file takes its name with `-o`. One that writes several takes a folder with `--outDir`, and names them after the model.',
    'build model.ts -o elsewhere',
    'build model.ts --target wasm --outDir elsewhere',
  ),
  6060: commands(
    'Not overwritten: a file of another kind',
    'A file of the name of an output is there already, and it is none of the kind that the command writes there: a page (`btc view`), a trace, a log or a picture (`btc run`), a trace or a snapshot (`btc inspect`). Name another file.',
    `view ${PLAN} -o notes.html`,
    `view ${PLAN} -o page.html`,
    { 'notes.html': '<p>Notes of the week</p>' },
  ),
  6061: {
    title: 'A plan that is too large to be shown',
    means:
      'The page shows plans of up to 200,000 tensors and as many steps. `btc inspect` has no such limit.',
    wrong: {
      kind: 'command',
      command: 'view large.plan.json',
      files: {
        'large.plan.json': {
          is: 'a plan of 260,411 tensors',
          bytes: () =>
            Buffer.from(JSON.stringify({ format: 'btc-plan', tensors: Array(260_411).fill({}) })),
        },
      },
    },
    right: { kind: 'command', command: `view ${PLAN} -o page.html` },
  } satisfies Explanation,
  6065: {
    title: 'No page at this port',
    means:
      'Something else listens at the port of `--port`, or the system keeps it to itself. Without `--port`, `btc build --watch --view` takes one that is free.',
    wrong: {
      kind: 'command',
      command: 'build model.ts --watch --view --port 8080',
      where: PORT_IN_USE,
    },
    right: { kind: 'command', command: 'build model.ts --target wasm --noEmit' },
  } satisfies Explanation,
  6090: commands(
    'No such message',
    'Messages have numbers of four digits. `btc explain` alone lists them.',
    'explain 2300',
    'explain 2003',
  ),
} as const;
