import pc from 'picocolors';
import { sequence } from './terminal.ts';

const { FORCE_COLOR, NO_COLOR, TERM } = process.env;
const onTerminal = process.stdout.isTTY === true && TERM !== 'dumb';
const isWanted = FORCE_COLOR ? !['0', 'false'].includes(FORCE_COLOR) : onTerminal;
const colours = pc.createColors(!NO_COLOR && isWanted);

const STYLES = ['bold', 'dim', 'inverse', 'cyan', 'gray', 'red', 'yellow', 'blue'] as const;

/** Colours where a person reads along; a pipe or a log file gets plain text, on CI as well (where picocolors would colour). */
export const style = Object.fromEntries(
  STYLES.map((name) => [name, styled(colours[name])]),
) as Readonly<Record<(typeof STYLES)[number], (text: string) => string>>;

/** A style by sequences that the guard of the output knows as btc's own. Where the text ends the style, it begins again. */
function styled(format: (text: string) => string): (text: string) => string {
  const [open, close] = format(' ')
    .split(' ')
    .map((codes) => codes && sequence(codes.slice(1)));
  if (!close) return (text) => text;
  return (text) => open + text.replaceAll(close, close + open) + close;
}
