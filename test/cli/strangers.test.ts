import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guarded, sequence, visibleLength } from '../../compiler/cli/terminal.ts';
import { BARE_FILE_NAME, bareFileName, isBareFileName } from '../../ir/file-name.ts';
import type { Plan } from '../../ir/plan.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import { CONTROL_CLASS, isPrintable, printable } from '../../ir/printable.ts';
import { encodeSafetensors } from '../../ir/safetensors.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

// Files of strangers on the command line.

const WASM = 'out/model.wasm.plan.json';
let project: Project;
let plan: Plan;
const path = (name: string) => join(project.folder, name);
beforeAll(() => {
  project = createProject();
  project.write('model.ts', SMALL_MODEL);
  expect(project.btc('build', 'model.ts').code).toBe(0);
  plan = JSON.parse(readFileSync(path(WASM), 'utf8'));
});
afterAll(() => project.remove());

// Colours, the title, the clipboard, 8-bit controls, a false line, hidden text, the direction of writing.
const HOSTILE = [
  '\u001b[31mred',
  '\u001b]0;title\u0007',
  '\u001b]52;c;eA==\u0007',
  '\u009b31mred',
  'a\r\nerror BTC0000: all is lost',
  'back\b\b\b\b',
  '\u202egnp.exe',
  '\u2066x',
  'a\u2028b',
  'nul\0',
  'del\u007f',
];
/** Everything that a terminal obeys, but for line breaks and tabs. */
const OBEYED = new RegExp(`(?![\\n\\t])[${CONTROL_CLASS}]`, 'u');

describe('control characters', () => {
  test('never reach a terminal, wherever a plan has them', () => {
    for (const text of HOSTILE)
      for (const tamper of [
        { ...plan, name: text },
        { ...plan, producer: text },
        { ...plan, tensors: plan.tensors.map((t, k) => (k === 0 ? { ...t, name: text } : t)) },
        { ...plan, kernels: plan.kernels.map((t, k) => (k === 0 ? { ...t, name: text } : t)) },
        { ...plan, programs: { ...plan.programs, [text]: plan.programs['train'] } },
        { ...plan, [text]: 1 },
        { ...plan, module: { ...plan.module!, file: text } },
      ]) {
        const errors = verifyPlan(tamper as Plan);
        expect(errors.length).toBeGreaterThan(0);
        expect(errors.join('')).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      }
  });

  test('of other files, arguments and messages leave as text', () => {
    project.write('plan.json', JSON.stringify({ ...plan, [HOSTILE[0]]: 1, [HOSTILE[3]]: 2 }));
    const names = HOSTILE.slice(0, 4).map((name) => `${name}.weight`);
    const tensor = { dtype: 'f32', shape: [2], data: new Float32Array(2) } as const;
    const file = encodeSafetensors(names.map((name) => [name, tensor]));
    writeFileSync(path('w.safetensors'), file);
    const hostile = `${HOSTILE[0]}${HOSTILE[6]}`;
    for (const args of [
      ['inspect', 'plan.json'],
      ['verify', 'plan.json'],
      ['inspect', hostile],
      ['run', WASM, '--program', hostile],
      ['run', WASM, '--input', `${hostile}=1`],
      ['inspect', WASM, '--why', hostile],
      ['decompose', 'w.safetensors', '--layer', 'x', '--to', 'cp', '--rank', '1'],
      ['decompose', 'w.safetensors', '--layer', hostile, '--to', 'cp', '--rank', '1'],
      ['path', `ab,${hostile}->a`, '--sizes', 'a=1'],
      [hostile],
    ]) {
      const { code, stdout, stderr } = project.btc(...args);
      expect(code, args.join()).toBe(1);
      expect(stdout + stderr).toMatch(/\S/);
      expect(stdout + stderr).not.toMatch(OBEYED);
    }
  });

  test('are written as JSON writes them, and no name passes for a sequence of btc’s own', () => {
    for (const text of HOSTILE) {
      expect(isPrintable(text)).toBe(false);
      expect(isPrintable(printable(text))).toBe(true);
      expect(JSON.parse(`"${printable(text)}"`)).toBe(text);
    }
    expect(guarded(`${sequence('[1m')}bold\u001b[0m\n`)).toBe('\u001b[1mbold\\u001b[0m\n');
    expect(visibleLength(`${sequence('[1m')}bold${sequence('[22m')}`)).toBe(4);
    for (const plain of ['naïve', '日本語', '😀👩‍👩‍👧', 'שלום', 'a\\u001b']) {
      expect(printable(plain)).toBe(plain);
    }
  });
});

