// How names of a file stand in a module.

/** Whether a name of the file can be a variable. */
export const isIdentifier = (name: string) =>
  /^[A-Za-z_$][\w$]*$/.test(name) && !RESERVED.has(name);
export const quoted = (text: string) =>
  `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
/** As the key of an object. */
export const keyOf = (name: string) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name));

/** Words that no variable can be. */
export const RESERVED = new Set(
  `arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for
  function if implements import in instanceof interface let new null package private protected public return static super switch
  this throw true try typeof var void while with yield Infinity NaN undefined Math inputs`.split(
    /\s+/,
  ),
);
