import { joinHostPort } from '../../api/address.ts';
import type { Flow } from '../../kernel/conntrack.ts';
import type { Row } from '../model/model.ts';

/**
 * Which of these UDP flows lead to an endpoint that serves their Service no more, or not on that port, or were
 * made before the Service had any. UDP has no end of connection: without this a client goes on talking to nobody.
 * Services without endpoints keep their flows. Upstream: `pkg/proxy/conntrack/cleanup.go`.
 */
export function staleFlows(flows: Iterable<Flow>, rows: Iterable<Row>): Flow[] {
  const byAddress = new Map<string, ReadonlySet<string>>();
  const byNodePort = new Map<number, ReadonlySet<string>>();
  for (const { port, endpoints } of rows) {
    if (port.protocol !== 'UDP') continue;
    const servers = new Set(
      endpoints.filter((endpoint) => endpoint.serving).map((endpoint) => endpoint.text),
    );
    if (servers.size === 0) continue;
    for (const ip of [port.clusterIP, ...port.loadBalancerVIPs, ...port.externalIPs])
      byAddress.set(joinHostPort(ip, port.port), servers);
    if (port.nodePort) byNodePort.set(port.nodePort, servers);
  }
  const stale = new Map<string, Flow>();
  for (const flow of flows) {
    const { originalDestination, originalPort } = flow;
    const server = joinHostPort(flow.replySource, flow.replyPort);
    const servers =
      byAddress.get(joinHostPort(originalDestination, originalPort)) ?? byNodePort.get(originalPort);
    if (servers && !servers.has(server)) stale.set(`${originalDestination} ${originalPort} ${server}`, flow);
  }
  return [...stale.values()];
}

/** Whether rows that changed can have made a UDP flow stale. `before` has each as it was, undefined where it was not. */
export function mayLeaveStaleFlows(
  before: ReadonlyMap<string, Row | undefined>,
  after: ReadonlyMap<string, Row>,
): boolean {
  for (const [key, was] of before) {
    const row = after.get(key);
    if (row?.port.protocol !== 'UDP' || was === row) continue;
    const old = was?.endpoints ?? [];
    if (old.length === 0 && row.endpoints.length > 0) return true;
    const serving = new Set(
      row.endpoints.filter((endpoint) => endpoint.serving).map((endpoint) => endpoint.text),
    );
    if (old.some((endpoint) => !serving.has(endpoint.text))) return true;
  }
  return false;
}
