import type { Family } from '../../api/address.ts';
import type { Node } from '../../api/types.ts';

/** What a probe is answered. */
export interface ProbeAnswer {
  readonly code: 200 | 503;
  readonly body: string;
}

/** Whether the proxy keeps up with the API, and whether its node may take traffic from load balancers. */
export interface ProxyHealth {
  /** A change has arrived that is not in the kernel yet. */
  queued(family: Family): void;
  /** The kernel has everything now. */
  updated(family: Family): void;
  /** The proxy's own Node has changed. */
  node(node: Node): void;
  /** Of the proxy alone, whatever its node. */
  healthy(): boolean;
  /** `/healthz`: also false while the node is on its way out, so that load balancers turn away. */
  healthz(): ProbeAnswer;
  /** `/livez`: the proxy alone, for what would restart it. */
  livez(): ProbeAnswer;
}

/** The cluster autoscaler's mark on a node that it is about to delete. */
const toBeDeletedTaint = 'ToBeDeletedByClusterAutoscaler';

/**
 * @param timeout milliseconds that a change may wait before the proxy counts as stuck.
 * @param now milliseconds since the epoch.
 *
 * Upstream: `pkg/proxy/healthcheck/proxy_health.go` (KEP-3836).
 */
export function createProxyHealth({
  timeout,
  now = Date.now,
}: {
  timeout: number;
  now?: () => number;
}): ProxyHealth {
  const lastUpdated = new Map<Family, number>();
  const waitingSince = new Map<Family, number>();
  let eligible = true;

  /** Late is a family that was served once; before that the proxy is starting. */
  function lateFamily(): Family | undefined {
    return [...lastUpdated.keys()].find((family) => {
      const since = waitingSince.get(family);
      return since !== undefined && now() - since >= timeout;
    });
  }

  function answer(extra: string, alsoNeeded: boolean): ProbeAnswer {
    const late = lateFamily();
    const ok = late === undefined && alsoNeeded;
    const latest = Math.max(0, ...lastUpdated.values());
    const updated = ok ? now() : late ? (lastUpdated.get(late) ?? 0) : latest;
    const times = `"lastUpdated": "${goTime(updated)}","currentTime": "${goTime(now())}"`;
    return { code: ok ? 200 : 503, body: `{${times}${extra}}` };
  }

  return {
    queued(family) {
      if (!waitingSince.has(family)) waitingSince.set(family, now());
    },
    updated(family) {
      waitingSince.delete(family);
      lastUpdated.set(family, now());
    },
    node({ metadata, spec }) {
      const leaving = (spec?.taints ?? []).some(({ key }) => key === toBeDeletedTaint);
      eligible = !metadata?.deletionTimestamp && !leaving;
    },
    healthy: () => lateFamily() === undefined,
    healthz: () => answer(`, "nodeEligible": ${eligible}`, eligible),
    livez: () => answer('', true),
  };
}

/** As Go prints a time: `2026-11-21 17:00:00.123 +0000 UTC`. */
function goTime(milliseconds: number): string {
  if (milliseconds === 0) return '0001-01-01 00:00:00 +0000 UTC';
  const text = new Date(milliseconds).toISOString();
  return `${text.replace('T', ' ').replace(/\.?0*Z$/, '')} +0000 UTC`;
}
