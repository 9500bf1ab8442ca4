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
    alsoServed: ['networking.k8s.io', 'extensions'].map((old) => ({
      group: old,
      version: 'v1beta1',
      type: 'V1beta1Ingress',
      converted: true,
      deprecation: `${old}/v1beta1 Ingress is deprecated in ${old === group ? 'v1.19+' : 'v1.14+'}, unavailable in v1.22+; use networking.k8s.io/v1 Ingress`,
    })),
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
