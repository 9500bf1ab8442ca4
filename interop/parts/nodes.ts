import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { versionOf } from '../components/components.ts';
import type { Case, Part } from '../part.ts';
import { playScenarios, scenarios } from '../scenarios.ts';

export const part: Part = {
  name: 'nodes',
  title: "our node-agent, dataplane and DNS on upstream's control plane, and the scenarios on them",
  async run(context) {
    const names = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];
    const files = await Promise.all(names.map((name) => context.component(name)));
    const programs = names.map((name, index) => `${name}=${files[index]}`);
    // A kubectl of today asks such an API for what it has not.
    const tools = join(context.folder, 'bin');
    await mkdir(tools);
    await symlink(await context.component('kubectl'), join(tools, 'kubectl'));
    const wanted = context.options.length > 0 ? context.options : scenarios;
    const cases = await playScenarios(wanted, programs, context, { PATH: `${tools}:${process.env.PATH}` });
    return {
      component: `kube-apiserver, kube-controller-manager, kube-scheduler ${await versionOf(files[0] ?? '')}; etcd`,
      ran: `v9s scenario NAME ${names.map((name) => `--program ${name}=…`).join(' ')}, with ${wanted.join(', ')}`,
      cases: [...cases, ...(context.options.length > 0 ? [] : leftOut)],
      deviations: [],
    };
  },
};

/** They are played in a guest kernel where this one has no IP_VS. */
const leftOut: readonly Case[] = ['ipvs', 'dataplanes'].map((name) => ({
  name: `${name}: the scenario`,
  outcome: 'skipped',
  reason: 'it needs IP_VS: in a guest kernel, upstream’s control plane was not tried',
}));
