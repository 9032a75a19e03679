import type { Plan } from '../../ir/plan.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { formatAmount, formatBytes } from '../format.ts';
import { type Finding, verifyCode } from '../verify/index.ts';
import { unreadable } from './file-reason.ts';
import { idleVerifyOptions } from './idle-options.ts';
import { readPlanFile } from './plan-file.ts';
import { readRegularFile } from './read-file.ts';
import { formatPlain, fromBtc } from './report.ts';
import { findModule } from './run-session.ts';
import { style } from './style.ts';

export interface VerifyCommandOptions {
  /** The file of the module, where it is not beside the plan. */
  readonly module?: string;
  readonly json?: boolean;
}

/** `btc verify PLAN`. Exit code 1 where anything is not proved. */
export async function verifyCommand(file: string, options: VerifyCommandOptions): Promise<number> {
  const read = await readPlanFile(file);
  if ('diagnostic' in read) return refuse(file, options, [], read.diagnostic);
  const { plan } = read;
  const module = TARGET_RULES[plan.target].hasModule
    ? await readModuleFile(file, plan, options)
    : null;
  if (module && 'code' in module) return refuse(file, options, [], module);
  for (const warning of idleVerifyOptions(options, file, plan))
    console.error(formatPlain(fromBtc(warning)));
  const findings = await verifyCode(plan, module);
  if (findings.length > 0) return refuse(file, options, findings);
  if (options.json) console.log(JSON.stringify({ file, proved: true, findings }, null, 2));
  else process.stdout.write(formatProof(file, plan, module));
  return 0;
}

function refuse(
  file: string,
  { json }: VerifyCommandOptions,
  findings: readonly Finding[],
  problem?: Diagnostic,
): number {
  const problems = problem
    ? [problem]
    : findings.map((finding) => diagnostic(5030, null, { file, ...finding }));
  if (json) {
    const { code, message } = problems[0];
    const all = problem ? [{ path: '', reason: `${code}: ${message}` }] : findings;
    console.log(JSON.stringify({ file, proved: false, findings: all }, null, 2));
  } else for (const each of problems) console.error(formatPlain(fromBtc(each)));
  return 1;
}

/** The module of the plan; null where none lies beside it. */
async function readModuleFile(
  file: string,
  plan: Plan,
  { module: given }: VerifyCommandOptions,
): Promise<Uint8Array | Diagnostic | null> {
  try {
    return given === undefined ? await findModule(file, plan) : await readRegularFile(given);
  } catch (error) {
    return unreadable(given ?? plan.module!.file, error);
  }
}

function formatProof(file: string, plan: Plan, module: Uint8Array | null): string {
  const { deviceBytes, hostBytes, spillBytes } = plan.memory;
  const steps = Object.values(plan.programs).reduce(
    (sum, program) => sum + program.steps.length,
    0,
  );
  const lines = [
    `${style.bold(file)}: ${style.bold('proved')}`,
    `  memory: no two values share bytes while both are needed, nothing is read before it is written; ${formatBytes(deviceBytes)} on the device, ${formatBytes(hostBytes)} on the host, ${formatBytes(spillBytes)} in a spill file`,
    `  code: ${formatAmount(plan.kernels.length, 'kernel')} and ${formatAmount(steps, 'step')} touch nothing but their bindings and end, and their code is what the compiler makes of their texts`,
    ...(TARGET_RULES[plan.target].hasModule && !module
      ? [`  the module is not here: the one with SHA-256 ${plan.module!.sha256} is what was proved`]
      : []),
  ];
  return `${lines.join('\n')}\n`;
}
