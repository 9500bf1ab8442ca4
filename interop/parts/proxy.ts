import { versionOf } from '../components/components.ts';
import type { Case, Part } from '../part.ts';
import { playScenarios, scenarios } from '../scenarios.ts';

export const part: Part = {
  name: 'proxy',
  title: 'genuine kube-proxy on our nodes in the place of our dataplane, and the scenarios on them',
  async run(context) {
    const proxy = await context.component('kube-proxy');
    const wanted = context.options.length > 0 ? context.options : scenarios;
    const cases = await playScenarios(wanted, [`kube-proxy=${proxy}`], context);
    return {
      component: `kube-proxy ${await versionOf(proxy)}`,
      ran: `v9s scenario NAME --program kube-proxy=…, with ${wanted.join(', ')}`,
      cases: [...cases, ...(context.options.length > 0 ? [] : leftOut)],
      deviations: cases.filter(({ outcome }) => outcome === 'failed').flatMap(({ name }) => explained(name)),
    };
  },
};

const leftOut: readonly Case[] = [
  {
    name: 'ipvs: the scenario',
    outcome: 'skipped',
    reason: 'this kernel has no IP_VS, and in the guest kernel that has it part rules judges this mode',
  },
  {
    name: 'dataplanes: the scenario',
    outcome: 'skipped',
    reason: 'it changes a running cluster from one of our dataplanes to another',
  },
];

/** What these checks compare is the text of another release, which our own dataplane is told to emulate there. */
const ofAnotherRelease: readonly { checks: RegExp; reason: string }[] = [
  {
    checks: /^clusterip: (KUBE-SERVICES has the article's|its name and its four rules|it is the article's)/,
    reason:
      'the article is of kube-proxy 1.10, which names an unnamed port “default/service-test:”; 1.20 leaves out the colon, in comments and in what chain names are hashes of',
  },
  {
    checks: /^nodeport: KUBE-\S+ is as in the article/,
    reason:
      'the article is of kube-proxy 1.11 to 1.15, which names an unnamed port with a colon and writes no comment into the chains of a Service; 1.20 does neither',
  },
  {
    checks: /^nodeport: the scenario runs to its end/,
    reason:
      'it waits for kube-proxy to take a node port back that another program had; 1.20 tries again only when a Service changes, or after an hour (the articles’ releases: every 30 s)',
  },
];

const explained = (name: string) =>
  ofAnotherRelease.flatMap(({ checks, reason }) => (checks.test(name) ? [{ what: name, reason }] : []));
