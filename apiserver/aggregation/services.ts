import { Agent } from 'node:https';
import type { APIService } from '../../api/types.ts';
import type { Backend } from '../http/backend.ts';
import { serviceEndpoint } from '../http/service-endpoint.ts';
import type { Lookup } from '../registry/strategy.ts';

/** The certificate that aggregated servers know this one by, of an authority of its own. PEM. */
export interface ProxyClientTls {
  /** `requestheader-client-ca-file`: who shows a certificate of it may say who somebody is. */
  ca: string;
  cert: string;
  key: string;
}

/** Connections are kept as long as an APIService is what it was. */
const agents = new WeakMap<APIService, Agent>();

/**
 * Where the server is that an APIService names: one of the endpoints of its Service, whose certificate must be for
 * `NAME.NAMESPACE.svc`.
 *
 * @throws StatusError when nobody is there
 */
export function backendOf(service: APIService, lookup: Lookup, tls: ProxyClientTls | undefined): Backend {
  const { service: of, caBundle, insecureSkipTLSVerify = false } = service.spec ?? {};
  const { name = '', namespace = '', port = 443 } = of ?? {};
  let agent = agents.get(service);
  if (!agent) {
    const ca = caBundle ? Buffer.from(caBundle, 'base64').toString('utf8') : undefined;
    agent = new Agent({
      keepAlive: true,
      rejectUnauthorized: !insecureSkipTLSVerify,
      ...(ca ? { ca } : {}),
      ...(tls ? { cert: tls.cert, key: tls.key } : {}),
    });
    agents.set(service, agent);
  }
  return {
    scheme: 'https',
    ...serviceEndpoint(lookup, namespace, name, port),
    agent,
    servername: `${name}.${namespace}.svc`,
  };
}

/** Whether a condition `Available` says so. */
export const isAvailable = ({ status }: APIService): boolean =>
  status?.conditions?.some(({ type, status }) => type === 'Available' && status === 'True') ?? false;
