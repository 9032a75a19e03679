import type { Kernel } from '../../ir/kernel.ts';
import type { CodeModel } from '../codegen/code.ts';
import { kernelSignature } from '../codegen/signature.ts';
import type { KernelForm, KernelWork } from '../codegen/work.ts';
import type { DeviceProfile } from './profile.ts';
import { isMoving, workSeconds } from './seconds.ts';

/** Chooses the first variant there is. */
const PLAIN: CodeModel = { seconds: () => 1 };

/** What the code of benchmarks is chosen by: it is the same for all devices, so that its times tell rates. */
export function measuringModel(profile: DeviceProfile, form?: KernelForm): CodeModel {
  return form ? codeModel(profile, form) : PLAIN;
}

const models = new WeakMap<DeviceProfile, Map<KernelForm | null, CodeModel>>();

/** What choices between variants of kernels go by on a device; with a form, only variants of that form are taken where there are any. */
export function codeModel(
  profile: DeviceProfile,
  form: KernelForm | null | undefined = null,
): CodeModel {
  const known = models.get(profile) ?? new Map<KernelForm | null, CodeModel>();
  models.set(profile, known);
  let model = known.get(form ?? null);
  if (!model) {
    const tuned = new Map(profile.kernels?.map(({ signature, variant }) => [signature, variant]));
    model = {
      seconds: (kernel, work) => workSeconds(kernel, work, profile),
      // Code of one form is there to be measured: what tells rates of computing is not what moves less.
      ...(form
        ? { form }
        : { isMoving: (kernel: Kernel, work: KernelWork) => isMoving(kernel, work, profile) }),
      ...(tuned.size > 0
        ? { measured: (kernel: Kernel) => tuned.get(kernelSignature(kernel)) ?? null }
        : {}),
    };
    known.set(form ?? null, model);
  }
  return model;
}
