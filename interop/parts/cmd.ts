import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deviations } from '../cmd/deviations.ts';
import { casesOf, recordedIn } from '../cmd/output.ts';
import { runScripts } from '../cmd/scripts.ts';
import { startServers } from '../cmd/servers.ts';
import { versionOfKubectl } from '../cmd/version.ts';
import type { Part } from '../part.ts';

/** `npm run test:interop -- cmd [NAME…]`: all tests, or those of upstream's names without `run_` and `_tests`. */
export const part: Part = {
  name: 'cmd',
  title: "upstream's test/cmd: kubectl's commands against this apiserver and these controllers",
  async run({ folder, options, component, say }) {
    const source = await component('source');
    const kubectl = await component('kubectl');
    const programs = { kubectl, 'kubectl-convert': await component('kubectl-convert') };
    const read = (file: string) => readFile(join(source, file), 'utf8');
    const servers = await startServers(
      {
        tokenFile: await read('hack/testdata/auth-tokens.csv'),
        clientCa: await read('hack/testdata/ca.crt'),
      },
      join(folder, 'apiserver'),
    );
    try {
      const output = await runScripts({ source, folder, programs, servers, only: options, say });
      const recorded = options.length > 0 ? [] : recordedIn(await read('test/cmd/legacy-script.sh'));
      return {
        component: `kubectl ${await versionOfKubectl(kubectl)}`,
        ran: 'test/cmd/legacy-script.sh (runTests), servers started by interop/cmd/test-cmd.sh',
        cases: casesOf(output, recorded),
        deviations,
      };
    } finally {
      await servers.stop();
    }
  },
};
