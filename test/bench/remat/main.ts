import { rematCommand } from './command.ts';

// The planner on a graph out of a file: npm run remat -- GRAPH.json --budget 0.5

process.exitCode = await rematCommand(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  error: (text) => process.stderr.write(text),
});
