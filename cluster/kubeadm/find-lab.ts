import { attachLab, type Lab } from '../../lab/handle.ts';
import { existingState } from '../cluster.ts';
import { OptionError } from '../option-error.ts';
import type { ClusterSpec } from '../spec.ts';
import { clusterNames, readSpec, type StateDir, stateDir } from '../state.ts';
import { apiEndpoint } from './init.ts';

/** A cluster whose lab runs here. */
export interface FoundLab {
  state: StateDir;
  spec: ClusterSpec;
  lab: Lab;
}

export interface LabQuery {
  /** `HOST:PORT` */
  endpoint: string;
  /** Name of the cluster. */
  cluster?: string;
  /** Its folder. */
  stateDir?: string;
}

/**
 * The running lab of this user whose API is called `endpoint` by its nodes. Labs are laid out alike: where there are
 * several, `cluster` says which.
 */
export async function findLab({ endpoint, cluster: name, stateDir: folder }: LabQuery): Promise<FoundLab> {
  if (!/^(\[[\da-f:]+\]|[\w.-]+):\d+$/i.test(endpoint))
    throw new OptionError('endpoint', endpoint, 'HOST:PORT of the API, as v9s init printed it');
  const found: FoundLab[] = [];
  const states =
    folder === undefined
      ? (name === undefined ? clusterNames() : [name]).map(existingState)
      : [stateDir(folder)];
  for (const state of states) {
    const [spec, lab] = [readSpec(state), await attachLab(state.root)];
    if (spec && lab) found.push({ state, spec, lab });
  }
  if (name !== undefined && found.length === 0)
    throw new Error(`couldn't validate the identity of the API server: cluster ${name} is not running`);
  const [only, ...more] = found.filter(({ spec }) => isEndpoint(spec, endpoint));
  if (more.length > 0)
    throw new Error(
      `several clusters have their API at ${endpoint}: ${[only, ...more].map((each) => each?.spec.name).join(', ')}; choose one with --name`,
    );
  if (only) return only;
  const known = found.map(({ spec }) => `${apiEndpoint(spec.nodes[0]?.address ?? '')} (${spec.name})`);
  throw new Error(
    `couldn't validate the identity of the API server: no lab of this user has its API at ${endpoint}; ${known.length > 0 ? `there are ${known.join(', ')}` : 'none is running'}`,
  );
}

/** A control plane by any of its addresses, and by its name. */
function isEndpoint({ nodes }: ClusterSpec, endpoint: string): boolean {
  const isControlPlane = (labels: Record<string, string>) =>
    'node-role.kubernetes.io/control-plane' in labels;
  return nodes
    .filter(({ labels }) => isControlPlane(labels))
    .some(({ name, address, address6 }) =>
      [name, address, address6].some((host) => host !== undefined && apiEndpoint(host) === endpoint),
    );
}
