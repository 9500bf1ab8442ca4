// Takes TLS off connections, for servers that have none: node tls.mjs PORT CERTIFICATE KEY NAME
// Each goes on to the abstract Unix socket NAME, after a line "PROXY ADDRESS:PORT" that says who asks.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createServer } from 'node:tls';

const [port, certificate, key, name] = process.argv.slice(2);
const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (secure) => {
  const address = secure.remoteAddress?.replace(/^::ffff:/, '') ?? '';
  const plain = connect({ path: `\0${name}` });
  plain.write(`PROXY ${address.includes(':') ? `[${address}]` : address}:${secure.remotePort}\n`);
  secure.pipe(plain).pipe(secure);
  // Either may end without a word; the other then has nobody to talk to.
  secure.on('error', () => plain.destroy());
  plain.on('error', () => secure.destroy());
});
server.on('tlsClientError', (error) => console.error(`TLS handshake error: ${error.message}`));
server.listen(Number(port));
