import { expect, test } from 'vitest';
import { resources } from '../../../../api/scheme.ts';
import { StatusError } from '../../../../api/status.ts';
import type { Service, ServiceSpec } from '../../../../api/types.ts';
import { admit, createContext, strategyOf } from '../testing.ts';

const service = (spec: ServiceSpec, name = 'web'): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec,
});
const valid: ServiceSpec = { selector: { app: 'web' }, ports: [{ port: 80 }] };
const strategy = strategyOf(resources.services);

/** Creates in a fresh cluster, one after the other. */
function cluster(cidrs = ['10.96.0.0/12'], stored: Service[] = []) {
  const own = strategyOf(resources.services, cidrs);
  const context = createContext(stored.map((one) => [resources.services, one]));
  return {
    release: (object: Service) => own.release?.(object),
    write(object: Service, old?: Service): { object: Service; giveBack: () => void } {
      const { object: admitted, errors } = admit(own, object, old);
      expect(errors).toEqual([]);
      const giveBack = own.allocate?.(admitted, old, context);
      return { object: admitted, giveBack: giveBack ?? (() => undefined) };
    },
  };
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof StatusError) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}

test('defaults of a ClusterIP Service', () => {
  const { object } = cluster().write(service(valid));
  expect(object.spec).toMatchObject({
    type: 'ClusterIP',
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }],
  });
  expect(object.spec).not.toHaveProperty('externalTrafficPolicy');
  expect(object.spec?.clusterIPs).toEqual([object.spec?.clusterIP]);
  expect(object.status).toEqual({ loadBalancer: {} });
});

test('defaults that depend on the type', () => {
  expect(
    admit(strategy, service({ ...valid, sessionAffinity: 'ClientIP' })).object.spec?.sessionAffinityConfig,
  ).toEqual({
    clientIP: { timeoutSeconds: 10800 },
  });
  const balancer = admit(strategy, service({ ...valid, type: 'LoadBalancer' })).object.spec;
  expect(balancer).toMatchObject({ externalTrafficPolicy: 'Cluster', allocateLoadBalancerNodePorts: true });
  const external = admit(strategy, service({ type: 'ExternalName', externalName: 'example.com' })).object
    .spec;
  expect(external).not.toHaveProperty('internalTrafficPolicy');
});
test('a ClusterIP may be asked for once', () => {
  const { write } = cluster();
  expect(write(service({ ...valid, clusterIP: '10.96.0.10' })).object.spec?.clusterIPs).toEqual([
    '10.96.0.10',
  ]);
  expect(refusal(() => write(service({ ...valid, clusterIP: '10.96.0.10' }, 'other')))).toBe(
    'Service "other" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
  );
});

test('a ClusterIP outside of the range, or at its ends, is refused', () => {
  const { write } = cluster(['10.0.0.0/24']);
  expect(refusal(() => write(service({ ...valid, clusterIP: '1.2.3.4' })))).toContain(
    'failed to allocate IP 1.2.3.4: the provided network does not match the current range',
  );
  expect(refusal(() => write(service({ ...valid, clusterIP: '10.0.0.255' })))).toContain(
    'failed to allocate IP 10.0.0.255: the provided IP (10.0.0.255) is not in the valid range. The range of valid IPs is 10.0.0.0/24',
  );
});

