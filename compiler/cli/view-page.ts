import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { pageTitle, type ViewInput } from '../../view/data/viewed.ts';
import { PAGE_MARK } from './own-files.ts';

/** Where the built script of the page is, from this module and from the chunk that it is built into. */
const SCRIPT = new URL('../../view/page.js', import.meta.url);

/**
 * A page that shows plans: one file, with everything in it. Nothing but its own script runs: a policy names the script by its
 * hash and forbids all else, the network too. What is shown is base64 of gzip, which no name in a plan can end.
 */
export async function viewPage(input: ViewInput): Promise<string> {
  const packed = gzipSync(JSON.stringify(input), { level: 9 }).toString('base64');
  return pageOf({
    title: pageTitle(input),
    policy: '',
    root: '<div id="btc-view">This page shows a plan of btc. It needs a browser with scripts on, of 2023 or later.</div>',
    data: `<script type="application/octet-stream" id="btc-input">${packed}</script>\n`,
  });
}

/** The page of `btc build --view`: the same script, which asks its own server for what is built. */
export function livePage(): Promise<string> {
  return pageOf({
    title: pageTitle({ plans: [] }),
    policy: " connect-src 'self';",
    root: '<div id="btc-view" data-live="yes">This page shows what btc builds. It needs a browser with scripts on, of 2023 or later.</div>',
    data: '',
  });
}

async function pageOf({
  title,
  policy,
  root,
  data,
}: Readonly<Record<'title' | 'policy' | 'root' | 'data', string>>): Promise<string> {
  // Within a string or a regular expression, where alone it can stand, the other spelling means the same.
  const script = (await readFile(SCRIPT, 'utf8')).replace(/<(?=\/script|!--)/gi, '\\x3c');
  const hash = createHash('sha256').update(script).digest('base64');
  return `${PAGE_MARK}
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-${hash}';${policy} base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
</head>
<body>
${root}
${data}<script>${script}</script>
</body>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

const escaped = (text: string) => text.replace(/[&<>]/g, (character) => ENTITIES[character]);
