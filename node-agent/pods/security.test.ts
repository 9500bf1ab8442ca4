import { describe, expect, it } from 'vitest';
import type { Pod, PodSecurityContext, SecurityContext } from '../../api/types.ts';
import type { Image } from '../runtime/images.ts';
import { refusal, securityOf } from './security.ts';

const image: Image = { id: 'i', entrypoint: [], cmd: [], env: {}, workingDir: '/', binds: [] };
const pod = (securityContext: PodSecurityContext, more: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name: 'p', namespace: 'default', uid: 'u' },
  spec: { containers: [], securityContext, ...more },
});
const of = (shared: PodSecurityContext, own: SecurityContext = {}, from: Image = image) =>
  securityOf(pod(shared), { name: 'main', securityContext: own }, from);

describe('securityOf', () => {
  it("takes the container's word, then the pod's, then the image's", () => {
    expect(of({}).user).toBeUndefined();
    expect(of({ runAsUser: 1000, fsGroup: 2000, supplementalGroups: [3] }).user).toEqual({
      uid: 1000,
      gid: 0,
      groups: [3, 2000],
    });
    expect(of({ runAsUser: 1000 }, { runAsUser: 0 }).user).toBeUndefined();
    const theirs = { ...image, user: { uid: 101, gid: 102, groups: [] } };
    expect(of({}, {}, theirs).user).toEqual({ uid: 101, gid: 102, groups: [] });
    expect(of({}, { runAsUser: 7, runAsGroup: 8 }, theirs).user).toEqual({ uid: 7, gid: 8, groups: [] });
  });

  it('refuses root where it must not be', () => {
    expect(() => of({ runAsNonRoot: true })).toThrow(
      'container has runAsNonRoot and image will run as root (pod: "p_default(u)", container: main)',
    );
    expect(() => of({ runAsNonRoot: true }, { runAsUser: 0 })).toThrow(/runAsUser breaks non-root policy/);
    expect(of({ runAsNonRoot: true, runAsUser: 1 }).user?.uid).toBe(1);
  });

  it('gives no new privileges where escalation is not allowed', () => {
    expect(of({}).noNewPrivileges).toBe(false);
    expect(of({}, { allowPrivilegeEscalation: false }).noNewPrivileges).toBe(true);
  });
});

describe('refusal', () => {
  const sysctls = (name: string) => ({ sysctls: [{ name, value: '1' }] });
  it("lets pods set what is their namespaces'", () => {
    expect(refusal(pod(sysctls('net.ipv4.ip_forward')))).toBeUndefined();
    expect(refusal(pod(sysctls('net/core/somaxconn')))).toBeUndefined();
    expect(refusal(pod(sysctls('kernel.shm_rmid_forced')))).toBeUndefined();
    expect(refusal(pod(sysctls('vm.swappiness')))).toEqual({
      reason: 'SysctlForbidden',
      message: 'forbidden sysctl: "vm.swappiness" not allowlisted',
    });
    expect(refusal(pod(sysctls('net.core.somaxconn'), { hostNetwork: true }))?.message).toBe(
      'forbidden sysctl: "net.core.somaxconn" not allowed with host net enabled',
    );
  });
});
