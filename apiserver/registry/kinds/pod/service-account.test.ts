import { describe, expect, it } from 'vitest';
import type { Pod, ServiceAccount } from '../../../../api/types.ts';
import type { WriteContext } from '../../strategy.ts';
import { admitServiceAccount } from './service-account.ts';

const context = (accounts: ServiceAccount[]): WriteContext => ({
  lookup: {
    get: (_resource, name) => accounts.find(({ metadata }) => metadata?.name === name) as never,
    list: () => [],
  },
  user: { name: 'kubernetes-admin', groups: ['system:masters'] },
  dryRun: false,
  now: new Date(0),
  warn: () => undefined,
});

const pod = (spec: Partial<NonNullable<Pod['spec']>> = {}): Pod => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: { containers: [{ name: 'main' }], ...spec },
});

const robot: ServiceAccount = { metadata: { name: 'robot', namespace: 'default' } };

describe('admitServiceAccount', () => {
  it('mounts the token of the default account into every container', () => {
    const admitted = pod({ containers: [{ name: 'a' }, { name: 'b' }], initContainers: [{ name: 'c' }] });
    admitServiceAccount(admitted, context([]));
    const { spec } = admitted;
    expect(spec).toMatchObject({ serviceAccountName: 'default', serviceAccount: 'default' });
    const [volume] = spec?.volumes ?? [];
    expect(volume?.name).toMatch(/^kube-api-access-[a-z0-9]{5}$/);
    expect(volume?.projected?.sources).toHaveLength(3);
    for (const container of [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]) {
      expect(container.volumeMounts).toEqual([
        { name: volume?.name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
      ]);
    }
  });

  it('leaves a pod alone that opts out, or whose account does', () => {
    for (const [spec, accounts] of [
      [{ automountServiceAccountToken: false }, [robot]],
      [{ serviceAccountName: 'robot' }, [{ ...robot, automountServiceAccountToken: false }]],
    ] as const) {
      const admitted = pod(spec);
      admitServiceAccount(admitted, context([...accounts]));
      expect(admitted.spec?.volumes).toBeUndefined();
    }
  });

  it('lets the pod overrule its account', () => {
    const admitted = pod({ serviceAccountName: 'robot', automountServiceAccountToken: true });
    admitServiceAccount(admitted, context([{ ...robot, automountServiceAccountToken: false }]));
    expect(admitted.spec?.volumes).toHaveLength(1);
  });

  it('keeps a mount of its own at that place', () => {
    const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
    const admitted = pod({ containers: [{ name: 'main', volumeMounts: [{ name: 'mine', mountPath }] }] });
    admitServiceAccount(admitted, context([]));
    expect(admitted.spec?.volumes).toBeUndefined();
  });

  it('refuses an account that is not there', () => {
    expect(() => admitServiceAccount(pod({ serviceAccountName: 'nobody' }), context([robot]))).toThrow(
      'pods "web" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found',
    );
  });
});
