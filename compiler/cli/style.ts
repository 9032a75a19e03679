import pc from 'picocolors';

const { FORCE_COLOR, NO_COLOR, TERM } = process.env;
const onTerminal = process.stdout.isTTY === true && TERM !== 'dumb';

/** Colours where a person reads along; a pipe or a log file gets plain text, on CI as well (where picocolors would colour). */
export const style = pc.createColors(!NO_COLOR && (Boolean(FORCE_COLOR) || onTerminal));
