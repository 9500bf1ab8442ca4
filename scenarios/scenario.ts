import type { StartOptions } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/handle.ts';
import type { Feature } from '../kernel/features.ts';
import type { KubernetesClient } from './client.ts';
import type { Report } from './report.ts';

/** An article's demo: which cluster it needs, and its steps, each checked. */
export interface Scenario {
  name: string;
  /** One sentence: what it shows. */
  title: string;
  /** Options of the cluster it is played on; `--nodes` overrides. */
  cluster: StartOptions;
  /** How the cluster is started, where that is part of the story; and the command that does it for a reader. */
  start?(options: StartOptions): Promise<Cluster>;
  command?: string;
  /** What it needs of the kernel beyond that; where it is missing, a guest kernel has it. */
  needs?: readonly Feature[];
  play(stage: Stage): Promise<void>;
}

/** What a scenario's steps work with. */
export interface Stage {
  cluster: Cluster;
  /** The official JavaScript client, as a user's program would have it. To load it takes seconds in a guest kernel. */
  api(): Promise<KubernetesClient>;
  report: Report;
  /** Whether this machine has all of these. */
  has(...features: Feature[]): Promise<boolean>;
  /** Plays the scenario in a guest kernel too, as a part of this story. Rejects in that kernel itself. */
  again(): Promise<void>;
  /** Shows and runs a kubectl line; its output is returned, and shown up to `most` lines. */
  kubectl(line: string, input?: string, most?: number): Promise<string>;
  /** Shows and runs a shell line on a node (or `outside`); its output is returned, and shown up to `most` lines. */
  onNode(node: string, line: string, most?: number): Promise<string>;
  /** The same inside a pod. */
  inPod(pod: string, line: string): Promise<string>;
}
