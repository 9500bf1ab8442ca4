import { isIP } from 'node:net';
import { resources } from '../../../../api/scheme.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressSpec,
} from '../../../../api/types.ts';
import { ageColumn, column, nameColumn, orNone } from '../../../table/columns/common.ts';
import type { FieldError, Lookup, Strategy } from '../../strategy.ts';
import { invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { dns1035Label, dnsSubdomain, portName, portNumber, wildcardSubdomain } from '../validation/names.ts';
import { validateReference } from './reference.ts';

const classAnnotation = 'kubernetes.io/ingress.class';
const defaultAnnotation = 'ingressclass.kubernetes.io/is-default-class';
const badSequences = ['//', '/./', '/../', '%2f', '%2F'];
const badEnds = ['/..', '/.'];

/** Upstream: `ValidateIngress` in `pkg/apis/networking/validation/validation.go`, admission `DefaultIngressClass`. */
export const ingressStrategy: Strategy<Ingress> = {
  resource: resources.ingresses,
  prepare(ingress, old, { lookup }) {
    ingress.status = old?.status ?? { loadBalancer: {} };
    if (!old) setDefaultClass(ingress, lookup);
  },
  validate({ metadata, spec = {} }, old) {
    const errors = validateSpec(spec);
    const annotation = metadata?.annotations?.[classAnnotation];
    if (!old && annotation && spec.ingressClassName) {
      errors.push(
        invalid(
          `annotations.${classAnnotation}`,
          annotation,
          'can not be set when the class field is also set',
        ),
      );
    }
    return errors;
  },
  columns: [
    nameColumn,
    column('Class', 'Who serves it.', ({ spec }) => orNone(spec?.ingressClassName)),
    column('Hosts', 'Names it answers to.', ({ spec }) => formatHosts(spec)),
    column('Address', 'Where it is reached.', ({ status }) =>
      (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').join(','),
    ),
    column('Ports', 'Ports it is reached at.', ({ spec }) => (spec?.tls?.length ? '80, 443' : '80')),
    ageColumn,
  ],
};

/** The class that is marked as the default one; the newest, where several are. */
function setDefaultClass(ingress: Ingress, lookup: Lookup): void {
  const { metadata, spec } = ingress;
  if (spec?.ingressClassName !== undefined || metadata?.annotations?.[classAnnotation] !== undefined) return;
  let newest: IngressClass | undefined;
  for (const one of lookup.list(resources.ingressclasses)) {
    if (one.metadata?.annotations?.[defaultAnnotation] !== 'true') continue;
    const [age, best] = [one, newest].map((of) => of?.metadata?.creationTimestamp ?? '');
    const [name = '', other = ''] = [one.metadata.name, newest?.metadata?.name];
    if (!newest || `${age}` > `${best}` || (age === best && name < other)) newest = one;
  }
  if (newest?.metadata?.name) ingress.spec = { ...spec, ingressClassName: newest.metadata.name };
}

/** The first three names, and how many more there are. */
function formatHosts(spec: IngressSpec | undefined): string {
  const rules = spec?.rules ?? [];
  const hosts = rules.flatMap(({ host }) => host || []).slice(0, 3);
  if (hosts.length === 0) return '*';
  const more = rules.length > 3 && hosts.length === 3 ? ` + ${rules.length - 3} more...` : '';
  return hosts.join(',') + more;
}

function validateSpec({ rules = [], defaultBackend, tls = [], ingressClassName }: IngressSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (rules.length === 0 && !defaultBackend) {
    errors.push(invalid('spec', rules, 'either `defaultBackend` or `rules` must be specified'));
  }
  if (defaultBackend) errors.push(...validateBackend('spec.defaultBackend', defaultBackend));
  for (const [index, { host, http }] of rules.entries()) {
    const field = `spec.rules[${index}]`;
    if (host && isIP(host)) {
      errors.push(invalid(`${field}.host`, host, 'must be a DNS name, not an IP address'));
    }
    if (host) errors.push(...validateHost(`${field}.host`, host));
    if (!http) continue;
    if (!http.paths?.length) errors.push(required(`${field}.http.paths`));
    for (const [at, path] of (http.paths ?? []).entries()) {
      errors.push(...validatePath(`${field}.http.paths[${at}]`, path));
    }
  }
  for (const [index, { hosts = [], secretName }] of tls.entries()) {
    const field = `spec.tls[${index}]`;
    for (const [at, host] of hosts.entries()) errors.push(...validateHost(`${field}.hosts[${at}]`, host));
    if (secretName) errors.push(...invalidEach(`${field}.secretName`, secretName, dnsSubdomain(secretName)));
  }
  if (ingressClassName) {
    errors.push(...invalidEach('spec.ingressClassName', ingressClassName, dnsSubdomain(ingressClassName)));
  }
  return errors;
}

function validateHost(field: string, host: string): FieldError[] {
  return invalidEach(field, host, host.includes('*') ? wildcardSubdomain(host) : dnsSubdomain(host));
}

function validatePath(field: string, { path = '', pathType, backend }: HTTPIngressPath): FieldError[] {
  if (!pathType) return [required(`${field}.pathType`, 'pathType must be specified')];
  const errors: FieldError[] = [];
  const relative = invalid(`${field}.path`, path, 'must be an absolute path');
  if (pathType === 'Exact' || pathType === 'Prefix') {
    if (!path.startsWith('/')) errors.push(relative);
    for (const bad of badSequences) {
      if (path.includes(bad)) errors.push(invalid(`${field}.path`, path, `must not contain '${bad}'`));
    }
    for (const bad of badEnds) {
      if (path.endsWith(bad)) errors.push(invalid(`${field}.path`, path, `cannot end with '${bad}'`));
    }
  } else if (pathType === 'ImplementationSpecific') {
    if (path && !path.startsWith('/')) errors.push(relative);
  } else {
    const supported = ['Exact', 'ImplementationSpecific', 'Prefix'];
    errors.push(notSupported(`${field}.pathType`, pathType, supported));
  }
  return [...errors, ...validateBackend(`${field}.backend`, backend)];
}

function validateBackend(field: string, { service, resource }: IngressBackend): FieldError[] {
  if (service && resource) return [invalid(field, '', 'cannot set both resource and service backends')];
  if (resource) return validateReference(`${field}.resource`, resource);
  if (!service) return [invalid(field, '', 'resource or service backend is required')];
  const errors = service.name
    ? invalidEach(`${field}.service.name`, service.name, dns1035Label(service.name))
    : [required(`${field}.service.name`)];
  const { name, number } = service.port ?? {};
  if (name && number) return [...errors, invalid(field, '', 'cannot set both port name & port number')];
  if (name) return [...errors, ...invalidEach(`${field}.service.port.name`, name, portName(name))];
  if (number) return [...errors, ...invalidEach(`${field}.service.port.number`, number, portNumber(number))];
  return [...errors, required(field, 'port name or number is required')];
}
