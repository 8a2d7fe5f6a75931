/**
 * Time that moves when a test says so: setTimeout and performance.now obey it. The
 * wall clock is not faked, and not asked: see the test that sets it wrong.
 */
export class FakeTime {
  #now = 1_000;
  #next = 1;
  readonly #timers = new Map<number, { at: number; run: () => void }>();
  readonly #real = { setTimeout, clearTimeout, performanceNow: performance.now };

  constructor() {
    this.resume();
  }

  /** Takes over the globals, again if they were restored. */
  resume(): void {
    const fakes = {
      setTimeout: (run: () => void, delay = 0) => {
        const id = this.#next++;
        this.#timers.set(id, { at: this.#now + Math.max(0, delay), run });
        return id;
      },
      clearTimeout: (id: number) => this.#timers.delete(id),
    };
    Object.assign(globalThis, fakes);
    performance.now = () => this.#now;
  }

  restore(): void {
    globalThis.setTimeout = this.#real.setTimeout;
    globalThis.clearTimeout = this.#real.clearTimeout;
    performance.now = this.#real.performanceNow;
  }

  get now(): number {
    return this.#now;
  }

  /** Lets everything happen that is due within so many milliseconds, in its order. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.#now + milliseconds;
    for (;;) {
      await settle();
      const due = [...this.#timers]
        .filter(([, timer]) => timer.at <= until)
        .sort(([a, one], [b, other]) => one.at - other.at || a - b)[0];
      if (!due) break;
      const [id, timer] = due;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, timer.at);
      timer.run();
    }
    this.#now = until;
  }

  /** The clock jumps while nothing runs: the machine, or the tab, was asleep. */
  skip(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Runs timers until the promise is settled, and returns what it gave. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const settled = promise.finally(() => (done = true));
    settled.catch(() => {});
    for (let count = 0; !done; count++) {
      if (count > 100_000) throw new Error("it never ended");
      await settle();
      if (done) break;
      const first = Math.min(...[...this.#timers.values()].map((timer) => timer.at));
      if (first === Infinity) throw new Error("nothing is left to wait for, and it has not ended");
      await this.advance(first - this.#now);
    }
    return settled;
  }
}

/** Lets promises that can go on do so. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
