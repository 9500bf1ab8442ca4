import { CommandError } from '../../kernel/run.ts';
import { findCommand } from '../../lab/doctor.ts';
import { addressOf, nameOf } from '../objects.ts';
import { host, type Report } from '../report.ts';
import type { Stage } from '../scenario.ts';
import { typeInto } from '../terminal.ts';

/** A shell in a pod on a terminal of its own, and names that resolve there. */
export async function execInto(stage: Stage): Promise<void> {
  const { report } = stage;
  const { core } = await stage.api();
  report.step('A shell in a pod: kubectl exec -it');
  const { items } = await core.listNamespacedPod({ namespace: 'default', labelSelector: 'app=nginx' });
  const [own, other] = items;
  if (!own || !other) throw new Error('there are no two pods with app=nginx');
  const { spec } = await core.readNamespacedService({ name: 'nginx-service', namespace: 'default' });
  const clusterIp = spec?.clusterIP ?? '';
  await stage.kubectl('get svc');
  const facts = { name: nameOf(own), other: addressOf(other), clusterIp };
  if (findCommand('kubectl')) {
    await onTerminal(stage, facts);
    await withoutDashes(stage, facts.name);
  } else {
    report.note('kubectl exec needs kubectl; what follows goes into the pod by another door.');
    checkResolved(
      report,
      facts.clusterIp,
      await stage.inPod(facts.name, 'ping -c 1 -W 1 nginx-service || true'),
    );
  }
  report.note(
    "The article's ping is answered, because its kube-proxy is in IPVS mode, where the address is on an interface of each node. Here it is in iptables mode, and leads nothing but port 80 anywhere. The scenario ipvs has that answer.",
  );
}

interface Facts {
  name: string;
  /** Of another pod of the Deployment. */
  other: string;
  clusterIp: string;
}

async function onTerminal({ report, cluster }: Stage, { name, other, clusterIp }: Facts): Promise<void> {
  const line = `kubectl exec -it ${name} -- bash`;
  report.command(host, line);
  const prompt = new RegExp(`root@${name}:/# $`);
  const podName = `${other.replaceAll('.', '-')}.default.pod.cluster.local`;
  const { text, exitCode } = await typeInto(
    line.replace('kubectl', `stty columns 200; exec kubectl --kubeconfig=${cluster.kubeconfig}`),
    prompt,
    [
      { keys: 'tty\n', until: prompt },
      { keys: 'ping -c 1 -W 1 nginx-service\n', until: prompt },
      { keys: `ping ${podName}\n`, until: /icmp_seq=2 / },
      // Ctrl-C
      { keys: '\u0003', until: prompt },
      { keys: 'curl -sI nginx-service | head -1\n', until: prompt },
      { keys: 'exit 7\n', until: /exit code 7/ },
    ],
  );
  report.output(text, 40);
  report.check('there is a terminal, /dev/pts/0', text.includes('\n/dev/pts/0\n'), text);
  checkResolved(report, clusterIp, text);
  report.check(
    'a pod has a name, too, and answers',
    text.includes(`PING ${podName} (${other})`) && /\b0% packet loss/.test(text),
    text,
  );
  report.check('Ctrl-C ended it, and not the shell', /\^C\n--- /.test(text), text);
  report.check('the Service is reached by its name', /HTTP\/1\.1 200 OK/.test(text), text);
  report.check('the exit code comes out: 7', exitCode === 7, String(exitCode));
}

/** The article's conclusion: the name resolves. */
function checkResolved(report: Report, clusterIp: string, text: string): void {
  const line = `PING nginx-service.default.svc.cluster.local (${clusterIp}) 56(84) bytes of data.`;
  report.check("the name resolves: the article's line, with our address", text.includes(line), text);
}

/** As the article types it. Up to 1.30 kubectl takes that with a warning. */
async function withoutDashes({ report, kubectl }: Stage, name: string): Promise<void> {
  report.step('The same without --, as the article types it');
  try {
    const answer = await kubectl(`exec ${name} hostname`);
    report.check('this kubectl takes it', answer === `${name}\n`, answer);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    report.output(error.stderr);
    report.check(
      'this kubectl does not take it any more, and says what to type',
      error.stderr.includes(' -- '),
      error.stderr,
    );
  }
}
