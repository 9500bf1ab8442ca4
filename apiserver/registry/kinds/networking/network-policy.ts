import { contains, parseCidr } from '../../../../api/address.ts';
import { resources } from '../../../../api/scheme.ts';
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../../../api/types.ts';
import { ageColumn, column, formatSelector, nameColumn, orNone } from '../../../table/columns/common.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { forbidden, invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { cidr, portName, portNumber } from '../validation/names.ts';
import { validateSelector } from '../validation/selectors.ts';

/** Upstream: `pkg/apis/networking/v1/defaults.go`, `ValidateNetworkPolicy`. */
export const networkPolicyStrategy: Strategy<NetworkPolicy> = {
  resource: resources.networkpolicies,
  defaults({ spec }) {
    if (!spec) return;
    spec.podSelector ??= {};
    spec.policyTypes ??= spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
    for (const { ports = [] } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
      for (const port of ports) port.protocol ||= 'TCP';
    }
  },
  validate({ spec }) {
    const { podSelector, ingress = [], egress = [], policyTypes = [] } = spec ?? {};
    const errors = validateSelector('spec.podSelector', podSelector);
    for (const [index, { ports, from }] of ingress.entries()) {
      errors.push(...validateRule(`spec.ingress[${index}]`, ports, from, 'from'));
    }
    for (const [index, { ports, to }] of egress.entries()) {
      errors.push(...validateRule(`spec.egress[${index}]`, ports, to, 'to'));
    }
    if (policyTypes.length > 2) {
      return [
        ...errors,
        invalid('spec.policyTypes', policyTypes, 'may not specify more than two policyTypes'),
      ];
    }
    for (const [index, type] of policyTypes.entries()) {
      if (type === 'Ingress' || type === 'Egress') continue;
      errors.push(notSupported(`spec.policyTypes[${index}]`, type, ['Egress', 'Ingress']));
    }
    return errors;
  },
  columns: [
    nameColumn,
    column('Pod-Selector', 'Pods it is about.', ({ spec }) => orNone(formatSelector(spec?.podSelector))),
    ageColumn,
  ],
};

function validateRule(
  field: string,
  ports: readonly NetworkPolicyPort[] = [],
  peers: readonly NetworkPolicyPeer[] = [],
  side: 'from' | 'to',
): FieldError[] {
  return [
    ...ports.flatMap((port, index) => validatePort(`${field}.ports[${index}]`, port)),
    ...peers.flatMap((peer, index) => validatePeer(`${field}.${side}[${index}]`, peer)),
  ];
}

function validatePort(field: string, { protocol, port, endPort }: NetworkPolicyPort): FieldError[] {
  const errors: FieldError[] = [];
  const protocols = ['SCTP', 'TCP', 'UDP'];
  if (protocol && !protocols.includes(protocol)) {
    errors.push(notSupported(`${field}.protocol`, protocol, protocols));
  }
  if (typeof port === 'number') errors.push(...invalidEach(`${field}.port`, port, portNumber(port)));
  else if (port !== undefined) errors.push(...invalidEach(`${field}.port`, port, portName(port)));
  if (endPort === undefined) return errors;
  if (port === undefined) {
    return [...errors, required(`${field}.port`, 'must be specified when `endPort` is specified')];
  }
  if (typeof port === 'string') {
    return [
      ...errors,
      invalid(`${field}.endPort`, endPort, 'may not be specified when `port` is non-numeric'),
    ];
  }
  if (endPort < port) {
    errors.push(invalid(`${field}.endPort`, endPort, 'must be greater than or equal to `port`'));
  }
  return [...errors, ...invalidEach(`${field}.endPort`, endPort, portNumber(endPort))];
}

function validatePeer(
  field: string,
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
): FieldError[] {
  if (!podSelector && !namespaceSelector && !ipBlock) return [required(field, 'must specify a peer')];
  if ((podSelector || namespaceSelector) && ipBlock) {
    return [forbidden(field, 'may not specify both ipBlock and another peer')];
  }
  return [
    ...validateSelector(`${field}.podSelector`, podSelector),
    ...validateSelector(`${field}.namespaceSelector`, namespaceSelector),
    ...(ipBlock ? validateBlock(`${field}.ipBlock`, ipBlock) : []),
  ];
}

function validateBlock(field: string, { cidr: range, except = [] }: IPBlock): FieldError[] {
  if (!range) return [required(`${field}.cidr`)];
  const problems = cidr(range);
  if (problems.length > 0) return invalidEach(`${field}.cidr`, range, problems);
  const outer = parseCidr(range);
  return except.flatMap((inner, index) => {
    const at = `${field}.except[${index}]`;
    const wrong = cidr(inner);
    if (wrong.length > 0) return invalidEach(at, inner, wrong);
    const { family, bits } = parseCidr(inner);
    const lies = family === outer.family && bits > outer.bits && contains(outer, inner.split('/')[0] ?? '');
    return lies ? [] : [invalid(at, inner, 'must be a strict subset of `cidr`')];
  });
}
