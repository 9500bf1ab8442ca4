import { Agent } from 'node:https';
import { createSecureContext } from 'node:tls';
import { resources } from '../../api/scheme.ts';
import { statusError } from '../../api/status.ts';
import type { Node } from '../../api/types.ts';
import { missing } from '../registry/pipeline/failures.ts';
import type { Lookup } from '../registry/strategy.ts';
import type { Backend } from './backend.ts';

/** The certificate with which the apiserver comes to kubelets, and the authority of theirs. PEM. */
export interface KubeletClientTls {
  ca: string;
  cert: string;
  key: string;
}

/** Where a node's kubelet is. @throws StatusError NotFound for a node that is not there */
export type Kubelets = (nodeName: string) => Backend;

/** In the order of kubeadm's `--kubelet-preferred-address-types`. */
const preferredTypes = ['InternalIP', 'ExternalIP', 'Hostname'];

const kubeletPort = 10250;

/** Finds kubelets by what their Nodes say. Upstream: `pkg/kubelet/client`. */
export function createKubelets(lookup: Lookup, tls: KubeletClientTls | undefined): Kubelets {
  let agent: Agent | undefined;
  return (nodeName) => {
    const node = lookup.get(resources.nodes, nodeName) as Node | undefined;
    if (!node) throw missing(resources.nodes, nodeName);
    if (!tls) throw statusError('InternalError', 'this apiserver has no certificate to show to kubelets');
    const { addresses = [], daemonEndpoints } = node.status ?? {};
    const host = preferredTypes
      .map((wanted) => addresses.find(({ type }) => type === wanted)?.address)
      .find((address) => address !== undefined);
    if (!host)
      throw statusError(
        'InternalError',
        `no preferred addresses found; known addresses: ${JSON.stringify(addresses)}`,
      );
    // Made with the first request: most clusters are up before anybody asks for a log.
    agent ??= new Agent({ keepAlive: true, secureContext: createSecureContext(tls) });
    return { scheme: 'https', host, port: daemonEndpoints?.kubeletEndpoint?.Port || kubeletPort, agent };
  };
}