describe('the name of a module', () => {
  const strange = [
    ...['/dev/zero', '../model.wasm', '..', '.', '', 'a/b.wasm', 'a\\b.wasm', 'C:x.wasm', 'C:\\x'],
    ...[
      'http://host/x.wasm',
      'data:application/wasm,',
      'file:x',
      '%2e%2e%2fx',
      'x%00',
      '.. ',
      '...',
    ],
    ...['x\0.wasm', 'x\n.wasm', '\u202egnp.wasm', 'x'.repeat(256)],
  ];
  test.each(strange)('%j leads elsewhere and is refused', (file) => {
    expect(isBareFileName(file)).toBe(false);
    expect(isBareFileName(bareFileName(`${file}.wasm`))).toBe(true);
    const errors = verifyPlan({ ...plan, module: { ...plan.module!, file } });
    expect(errors[0]).toMatch(/^module\.file: must be the name of a file, without a folder/);
  });

  test('is any other', () => {
    for (const file of ['model.wasm', 'a b#c?.wasm', '日本.wasm', '.hidden.wasm', 'a..b.wasm'])
      expect(verifyPlan({ ...plan, module: { ...plan.module!, file } })).toEqual([]);
  });

  test('is the same to the schema', () => {
    const schema = JSON.parse(
      readFileSync(new URL('../../ir/plan.schema.json', import.meta.url), 'utf8'),
    );
    expect(schema.definitions.WasmModule.properties.file.pattern).toBe(BARE_FILE_NAME);
    expect(schema.definitions.name.pattern).toBe(`^[^${CONTROL_CLASS}]*$`);
  });
});

describe('files that never end', () => {
  test('are refused, not waited for', () => {
    execFileSync('mkfifo', [path('pipe'), path('pipe.safetensors')]);
    for (const file of ['/dev/zero', path('pipe'), project.folder]) {
      for (const command of ['inspect', 'run', 'verify']) {
        const { code, stderr } = project.btc(command, file);
        expect([code, stderr]).toEqual([
          1,
          `error BTC5002: '${file}' cannot be read: it is a ${file === project.folder ? 'folder' : 'pipe or a device, not a file'}\n`,
        ]);
      }
    }
    const input = project.btc('run', WASM, '--input', `x=${path('pipe.safetensors')}`);
    expect(input.stderr).toMatch(/it is a pipe or a device/);
    execFileSync('cp', [path(WASM), path('device.wasm.plan.json')]);
    execFileSync('ln', ['-s', '/dev/zero', path('device.wasm')]);
    const { code, stderr } = project.btc('run', 'device.wasm.plan.json');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/it is a pipe or a device/)]);
  });
});

test('btc run refuses what takes more than it is told', () => {
  const { deviceBytes } = plan.memory;
  const run = (...args: string[]) =>
    project.btc('run', WASM, '--steps', '1', '--classes', '2', ...args);
  expect(run('--max-device-bytes', String(deviceBytes), '--max-host-bytes', '0').code).toBe(0);
  const { code, stderr } = run('--max-device-bytes', String(deviceBytes - 1));
  expect([code, stderr]).toEqual([1, expect.stringContaining(`takes ${deviceBytes} bytes`)]);
});

describe('btc verify', () => {
  test('proves a build', () => {
    for (const target of ['wasm', 'webgpu']) {
      const { code, stdout } = project.btc('verify', `out/model.${target}.plan.json`);
      expect([code, stdout]).toEqual([0, expect.stringMatching(/: proved\n/)]);
    }
    const data = JSON.parse(project.btc('verify', WASM, '--json').stdout);
    expect(data).toEqual({ file: WASM, proved: true, findings: [] });
  });

  test('tells what it finds, a line each', () => {
    const kernels = plan.kernels.map((kernel) => ({ ...kernel, text: 'kernel x {' }));
    project.write('bad.wasm.plan.json', JSON.stringify({ ...plan, kernels }));
    const { code, stdout, stderr } = project.btc('verify', 'bad.wasm.plan.json');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^error BTC5030: 'bad\.wasm\.plan\.json' is not what it says: kernels\[0\]\.text: /,
    );
    const data = JSON.parse(project.btc('verify', 'bad.wasm.plan.json', '--json').stdout);
    expect(data.proved).toBe(false);
    expect(data.findings[0].path).toBe('kernels[0].text');
  });

  test('compares the module', () => {
    const bytes = readFileSync(path('out/model.wasm'));
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(path('other.wasm'), bytes);
    const { code, stderr } = project.btc('verify', WASM, '--module', 'other.wasm');
    expect([code, stderr]).toEqual([1, expect.stringContaining('module.file: ')]);
    const missing = project.btc('verify', WASM, '--module', 'missing.wasm');
    expect(missing.stderr).toBe("error BTC6003: 'missing.wasm' does not exist\n");
  });
});
