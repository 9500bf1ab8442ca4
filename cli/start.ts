/** `v9s`: `render` by its short way, everything else, help and explanations included, by the whole command line. */
const [, , command, ...args] = process.argv;
const rendered = command === 'render' && (await (await import('./render.ts')).renderAtOnce(args));
if (!rendered) await import('./main.ts');
