import type { Kernel } from '../../ir/kernel.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import { parseKernel, printKernel } from '../../ir/kernel-text.ts';
import { verifyKernel } from '../../ir/kernel-verify.ts';
import type { Plan, PlanKernel } from '../../ir/plan.ts';
import { printable } from '../../ir/printable.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { type GeneratedCode, sha256 } from '../codegen/code.ts';
import { planBindings, planSpans } from '../codegen/plan.ts';
import { TARGETS } from '../targets/index.ts';
import { PRODUCER } from '../version.ts';

// What `verifyPlan` takes on trust is the code. A plan also holds the text of each kernel, of which everything can be proved:
// that it stays within its bindings, that it reads and writes as declared, and, since all its loops have constant bounds, that it
// ends. Here the text is proved, and the code generated from it once more: code that is the same has what the text has.

/** What is not as it should be: a field of the plan, and a sentence. */
export interface Finding {
  readonly path: string;
  readonly reason: string;
}

type Report = (path: string, reason: string) => void;

/**
 * What is wrong with the code of a plan that `verifyPlan` accepts; empty where it does exactly what the texts of its kernels say.
 * `module`: on wasm the bytes beside the plan; without them the plan's own SHA-256 stands for them. Never throws, whatever the
 * texts are.
 */
export async function verifyCode(plan: Plan, module: Uint8Array | null): Promise<Finding[]> {
  const { findings, report } = reporting();
  const kernels = plan.kernels.map((kernel, i) => verifiedKernel(kernel, `kernels[${i}]`, report));
  const sound = kernels.filter((kernel) => kernel !== null);
  verifyCosts(plan, kernels, report);
  // All kernels are one module.
  if (TARGET_RULES[plan.target].hasModule && sound.length < kernels.length)
    report('module', 'cannot be compared: it holds kernels whose texts are not valid');
  else await verifyGenerated(plan, kernels, module, report);
  return findings;
}

/** What is wrong with the texts of a plan's kernels; empty where each is a kernel and agrees with the plan. Never throws. */
export function verifyTexts({ kernels }: Plan): Finding[] {
  const { findings, report } = reporting();
  kernels.forEach((kernel, i) => {
    verifiedKernel(kernel, `kernels[${i}]`, report);
  });
  return findings;
}

function reporting() {
  const findings: Finding[] = [];
  const report: Report = (path, reason) => {
    findings.push({ path: printable(path), reason: printable(reason) });
  };
  return { findings, report };
}

/** The kernel of a text that is valid and agrees with the plan. */
function verifiedKernel(planned: PlanKernel, path: string, report: Report): Kernel | null {
  let kernel: Kernel;
  try {
    kernel = parseKernel(planned.text);
    if (printKernel(kernel) !== planned.text) {
      report(`${path}.text`, 'is not in the form that the compiler writes');
      return null;
    }
    const problems = verifyKernel(kernel);
    for (const problem of problems) report(`${path}.text`, problem);
    if (problems.length > 0) return null;
  } catch (error) {
    report(`${path}.text`, `is not a kernel: ${error instanceof Error ? error.message : error}`);
    return null;
  }
  if (kernel.name !== planned.name)
    report(`${path}.name`, `'${planned.name}', but the text is of '${kernel.name}'`);
  const [said, true_] = [planned.bindings, planBindings(kernel)].map((bindings) =>
    bindings.map(({ dtype, access, bytes }) => `${access} ${dtype} ${bytes}`),
  );
  if (said.length !== true_.length)
    report(`${path}.bindings`, `${said.length}, but the text has ${true_.length} buffers`);
  else
    true_.forEach((binding, b) => {
      if (said[b] !== binding)
        report(`${path}.bindings[${b}]`, `'${said[b]}', but the text has '${binding}'`);
    });
  if (JSON.stringify(planned.spans) !== JSON.stringify(planSpans(kernel).spans))
    report(`${path}.spans`, 'are not those of the text');
  return kernel;
}

