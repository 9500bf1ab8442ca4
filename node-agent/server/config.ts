import type { Client } from '../../api/client.ts';
import type { PodState } from '../pods/state.ts';

/** What the kubelet's API is served from. */
export interface ServerConfig {
  /** Asked who somebody is and what they may. */
  client: Client;
  nodeName: string;
  /** PEM: certificate and key of the node, and the authority of its clients. */
  tls: { cert: string; key: string; clientCa: string };
  /** As `uname -m` has it. */
  machine: string;
  pods(): Iterable<PodState>;
  onError(what: string, error: unknown): void;
}

/** Where every kubelet listens, on all addresses of its node; upstream: `ports.KubeletPort`. */
export const kubeletPort = 10250;
