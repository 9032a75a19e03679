import { RuntimeError } from './errors.ts';

/** Whether the device is lost. */
export class DeviceLoss {
  #reason: string | null = null;
  readonly #advice: string;

  constructor(device: GPUDevice, hasSnapshots: boolean) {
    this.#advice = hasSnapshots
      ? 'load the plan on a new device with what saveCheckpoint gives, the state after the last finished run'
      : "load the plan on a new device and restore a checkpoint (with the option 'snapshots' saveCheckpoint still gives one)";
    void device.lost.then(({ message, reason }) => {
      this.#reason = message || reason;
    });
  }

  check(): void {
    if (this.#reason === null) return;
    throw new RuntimeError(
      'device-lost',
      `the GPU device was lost (${this.#reason}); ${this.#advice}`,
    );
  }

  /** Lets `device.lost` be seen before the errors that a loss causes are reported as something else. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.check();
  }
}
