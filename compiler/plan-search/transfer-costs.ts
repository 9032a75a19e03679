/** Times and rates of copies between the device and the host. */
export interface TransferCosts {
  readonly deviceToHostBytesPerSecond: number;
  readonly hostToDeviceBytesPerSecond: number;
  /** Fixed cost of one transfer, in seconds. */
  readonly transferSeconds: number;
  /** 0 … 1: the part of a transfer that can hide behind computation. */
  readonly overlap: number;
}

export function transferTime(costs: TransferCosts, kind: 'out' | 'in', bytes: number): number {
  const rate = kind === 'out' ? costs.deviceToHostBytesPerSecond : costs.hostToDeviceBytesPerSecond;
  return costs.transferSeconds + bytes / rate;
}