/** Operations and bytes of steps are those of their kernels. */
function verifyCosts(plan: Plan, kernels: readonly (Kernel | null)[], report: Report): void {
  const costs = kernels.map((kernel) => kernel && kernelCost(kernel));
  for (const [name, { steps }] of Object.entries(plan.programs))
    steps.forEach(({ kernel, flops, bytesMoved, parts }, s) => {
      const cost = costs[kernel];
      if (!cost) return;
      const path = `programs.${name}.steps[${s}]`;
      const made = kernels[kernel]?.parts?.map((part) => kernelCost(part.kernel));
      if (parts?.length !== made?.length)
        report(`${path}.parts`, `${parts?.length ?? 0}, but its kernel has ${made?.length ?? 0}`);
      else
        parts?.forEach((part, p) => {
          if (part.flops !== made![p].flops || part.bytesMoved !== made![p].bytes)
            report(`${path}.parts[${p}]`, 'costs something else than that part of its kernel');
        });
      if (flops !== cost.flops)
        report(`${path}.flops`, `${flops}, but its kernel does ${cost.flops}`);
      if (bytesMoved !== cost.bytes)
        report(`${path}.bytesMoved`, `${bytesMoved}, but its kernel moves ${cost.bytes}`);
    });
}

/** Code and grids are what the compiler generates from the texts. */
async function verifyGenerated(
  plan: Plan,
  kernels: readonly (Kernel | null)[],
  module: Uint8Array | null,
  report: Report,
): Promise<void> {
  const other =
    plan.producer === PRODUCER
      ? ''
      : ` (it was written by ${plan.producer}, this is ${PRODUCER}; verify it with that)`;
  const generate = async (
    given: readonly Kernel[],
    path: string,
    variants: readonly string[] = [],
  ): Promise<GeneratedCode | null> => {
    try {
      const { target, limits = TARGETS[plan.target].limits, slabs } = plan;
      const slabBytes = slabs.reduce((sum, { bytes }) => sum + bytes, 0);
      return await TARGETS[target].emit(given, { limits, slabBytes, variants });
    } catch (error) {
      report(path, `no code can be generated: ${error instanceof Error ? error.message : error}`);
      return null;
    }
  };
  const differs = (path: string) => report(path, `is not the code of the kernel's text${other}`);
  const grids: (string | null)[] = kernels.map(() => null);
  if (TARGET_RULES[plan.target].hasModule) {
    const code = await generate(kernels as Kernel[], 'module');
    if (!code) return;
    code.emitted.forEach((emitted, k) => {
      grids[k] = emitted.grid.join();
      if ((emitted.parts ?? 1) !== (plan.kernels[k].parts ?? 1)) differs(`kernels[${k}].parts`);
      if (emitted.export !== plan.kernels[k].export)
        report(
          `kernels[${k}].export`,
          `'${plan.kernels[k].export}', but it is '${emitted.export}'`,
        );
    });
    await verifyModule(plan, code, module, differs, report);
  } else
    for (const [k, kernel] of kernels.entries()) {
      const code =
        kernel &&
        (await generate([kernel], `kernels[${k}].variant`, [plan.kernels[k].variant ?? '']));
      if (!code) continue;
      grids[k] = code.emitted[0].grid.join();
      if (code.emitted[0].wgsl !== plan.kernels[k].wgsl) differs(`kernels[${k}].wgsl`);
    }
  for (const [name, { steps }] of Object.entries(plan.programs))
    steps.forEach(({ kernel, grid }, s) => {
      const wanted = grids[kernel];
      if (wanted !== null && wanted !== grid.join())
        report(
          `programs.${name}.steps[${s}].grid`,
          `[${grid}], but its kernel runs on [${wanted}]`,
        );
    });
}

async function verifyModule(
  { module: said }: Plan,
  { module: true_, binary }: GeneratedCode,
  beside: Uint8Array | null,
  differs: (path: string) => void,
  report: Report,
): Promise<void> {
  if (said?.sha256 !== true_?.sha256 || said?.bytes !== true_?.bytes) differs('module');
  if (beside && binary && (await sha256(beside)) !== true_?.sha256)
    report(
      'module.file',
      'the file beside the plan is not the module that the texts of its kernels give',
    );
}