test('addresses of stored Services are taken, those of a deleted one are free again', () => {
  const stored = service(
    { ...valid, type: 'ClusterIP', clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'] },
    'old',
  );
  const { write, release } = cluster(undefined, [stored]);
  const again = () => write(service({ ...valid, clusterIP: '10.96.0.7' }));
  expect(refusal(again)).toContain('provided IP is already allocated');
  release(stored);
  expect(again().object.spec?.clusterIP).toBe('10.96.0.7');
});

test('a failed write gives everything back', () => {
  const { write } = cluster();
  const spec = { type: 'NodePort', clusterIP: '10.96.0.7', ports: [{ port: 80, nodePort: 30080 }] };
  write(service(spec)).giveBack();
  expect(write(service(spec)).object.spec?.clusterIP).toBe('10.96.0.7');
});

test('node ports: given, asked for, taken, out of range, shared by protocols', () => {
  const { write } = cluster();
  const given = write(service({ ...valid, type: 'NodePort' })).object.spec?.ports?.[0]?.nodePort ?? 0;
  expect(given).toBeGreaterThanOrEqual(30086);
  expect(given).toBeLessThanOrEqual(32767);
  const ask = (nodePort: number, name: string) =>
    write(service({ type: 'NodePort', ports: [{ port: 80, nodePort }] }, name));
  ask(30000, 'a');
  expect(refusal(() => ask(30000, 'b'))).toBe(
    'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30000: provided port is already allocated',
  );
  expect(refusal(() => ask(80, 'c'))).toBe(
    'Service "c" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
  );
  const dns = [
    { name: 'tcp', port: 53 },
    { name: 'udp', port: 53, protocol: 'UDP' },
  ];
  const ports = write(service({ type: 'NodePort', ports: dns }, 'dns')).object.spec?.ports;
  expect(ports?.[0]?.nodePort).toBe(ports?.[1]?.nodePort);
});

test('an update without addresses and ports keeps them', () => {
  const { write } = cluster();
  const first = write(service({ ...valid, type: 'NodePort' })).object;
  const second = write(
    service({ selector: { app: 'other' }, type: 'NodePort', ports: [{ port: 8080 }] }),
    first,
  ).object;
  expect(second.spec?.clusterIPs).toEqual(first.spec?.clusterIPs);
  expect(second.spec?.ports?.[0]?.nodePort).toBe(first.spec?.ports?.[0]?.nodePort);
});

test('a ClusterIP may not change', () => {
  const { write } = cluster();
  const first = write(service({ ...valid, clusterIP: '10.96.0.7' })).object;
  const changed = service({
    ...structuredClone(first.spec),
    clusterIP: '10.96.0.8',
    clusterIPs: ['10.96.0.8'],
  });
  expect(admit(strategy, changed, first).errors).toEqual([
    'spec.clusterIPs[0]: Invalid value: ["10.96.0.8"]: may not change once set',
  ]);
});

test('NodePort → ClusterIP drops and frees the node port', () => {
  const { write } = cluster();
  const first = write(service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] })).object;
  const second = write(service({ ...structuredClone(first.spec), type: 'ClusterIP' }), first).object;
  expect(second.spec?.ports?.[0]).not.toHaveProperty('nodePort');
  expect(second.spec).not.toHaveProperty('externalTrafficPolicy');
  write(service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }, 'other'));
});

test('ClusterIP → ExternalName frees the address, and back gives a new one', () => {
  const { write } = cluster();
  const first = write(service({ ...valid, clusterIP: '10.96.0.7' })).object;
  const named = write(
    service({ ...structuredClone(first.spec), type: 'ExternalName', externalName: 'a.example' }),
    first,
  ).object;
  expect(named.spec).not.toHaveProperty('clusterIP');
  expect(named.spec).not.toHaveProperty('ipFamilies');
  write(service({ ...valid, clusterIP: '10.96.0.7' }, 'other'));
  const back = write(service({ ...structuredClone(named.spec), type: 'ClusterIP' }), named).object;
  expect(back.spec?.clusterIP).toMatch(/^10\./);
});

const dual = ['10.96.0.0/12', 'fd00:10:96::/112'];

test('two families: required, preferred, single', () => {
  const { write } = cluster(dual);
  const required = write(service({ ...valid, ipFamilyPolicy: 'RequireDualStack' })).object.spec;
  expect(required?.ipFamilies).toEqual(['IPv4', 'IPv6']);
  expect(required?.clusterIPs?.[1]).toMatch(/^fd00:10:96::/);
  const six = write(service({ ...valid, ipFamilies: ['IPv6'] }, 'six')).object.spec;
  expect(six?.clusterIPs).toHaveLength(1);
  expect(six?.clusterIP).toMatch(/^fd00:10:96::/);
  const preferred = write(service({ ...valid, ipFamilyPolicy: 'PreferDualStack' }, 'pref')).object;
  expect(preferred.spec?.clusterIPs).toHaveLength(2);
  const reduced = write(
    service({ ...structuredClone(preferred.spec), ipFamilyPolicy: 'SingleStack' }, 'pref'),
    preferred,
  ).object.spec;
  expect(reduced?.clusterIPs).toEqual(preferred.spec?.clusterIPs?.slice(0, 1));
});

test('two families on a cluster with one', () => {
  const { write } = cluster();
  expect(refusal(() => write(service({ ...valid, ipFamilyPolicy: 'RequireDualStack' })))).toContain(
    'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
  );
  expect(refusal(() => write(service({ ...valid, ipFamilies: ['IPv6'] })))).toContain(
    'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
  );
  const headless = write(service({ clusterIP: 'None' })).object.spec;
  expect(headless).toMatchObject({ ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] });
});

test('field selectors', () => {
  expect(strategy.selectableFields?.(service({ type: 'NodePort', clusterIP: '10.96.0.7' }))).toEqual({
    'spec.clusterIP': '10.96.0.7',
    'spec.type': 'NodePort',
  });
});
