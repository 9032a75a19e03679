#!/usr/bin/env node
// npm create btc-compiler [folder] -- --template node|vite|worker
import { relative } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import {
  CreateError,
  create,
  folderProblem,
  TEMPLATES,
  templateProblem,
  VERSION,
} from './create.mjs';

const HELP = `npm create btc-compiler [folder] -- [options]

Options
  --template <name>   ${Object.keys(TEMPLATES).join(', ')}
  --name <name>       of the package (default: made of the name of the folder)
  --package <source>  of btc-compiler, as npm takes it (default: ^${VERSION})
  --version, --help

Templates
${Object.entries(TEMPLATES)
  .map(([name, text]) => `  ${name.padEnd(8)} ${text}`)
  .join('\n')}
`;

const OPTIONS = {
  template: { type: 'string' },
  name: { type: 'string' },
  package: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
};

function readArguments() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    const option = /^Unknown option '([^']*)'/.exec(error.message)?.[1];
    const problem = option === undefined ? error.message : `there is no option '${option}'`;
    throw new CreateError(`${problem}; --help lists the options`);
  }
}

const LIST = Object.entries(TEMPLATES)
  .map(([name, text], k) => `  ${k + 1}. ${name.padEnd(8)} ${text}`)
  .join('\n');

/** Asks for what was not given, where somebody can answer. */
async function complete({ folder, template }) {
  if (folder !== undefined && template !== undefined) return { folder, template };
  if (!process.stdin.isTTY)
    throw new CreateError(
      folder === undefined
        ? 'name a folder, as in: npm create btc-compiler my-app -- --template node'
        : `give --template, one of ${Object.keys(TEMPLATES).join(', ')}`,
    );
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  const ask = async (question, fallback, problemOf) => {
    for (;;) {
      const answer = (await prompt.question(question)).trim() || fallback;
      const problem = problemOf(answer);
      if (problem === null) return answer;
      console.error(problem);
    }
  };
  try {
    const place = folder ?? (await ask('Folder (btc-app): ', 'btc-app', folderProblem));
    if (template !== undefined) return { folder: place, template };
    const named = (answer) => Object.keys(TEMPLATES)[Number(answer) - 1] ?? answer;
    const chosen = await ask(`${LIST}\nTemplate (1): `, '1', (answer) =>
      templateProblem(named(answer)),
    );
    return { folder: place, template: named(chosen) };
  } finally {
    prompt.close();
  }
}

try {
  const { values, positionals } = readArguments();
  if (positionals.length > 1)
    throw new CreateError(`one folder is made at a time, not ${positionals.join(' and ')}`);
  if (values.help) process.stdout.write(HELP);
  else if (values.version) console.log(VERSION);
  else {
    const asked = await complete({ folder: positionals[0], template: values.template });
    const { folder, files } = create({ ...asked, name: values.name, source: values.package });
    const place = relative('.', folder);
    console.log(`Made ${asked.template} in ${place || 'this folder'}: ${files.join(', ')}\n`);
    const quoted = /[^\w./~-]/.test(place) ? `"${place}"` : place;
    console.log(`${place ? `  cd ${quoted}\n` : ''}  npm install\n  npm start`);
  }
} catch (error) {
  // Ctrl-C at a question: nothing is made.
  if (error.code === 'ABORT_ERR') process.exit(130);
  if (!(error instanceof CreateError)) throw error;
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
