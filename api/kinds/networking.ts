import type { Ingress, IngressClass, IPAddress, NetworkPolicy } from '../types.ts';
import { row } from './row.ts';

const group = 'networking.k8s.io';

/** Kinds of `networking.k8s.io/v1`. */
export const networkingKinds = {
  ingresses: row<Ingress>({
    group,
    name: 'ingresses',
    kind: 'Ingress',
    namespaced: true,
    shortNames: ['ing'],
    status: true,
  }),
  ingressclasses: row<IngressClass>({
    group,
    name: 'ingressclasses',
    kind: 'IngressClass',
    namespaced: false,
  }),
  networkpolicies: row<NetworkPolicy>({
    group,
    name: 'networkpolicies',
    kind: 'NetworkPolicy',
    namespaced: true,
    shortNames: ['netpol'],
  }),
  ipaddresses: row<IPAddress>({
    group,
    name: 'ipaddresses',
    kind: 'IPAddress',
    namespaced: false,
    shortNames: ['ip'],
  }),
};
