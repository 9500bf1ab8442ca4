import type { Case } from '../part.ts';

/** Why a test of upstream's cannot pass here, by a pattern of its name. */
const reasons: readonly { readonly tests: RegExp; readonly reason: string }[] = [
  {
    tests: /read only busybox container should not write to root filesystem/,
    reason:
      "wants busybox's own words for a read-only file system; the image busybox has the host's shell, which says the same in others",
  },
  {
    tests: /tasks sometimes fail and are locally restarted/,
    reason:
      "its pods ask with [[, which busybox's shell knows; the image busybox has the host's shell, dash, which does not",
  },
  {
    tests: /NetworkPolicy between server and client/,
    reason: 'the pod network is as flannel makes it, and like flannel it does not enforce NetworkPolicies',
  },
  {
    tests: /should provide Internet connection for containers|should forward PTR records lookup/,
    reason: 'asks the Internet, names such as that of 8.8.8.8 among it, and the machine has none',
  },
  {
    tests: /LoadBalancer service|ESIPP/,
    reason:
      "connects from the machine that runs the suite to a LoadBalancer's address, as a cloud routes it; a lab's addresses are reachable only inside of it",
  },
  {
    tests: /load balancer cleanup finalizer/,
    reason:
      'waits for the finalizer of a cloud that has to take its balancer back; addresses of a lab are given without one',
  },
  {
    tests: /IPerf/,
    reason: 'runs iperf, which the image of the test has; ours has the tools of the host, which has none',
  },
  {
    tests: /\[Feature:SCTP\].*(ClusterIP Service with SCTP ports|SCTP HostPort)/,
    reason:
      "reads a node's iptables by entering the mount namespace of PID 1 through a hostPath of /, which a lab keeps from pods",
  },
  {
    tests: /ClusterDns \[Feature:Example\]/,
    reason: 'its manifests are of the repository kubernetes/examples, which is not part of the source',
  },
  {
    tests:
      /Should be able to support the 1.17 Sample API Server|should resolve connection reset issue #74839/,
    reason: 'needs an image that only a registry has; nothing is downloaded (v9s load brings real ones)',
  },
  {
    tests:
      /should not allow privilege escalation when false|allow privilege escalation when (true|not explicitly)/,
    reason:
      'needs the image nonewprivs, a program with the set-user-ID bit, which only a registry has (v9s load brings real ones)',
  },
  {
    tests: /prevent Ingress creation if more than 1 IngressClass marked as default/,
    reason: 'since 1.28 several default classes are no error: the newest is taken',
  },
  {
    tests: /SCTPConnectivity/,
    reason: 'the kernel of the machine that ran it has no SCTP',
  },
  {
    tests: /should run through the lifecycle of Pods and PodStatus/,
    reason:
      'reads a pod and writes its status in two requests while a container comes back with another image; here it is back in between, and the write is a conflict. Later releases of the test try again',
  },
];

const always = [
  {
    what: 'v9s up --legacy-service-account-tokens',
    reason:
      'the suite of 1.20 waits for a token Secret of every ServiceAccount before each test; no release since 1.24 makes them, nor does this one unasked',
  },
  {
    what: 'http_proxy',
    reason:
      'where the machine that runs the suite has no Internet, a proxy answers the one question whether it has; tests of Networking ask it at first and do not use it',
  },
];

/** The reasons of those that failed and are known to, and what else is not as the suite has it. */
export function knownReasons(cases: readonly Case[]): { what: string; reason: string }[] {
  const failed = cases
    .filter(({ outcome }) => outcome === 'failed')
    .flatMap(({ name }) => {
      const known = reasons.find(({ tests }) => tests.test(name));
      return known ? [{ what: name, reason: known.reason }] : [];
    });
  return [...failed, ...always];
}
