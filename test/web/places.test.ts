import { createSourceFile, ScriptTarget } from 'typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as language from '../../compiler/language.ts';
import { placesOf } from '../../compiler/load/call-starts.ts';
import { CASES } from '../frontend/diagnostic-cases.ts';
import { markedPlaces } from '../support/compile-text.ts';
import { compileInPage, openWebPage, type WebPage } from '../support/web-page.ts';

let web: WebPage;

beforeAll(async () => {
  web = await openWebPage();
});
afterAll(() => web?.close());

const IMPORTS = `import { ${Object.keys(language).join(', ')} } from 'btc-compiler';\n`;
const EXPORT = 'export default ';

/** What a file of another kind exports is told before, and what stands nowhere has no place. */
const OTHERWISE = ['1021'];
/** What is written out in calls is judged before the model runs. */
const BY_TYPES = 'BTC5209';

/** Where `btc build` says that a text's first mark is, in the file that exports it: calls are at the start of their expression. */
function placeIn(text: string, source: string): string | null {
  const [marked] = markedPlaces(text);
  if (!marked) return null;
  const file = createSourceFile('model.ts', source, ScriptTarget.ESNext, true);
  const column = marked.line === 1 ? marked.column + EXPORT.length : marked.column;
  const offset = file.getPositionOfLineAndCharacter(marked.line, column - 1);
  const start = new Map(placesOf(file).callStarts).get(offset) ?? offset;
  const { line, character } = file.getLineAndCharacterOfPosition(start);
  return `${line + 1}:${character + 1}`;
}

test.each(Object.entries(CASES).filter(([number]) => !OTHERWISE.includes(number)))(
  'BTC%s is at the same expression in a page as in btc build',
  async (number, { text, options }) => {
    const source = `${IMPORTS}${EXPORT}${text.replaceAll('▸', '')};\n`;
    const { target = 'webgpu', ...rest } = options ?? {};
    const given = { ...rest, targets: [target] };
    const { diagnostics } = await compileInPage(web.page, source, given);
    const places = diagnostics.map(({ code, source }) => ({
      code,
      place: source && `${source.line}:${source.column}`,
    }));
    const place = placeIn(text, source);
    if (places.length === 1 && places[0].code === BY_TYPES)
      expect(places[0].place?.split(':')[0]).toBe(place?.split(':')[0]);
    else expect(places).toEqual([{ code: `BTC${number}`, place }]);
  },
);
