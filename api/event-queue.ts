/** Writes of Events, one after the other, late enough that what they tell of does not wait for them. */
export interface EventQueue {
  /** `write` must not reject. What warns makes all before it go as well. */
  push(type: 'Normal' | 'Warning', write: () => Promise<void>): void;
}

export interface EventQueueOptions {
  /** Milliseconds an Event waits at least. */
  patience: number;
  signal?: AbortSignal;
}

/** So many Events within so many milliseconds tell of much work: Events wait until it is done, but not for ever. */
const many = 12;
const within = 3_000;
const longest = 20_000;
const pause = 200;

export function createEventQueue({ patience, signal }: EventQueueOptions): EventQueue {
  const queue: { at: number; isUrgent: boolean; write: () => Promise<void> }[] = [];
  let recent: number[] = [];
  let urgent = 0;
  let running = false;

  const isBusy = (now: number) => recent.length === many && now - (recent[0] ?? 0) < within;

  async function drain(): Promise<void> {
    for (let head = queue[0]; head && !signal?.aborted; head = queue[0]) {
      const now = performance.now();
      const mayWait = urgent === 0 && now - head.at < longest && isBusy(now);
      const wait = mayWait ? pause : head.at + patience - now;
      if (wait > 0) {
        await delay(wait);
        continue;
      }
      queue.shift();
      if (head.isUrgent) urgent--;
      await head.write();
    }
    running = false;
  }

  return {
    push(type, write) {
      const at = performance.now();
      const isUrgent = type === 'Warning';
      queue.push({ at, isUrgent, write });
      recent = [...recent.slice(1 - many), at];
      if (isUrgent) urgent++;
      if (running) return;
      running = true;
      void drain();
    },
  };
}

/** Does not keep the process. */
const delay = (milliseconds: number) =>
  new Promise<void>((resolve) => void setTimeout(resolve, milliseconds).unref());
