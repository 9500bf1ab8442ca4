import { describeManyPods } from './testing/many-pods.ts';

describeManyPods({ nodes: 3, pods: 60, seed: 1, patience: 45_000 });
