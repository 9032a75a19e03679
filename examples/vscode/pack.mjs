// Packs the extension: node pack.mjs [FILE]; without a name it is out/btc.vsix. A .vsix is a zip of the extension with two files that say
// what is in it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { strToU8, zipSync } from 'fflate';
import { rolldown } from 'rolldown';
import { licences } from '../../scripts/licences.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
const file = resolve(process.argv[2] ?? join(folder, 'out/btc.vsix'));
const {
  devDependencies: _,
  private: __,
  type: ___,
  ...manifest
} = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

const bundle = await rolldown({
  input: join(folder, 'client.cjs'),
  platform: 'node',
  external: ['vscode', /^node:/],
});
const { output } = await bundle.generate({ format: 'cjs', minify: true });
await bundle.close();

const xml = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

const CONTENT_TYPES = `<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
${['json', 'js', 'md', 'txt', 'vsixmanifest']
  .map((name) => `<Default Extension=".${name}" ContentType="text/plain"/>`)
  .join('\n')}
</Types>
`;

const VSIX = `<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
<Metadata>
<Identity Language="en-US" Id="${xml(manifest.name)}" Version="${xml(manifest.version)}" Publisher="${xml(manifest.publisher)}"/>
<DisplayName>${xml(manifest.displayName)}</DisplayName>
<Description xml:space="preserve">${xml(manifest.description)}</Description>
<Categories>${xml(manifest.categories.join(','))}</Categories>
<Properties>
<Property Id="Microsoft.VisualStudio.Code.Engine" Value="${xml(manifest.engines.vscode)}"/>
<Property Id="Microsoft.VisualStudio.Code.ExtensionKind" Value="workspace"/>
</Properties>
<License>extension/LICENSE.txt</License>
</Metadata>
<Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
<Dependencies/>
<Assets>
<Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/>
<Asset Type="Microsoft.VisualStudio.Services.Content.Details" Path="extension/README.md" Addressable="true"/>
</Assets>
</PackageManifest>
`;

const own = readFileSync(join(folder, '../../LICENSE'), 'utf8').trim();
const others = licences(Object.keys(output[0].modules));
const zip = zipSync({
  '[Content_Types].xml': strToU8(CONTENT_TYPES),
  'extension.vsixmanifest': strToU8(VSIX),
  'extension/package.json': strToU8(JSON.stringify(manifest, null, 2)),
  'extension/extension.js': strToU8(output[0].code),
  'extension/README.md': readFileSync(join(folder, 'README.md')),
  'extension/LICENSE.txt': strToU8(`${own}\n\n${'-'.repeat(80)}\n\n${others}`),
});
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, zip);
console.log(`${file}: ${Math.round(zip.length / 1024)} kB`);
