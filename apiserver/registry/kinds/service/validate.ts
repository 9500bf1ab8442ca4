import type { Service, ServicePort, ServiceSpec } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import {
  duplicate,
  forbidden,
  invalid,
  invalidEach,
  notSupported,
  oneOf,
  required,
} from '../validation/field.ts';
import { validateLabels } from '../validation/metadata.ts';
import {
  cidr,
  dnsLabel,
  dnsSubdomain,
  ipAddress,
  portName,
  portNumber,
  qualifiedName,
} from '../validation/names.ts';
import { isExternal, isHeadless, needsHealthCheckPort, specOf } from './traits.ts';
import { validateClusterIpChange, validateClusterIps } from './validate-ips.ts';

/** Upstream: `ValidateService` in `pkg/apis/core/validation/validation.go`. */
export function validateService(service: Service, old: Service | undefined): FieldError[] {
  const spec = specOf(service);
  return [
    ...(old ? validateClusterIpChange(spec, specOf(old)) : []),
    ...validateType(spec),
    ...validatePorts(spec),
    ...validateLabels('spec.selector', spec.selector),
    ...validateAffinity(spec),
    ...validateClusterIps(spec),
    ...validateExternalIps(spec),
    ...validateNodePortUse(spec),
    ...validateLoadBalancer(spec),
    ...validateTraffic(spec),
  ];
}

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];

