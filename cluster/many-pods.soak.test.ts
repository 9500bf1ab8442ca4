import { describeManyPods } from './testing/many-pods.ts';

/** `MANY_NODES=10 MANY_PODS=200 SEED=7` for others. */
const { MANY_NODES = '50', MANY_PODS = '1000', SEED = String(Date.now() % 1_000_000) } = process.env;

describeManyPods({
  nodes: Number(MANY_NODES),
  pods: Number(MANY_PODS),
  seed: Number(SEED),
  patience: 300_000,
  retries: Number(MANY_NODES) > 32 ? 9 : 0,
});
