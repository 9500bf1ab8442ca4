/** A line of `kubectl get pods`, and what the article's says. */
interface Line {
  name: RegExp;
  ready: string;
  status: string;
  /** The article's counts are of 22 hours. */
  restarts: RegExp;
}

const never = /^0$/;
const again = /^[1-9]\d*$/;
const line = (name: RegExp, ready: string, status: string, restarts = never): Line => ({
  name,
  ready,
  status,
  restarts,
});

/** Article 003's listing, line by line, with an agent for each node that takes pods: there are two in the article. */
export const articleLines = (agents: number): readonly Line[] => [
  ...Array.from({ length: agents }, () => line(/^agent-\w{5}$/, '1/1', 'Running')),
  line(/^frontend$/, '1/2', 'CrashLoopBackOff', again),
  line(/^hello-1556011920-\w{5}$/, '0/1', 'Completed'),
  line(/^hello-1556011980-\w{5}$/, '0/1', 'Completed'),
  line(/^hello-1556012040-\w{5}$/, '0/1', 'Completed'),
  line(/^hello-1556012100-\w{5}$/, '0/1', 'Completed'),
  line(/^liveness-exec$/, '0/1', 'CrashLoopBackOff', again),
  line(/^mypod$/, '1/1', 'Running'),
  line(/^mypod2$/, '1/1', 'Running'),
  line(/^mypod3$/, '0/1', 'Completed'),
  line(/^mypod4$/, '0/1', 'Completed'),
  line(/^nginx-deployment-\w{8,10}-\w{5}$/, '1/1', 'Running'),
  line(/^nginx-deployment-\w{8,10}-\w{5}$/, '1/1', 'Running'),
  line(/^nginx-deployment-\w{8,10}-\w{5}$/, '1/1', 'Running'),
  line(/^pi-\w{5}$/, '0/1', 'Completed'),
];

/** The scheduled times of the article's Jobs, in seconds since 1970: a minute apart. */
export const articleTimes = [1556011920, 1556011980, 1556012040, 1556012100] as const;

/** A listing's rows without the Jobs that the CronJob has made in this very minute. */
export function rowsOf(table: string): string[][] {
  return table
    .trim()
    .split('\n')
    .slice(1)
    .map((text) => text.split(/\s+/))
    .filter(([name = '']) => !/^hello-\d{8}-/.test(name));
}

/** Where a listing is not the article's; empty where it is. */
export function unlikeArticle(table: string, agents: number): string {
  const lines = articleLines(agents);
  const rows = rowsOf(table);
  if (rows.length !== lines.length) return `${rows.length} pods instead of ${lines.length}`;
  return lines
    .flatMap(({ name, ready, status, restarts }, index) => {
      const [foundName = '', foundReady, foundStatus, foundRestarts = ''] = rows[index] ?? [];
      const same =
        name.test(foundName) &&
        ready === foundReady &&
        status === foundStatus &&
        restarts.test(foundRestarts);
      return same ? [] : [rows[index]?.join(' ') ?? ''];
    })
    .join('; ');
}
