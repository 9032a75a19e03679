import type { Command } from 'commander';
import { note } from './options.ts';

const SETTINGS = [
  `Settings, as initializationOptions or under 'btc' in the editor's configuration:
  inlayHints.shapes  show the shapes of tensors in the text (default: false)
  timeLimit          seconds that a model may run (default: 10)`,
  `The server runs the models that are open: let it serve only code that you would build.`,
];

export function declareLsp(program: Command): void {
  program
    .command('lsp')
    .description('serve an editor: diagnostics, shapes and bytes while a model is typed')
    .option('--stdio', 'over standard input and output, which is the default')
    .option('--clientProcessId <id>', 'end when this process has ended')
    .addHelpText('after', note(...SETTINGS))
    .action(async () => {
      const { lspCommand } = await import('../lsp.ts');
      lspCommand();
    });
}
