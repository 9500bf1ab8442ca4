import type { KubeObject } from '../../../../api/object.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressRule,
  IngressSpec,
  TypedLocalObjectReference,
} from '../../../../api/types.ts';

interface OldBackend {
  serviceName?: string;
  servicePort?: number | string;
  resource?: TypedLocalObjectReference;
}

interface OldPath {
  path?: string;
  pathType?: string;
  backend?: OldBackend;
}

type OldRule = Omit<IngressRule, 'http'> & { http?: { paths?: OldPath[] } };

/** An Ingress of `networking.k8s.io/v1beta1` or `extensions/v1beta1`, which ended with 1.22. */
export interface OldIngress extends Omit<Ingress, 'spec'> {
  spec?: Omit<IngressSpec, 'defaultBackend' | 'rules'> & { backend?: OldBackend; rules?: OldRule[] };
}

/** The same in version 1. Upstream: `pkg/apis/networking/v1beta1/{conversion,defaults}.go`. */
export function ingressOfOld({ spec, ...object }: OldIngress): Ingress {
  if (!spec) return object;
  const { backend, rules, ...rest } = spec;
  const path = ({
    backend = {},
    pathType = 'ImplementationSpecific',
    ...said
  }: OldPath): HTTPIngressPath => ({
    ...said,
    pathType,
    backend: backendOfOld(backend),
  });
  const rule = ({ http, ...said }: OldRule): IngressRule => ({
    ...said,
    ...(http ? { http: { paths: (http.paths ?? []).map(path) } } : {}),
  });
  return {
    ...object,
    spec: {
      ...rest,
      ...(backend ? { defaultBackend: backendOfOld(backend) } : {}),
      ...(rules ? { rules: rules.map(rule) } : {}),
    },
  };
}

function backendOfOld({ serviceName = '', servicePort, resource }: OldBackend): IngressBackend {
  const port = typeof servicePort === 'string' ? { name: servicePort } : { number: servicePort };
  const named = serviceName !== '' || (servicePort !== undefined && servicePort !== 0);
  return {
    ...(named ? { service: { name: serviceName, port: withoutUndefined(port) } } : {}),
    ...(resource ? { resource } : {}),
  };
}

/** As clients of an old group version read it. */
export function oldIngress(apiVersion: string): (ingress: Ingress) => KubeObject {
  return ({ spec = {}, ...object }) => {
    const { defaultBackend, rules, ...rest } = spec;
    const rule = ({ http, ...said }: IngressRule): OldRule => ({
      ...said,
      ...(http
        ? { http: { paths: http.paths.map((path) => ({ ...path, backend: oldBackend(path.backend) })) } }
        : {}),
    });
    const served: OldIngress = {
      ...object,
      apiVersion,
      spec: {
        ...rest,
        ...(defaultBackend ? { backend: oldBackend(defaultBackend) } : {}),
        ...(rules ? { rules: rules.map(rule) } : {}),
      },
    };
    return served;
  };
}

function oldBackend({ service, resource }: IngressBackend): OldBackend {
  return {
    ...(service
      ? { serviceName: service.name, servicePort: service.port?.name || (service.port?.number ?? 0) }
      : {}),
    ...(resource ? { resource } : {}),
  };
}

const withoutUndefined = ({ number, ...rest }: { name?: string; number?: number | undefined }) =>
  number === undefined ? rest : { ...rest, number };
