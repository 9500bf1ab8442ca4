import { median } from '../statistics.ts';
import { cpuSoFar } from './cpu.ts';

/** Medians in milliseconds. */
export interface Measured {
  readonly ours: number;
  readonly bare: number;
  /** Of this process and of the tools; means, since tools that end are counted in steps. */
  readonly cpu: number;
  readonly tools: number;
}

const mostRepeats = 9;
const leastRepeats = 3;
/** Milliseconds after which it is repeated no more. */
const enough = 6_000;

/**
 * Goes there and back, timing both ways: there is what counts. `bare` is then given what was written there, and
 * what was written on the way back, so that the kernel is where it was.
 */
export async function measureChange<T>(
  there: () => Promise<T>,
  back: () => Promise<T>,
  bare: (written: T) => Promise<unknown>,
): Promise<Measured> {
  const [ours, theirs]: [number[], number[]] = [[], []];
  let [cpu, tools] = [0, 0];
  // The first change has the compiler and the start of tools that stay to bear.
  await there();
  await back();
  const began = performance.now();
  while (ours.length < leastRepeats || (ours.length < mostRepeats && performance.now() - began < enough)) {
    const before = cpuSoFar();
    const start = performance.now();
    const written = await there();
    ours.push(performance.now() - start);
    const after = cpuSoFar();
    cpu += after.own - before.own;
    tools += after.tools - before.tools;
    const returned = await back();
    theirs.push(await timed(() => bare(written)));
    await bare(returned);
  }
  return { ours: median(ours), bare: median(theirs), cpu: cpu / ours.length, tools: tools / ours.length };
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
