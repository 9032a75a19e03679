// While something is under way on its device, the `webgpu` package polls by `setImmediate`, each time with a new function. On a
// software GPU that keeps a processor from the threads that compute. The first polls of a wait stay as they are, for most waits
// are short; from then on they are a millisecond apart.

const QUICK_POLLS = 30;

type Immediate = typeof setImmediate & { readonly isPatient?: true };

/** Whether a function is of a native module: what scripts and Node itself schedule has a text or a name. */
const isNative = (callback: unknown) =>
  typeof callback === 'function' &&
  callback.name === '' &&
  Function.prototype.toString.call(callback).includes('[native code]');

const immediate: Immediate = globalThis.setImmediate;

if (!immediate.isPatient) {
  let polls = 0;
  let isPolling = false;
  const patient = (callback: (...given: unknown[]) => void, ...given: unknown[]) => {
    if (!isNative(callback)) return immediate(callback, ...given);
    // A poll asks for the next one; what else asks for one begins to wait.
    polls = isPolling ? polls + 1 : 0;
    const poll = () => {
      isPolling = true;
      try {
        callback(...given);
      } finally {
        isPolling = false;
      }
    };
    return polls < QUICK_POLLS ? immediate(poll) : setTimeout(poll, 1);
  };
  globalThis.setImmediate = Object.assign(patient, immediate, { isPatient: true }) as never;
}
