/** `npm run bench -- NAME [ARGUMENT …]`: runs one benchmark, or lists them. */
const benchmarks: Record<string, () => Promise<{ bench(args: readonly string[]): Promise<void> }>> = {
  apiserver: () => import('./apiserver.ts'),
  dataplane: () => import('./dataplane.ts'),
  dns: () => import('./dns.ts'),
  pods: () => import('./pods.ts'),
  startup: () => import('./startup.ts'),
};

const [name = '', ...args] = process.argv.slice(2);
const load = benchmarks[name];
if (load) {
  await (await load()).bench(args);
} else {
  console.error(`Benchmarks: ${Object.keys(benchmarks).join(', ')}`);
  process.exitCode = name ? 2 : 0;
}
