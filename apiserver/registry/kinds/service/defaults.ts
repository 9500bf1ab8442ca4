import type { Service } from '../../../../api/types.ts';
import { isExternal } from './traits.ts';

/** Seconds a client stays with its endpoint. */
const clientIpTimeout = 10_800;

/** Fills absent fields. Upstream: `SetDefaults_Service` in `pkg/apis/core/v1/defaults.go`. */
export function setServiceDefaults(service: Service): void {
  service.spec ??= {};
  const { spec } = service;
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (
    spec.sessionAffinity === 'ClientIP' &&
    spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined
  ) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: clientIpTimeout } };
  }
  spec.type ||= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP';
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') {
      port.targetPort = port.port;
    }
    if (port.nodePort === 0) delete port.nodePort;
  }
  if (isExternal(spec)) spec.externalTrafficPolicy ||= 'Cluster';
  if (spec.type !== 'ExternalName') {
    spec.internalTrafficPolicy ||= 'Cluster';
    setFamilyDefaults(spec);
  }
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
}

/** What can be known of the families without the cluster's ranges; the rest comes with the allocation. */
function setFamilyDefaults(spec: NonNullable<Service['spec']>): void {
  const { ipFamilies = [] } = spec;
  if (!spec.ipFamilyPolicy && ((spec.clusterIPs?.length ?? 0) === 2 || ipFamilies.length === 2)) {
    spec.ipFamilyPolicy = 'RequireDualStack';
  }
  const [first] = ipFamilies;
  if (spec.ipFamilyPolicy === 'RequireDualStack' && first && ipFamilies.length === 1) {
    spec.ipFamilies = [first, first === 'IPv4' ? 'IPv6' : 'IPv4'];
  }
}
