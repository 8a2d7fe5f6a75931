/**
 * Milliseconds on a clock that only runs forward. The wall clock is never asked:
 * users set it, and it jumps.
 */
export const now = (): number => performance.now();

/** Settles as the promise does, unless the signal aborts first. The promise goes on. */
export function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