function validateType(spec: ServiceSpec): FieldError[] {
  const { type, externalName = '', ports = [] } = spec;
  const errors: FieldError[] = [];
  if (ports.length === 0 && !isHeadless(spec) && type !== 'ExternalName') errors.push(required('spec.ports'));
  if (type === 'LoadBalancer') {
    for (const [index, { port }] of ports.entries()) {
      if (port !== 10250) continue;
      const detail = 'may not expose port 10250 externally since it is used by kubelet';
      errors.push(invalid(`spec.ports[${index}]`, port, detail));
    }
  }
  if ((type === 'LoadBalancer' || type === 'NodePort') && isHeadless(spec)) {
    errors.push(invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`));
  }
  if (type === 'ExternalName') {
    const unset = 'may not be set for ExternalName services';
    if (spec.clusterIPs?.length) errors.push(forbidden('spec.clusterIPs', unset));
    if (spec.ipFamilies?.length) errors.push(forbidden('spec.ipFamilies', unset));
    if (spec.ipFamilyPolicy) errors.push(forbidden('spec.ipFamilyPolicy', unset));
    const name = externalName.replace(/\.$/, '');
    if (name === '') errors.push(required('spec.externalName'));
    else errors.push(...invalidEach('spec.externalName', name, dnsSubdomain(name)));
  }
  return [...errors, ...oneOf('spec.type', type, types)];
}

function validatePorts({ ports = [] }: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const field = `spec.ports[${index}]`;
    const { name = '' } = port;
    if (name === '' && ports.length > 1) errors.push(required(`${field}.name`));
    if (name !== '') {
      errors.push(...invalidEach(`${field}.name`, name, dnsLabel(name)));
      if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
      names.add(name);
    }
    errors.push(...validatePort(field, port));
    const number = `${port.protocol} ${port.port}`;
    if (numbers.has(number)) errors.push(duplicate(field, { port: port.port, protocol: port.protocol }));
    numbers.add(number);
  }
  return errors;
}

function validatePort(field: string, { port, protocol, targetPort, appProtocol }: ServicePort): FieldError[] {
  const target = typeof targetPort === 'string' ? portName(targetPort) : portNumber(targetPort ?? port ?? 0);
  return [
    ...invalidEach(`${field}.port`, port ?? 0, portNumber(port ?? 0)),
    ...oneOf(`${field}.protocol`, protocol, ['SCTP', 'TCP', 'UDP']),
    ...invalidEach(`${field}.targetPort`, targetPort ?? 0, target),
    ...(appProtocol ? invalidEach(`${field}.appProtocol`, appProtocol, qualifiedName(appProtocol)) : []),
  ];
}

function validateAffinity({ sessionAffinity, sessionAffinityConfig: config }: ServiceSpec): FieldError[] {
  const field = 'spec.sessionAffinityConfig';
  const errors = oneOf('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None']);
  if (sessionAffinity === 'None' && config) {
    errors.push(forbidden(field, 'must not be set when session affinity is None'));
  }
  if (sessionAffinity !== 'ClientIP') return errors;
  const timeout = config?.clientIP?.timeoutSeconds;
  if (timeout === undefined) {
    errors.push(required(field, 'when session affinity type is ClientIP'));
  } else if (timeout <= 0 || timeout > 86_400) {
    const detail = 'must be greater than 0 and less than 86400';
    errors.push(invalid(`${field}.clientIP.timeoutSeconds`, timeout, detail));
  }
  return errors;
}

function validateExternalIps({ externalIPs = [] }: ServiceSpec): FieldError[] {
  return externalIPs.flatMap((ip, index) => {
    const field = `spec.externalIPs[${index}]`;
    const problems = ipAddress(ip);
    if (problems.length > 0) return invalidEach(field, ip, problems);
    if (ip === '0.0.0.0' || ip === '::') {
      return [invalid(field, ip, `may not be unspecified (${ip})`)];
    }
    if (ip.startsWith('127.') || ip === '::1') {
      return [invalid(field, ip, 'may not be in the loopback range (127.0.0.0/8, ::1/128)')];
    }
    if (ip.startsWith('169.254.') || /^fe[89ab]/i.test(ip)) {
      return [invalid(field, ip, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)')];
    }
    return [];
  });
}

function validateNodePortUse({ type, ports = [] }: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { nodePort, protocol }] of ports.entries()) {
    if (!nodePort) continue;
    const field = `spec.ports[${index}].nodePort`;
    if (type === 'ClusterIP') errors.push(forbidden(field, "may not be used when `type` is 'ClusterIP'"));
    const key = `${protocol} ${nodePort}`;
    if (seen.has(key)) errors.push(duplicate(field, nodePort));
    seen.add(key);
  }
  return errors;
}

function validateLoadBalancer(spec: ServiceSpec): FieldError[] {
  const {
    type,
    loadBalancerSourceRanges: ranges = [],
    allocateLoadBalancerNodePorts,
    loadBalancerClass,
  } = spec;
  const only = "may only be used when `type` is 'LoadBalancer'";
  const errors: FieldError[] = [];
  const isBalancer = type === 'LoadBalancer';
  if (ranges.length > 0 && !isBalancer) errors.push(forbidden('spec.LoadBalancerSourceRanges', only));
  for (const [index, range] of ranges.entries()) {
    errors.push(...invalidEach(`spec.LoadBalancerSourceRanges[${index}]`, range, cidr(range.trim())));
  }
  if (allocateLoadBalancerNodePorts !== undefined && !isBalancer) {
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', only));
  }
  if (loadBalancerClass && !isBalancer) errors.push(forbidden('spec.loadBalancerClass', only));
  return errors;
}

function validateTraffic(spec: ServiceSpec): FieldError[] {
  const { externalTrafficPolicy: external, internalTrafficPolicy: internal, healthCheckNodePort } = spec;
  const errors: FieldError[] = [];
  if (isExternal(spec)) errors.push(...oneOf('spec.externalTrafficPolicy', external, ['Cluster', 'Local']));
  else if (external) {
    const detail = 'may only be set for externally-accessible services';
    errors.push(invalid('spec.externalTrafficPolicy', external, detail));
  }
  if (healthCheckNodePort && !needsHealthCheckPort(spec)) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalid('spec.healthCheckNodePort', healthCheckNodePort, detail));
  }
  if (internal && spec.type !== 'ExternalName') {
    errors.push(...oneOf('spec.internalTrafficPolicy', internal, ['Cluster', 'Local']));
  }
  const { trafficDistribution: distribution } = spec;
  const distributions = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];
  if (distribution && !distributions.includes(distribution)) {
    errors.push(notSupported('spec.trafficDistribution', distribution, distributions));
  }
  return errors;
}
