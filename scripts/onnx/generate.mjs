// Makes compiler/interchange/onnx/schema/onnx_pb.ts of onnx.proto (Apache-2.0, of Debian's libonnx-dev: /usr/include/onnx/onnx.proto):
// npm install --prefix scripts/onnx && node scripts/onnx/generate.mjs PATH/TO/onnx.proto && npm run format. The comments of the file are left out.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const own = fileURLToPath(new URL('.', import.meta.url));
const target = fileURLToPath(
  new URL('../../compiler/interchange/onnx/schema/onnx_pb.ts', import.meta.url),
);
const [proto] = process.argv.slice(2);
if (!proto) throw new Error('name the file: node scripts/onnx/generate.mjs PATH/TO/onnx.proto');

const folder = mkdtempSync(join(tmpdir(), 'onnx-schema-'));
const bin = join(own, 'node_modules', '.bin');
try {
  cpSync(proto, join(folder, 'onnx.proto'));
  const plugin = { local: join(bin, 'protoc-gen-es'), out: '.', opt: 'target=ts' };
  writeFileSync(join(folder, 'buf.gen.yaml'), JSON.stringify({ version: 'v2', plugins: [plugin] }));
  execFileSync(join(bin, 'buf'), ['generate', '.'], { cwd: folder, stdio: 'inherit' });
  const made = readFileSync(join(folder, 'onnx_pb.ts'), 'utf8');
  // All that is said of a field stands in onnx.proto.
  const bare = made.replace(/^ *\/\*\*\n(?: *\*.*\n)*? *\*\/\n/gm, '').replace(/\n{3,}/g, '\n\n');
  const notice =
    '// The schema of ONNX, of the ONNX Project contributors. SPDX-License-Identifier: Apache-2.0\n';
  writeFileSync(target, notice + bare);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
