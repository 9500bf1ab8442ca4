// What the commands that answer an apiserver over TLS share.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

/** Flags as `--name=value` or `--name value`; the first that is not known ends the program. */
export function flagsOf(args, defaults) {
  const flags = { ...defaults };
  for (let at = 0; at < args.length; at++) {
    const [, name, value] = /^--?([a-z-]+)(?:=(.*))?$/s.exec(args[at]) ?? [];
    // Those of klog are for all commands.
    if (name === 'v' || name === 'alsologtostderr' || name === 'logtostderr') {
      if (value === undefined && /^\d+$/.test(args[at + 1] ?? '')) at++;
      continue;
    }
    if (!(name in flags)) {
      console.error(`Error: unknown flag: ${args[at]}`);
      process.exit(1);
    }
    flags[name] = value ?? args[++at] ?? '';
  }
  return flags;
}

/** Serves reviews, objects that carry a request, at paths; `routes` gives each request its response, or never. */
export function serveReviews(flags, routes) {
  const options = {
    cert: readFileSync(flags['tls-cert-file']),
    key: readFileSync(flags['tls-private-key-file']),
  };
  const server = createServer(options, async (request, response) => {
    const { pathname } = new URL(request.url, 'https://localhost');
    if (pathname === '/readyz') return response.end('ok');
    const respond = routes[pathname];
    if (!respond) return response.writeHead(404).end('404 page not found\n');
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    try {
      const review = JSON.parse(Buffer.concat(chunks).toString());
      const { apiVersion, kind } = review;
      const said = { uid: review.request.uid, ...(await respond(review.request)) };
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ apiVersion, kind, response: said }));
    } catch (error) {
      response.writeHead(400).end(`Request could not be decoded: ${error.message}`);
    }
  });
  server.listen(Number(flags.port));
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(2));
}
