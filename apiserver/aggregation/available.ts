import { isDeepStrictEqual } from 'node:util';
import { resources } from '../../api/scheme.ts';
import { StatusError } from '../../api/status.ts';
import type { APIService, APIServiceCondition } from '../../api/types.ts';
import { loopback } from '../auth/user.ts';
import { timestamp } from '../registry/pipeline/metadata.ts';
import type { Registry } from '../registry/registry.ts';
import type { Lookup } from '../registry/strategy.ts';
import { askServer } from './ask.ts';
import type { ProxyClientTls } from './services.ts';

type Found = Pick<APIServiceCondition, 'status' | 'reason' | 'message'>;

/**
 * Looks whether an aggregated server can be asked. Upstream: `kube-aggregator/pkg/controllers/status/remote`.
 */
export async function lookAt(
  service: APIService,
  lookup: Lookup,
  tls: ProxyClientTls | undefined,
): Promise<Found> {
  const no = (reason: string, message: string): Found => ({ status: 'False', reason, message });
  const { service: of, group = '', version = '' } = service.spec ?? {};
  const { name = '', namespace = '', port = 443 } = of ?? {};
  const at = `service/${name} in ${JSON.stringify(namespace)}`;
  const found = lookup.get(resources.services, name, namespace);
  if (!found) return no('ServiceNotFound', `${at} is not present`);
  const { type, ports = [] } = found.spec ?? {};
  if (type === undefined || type === 'ClusterIP') {
    const open = ports.find((one) => one.port === port);
    if (!open) return no('ServicePortError', `${at} is not listening on port ${port}`);
    const endpoints = lookup.get(resources.endpoints, name, namespace);
    if (!endpoints) return no('EndpointsNotFound', `cannot find endpoints for ${at}`);
    const has = endpoints.subsets?.some(
      ({ addresses = [], ports: all = [] }) =>
        addresses.length > 0 && all.some((one) => (one.name ?? '') === (open.name ?? '')),
    );
    if (!has) {
      const title = JSON.stringify(open.name ?? '');
      return no('MissingEndpoints', `endpoints for ${at} have no addresses with port name ${title}`);
    }
  }
  const path = `/apis/${group}/${version}`;
  const failed = (why: string) =>
    no(
      'FailedDiscoveryCheck',
      `failing or missing response from https://${name}.${namespace}.svc:${port}${path}: ${why}`,
    );
  try {
    const { code } = await askServer(service, path, 'application/json', lookup, tls);
    // Who asks it may be nobody to that server: it answers.
    const answers = (code >= 200 && code < 300) || code === 401 || code === 403;
    if (!answers) return failed(`bad status from https://${name}.${namespace}.svc:${port}${path}: ${code}`);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
  return { status: 'True', reason: 'Passed', message: 'all checks passed' };
}

/** Writes what was found into the status, where it is something else than before. */
export async function writeCondition(
  registry: Registry,
  name: string,
  found: Found,
  now: Date,
): Promise<void> {
  const request = { user: loopback, dryRun: false, warn: () => undefined };
  try {
    await registry.update(
      resources.apiservices,
      { name },
      (current) => {
        const service = structuredClone(current) as APIService;
        const before = service.status?.conditions?.find(({ type }) => type === 'Available');
        const since = before?.status === found.status ? before.lastTransitionTime : undefined;
        const others = (service.status?.conditions ?? []).filter(({ type }) => type !== 'Available');
        const condition = { type: 'Available', ...found, lastTransitionTime: since ?? timestamp(now) };
        if (isDeepStrictEqual(before, condition)) return service;
        service.status = { ...service.status, conditions: [...others, condition] };
        return service;
      },
      request,
      { subresource: 'status' },
    );
  } catch (error) {
    // It was deleted while somebody looked.
    if (!(error instanceof StatusError) || error.reason !== 'NotFound') throw error;
  }
}
