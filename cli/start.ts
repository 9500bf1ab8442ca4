/** `v9s`: `render` by its short way, everything else, help and explanations included, by the whole command line. */
async function start([command, ...args]: readonly string[]): Promise<void> {
  if (command === 'render') {
    const { renderAtOnce } = await import('./render.ts');
    if (await renderAtOnce(args)) return;
  }
  await import('./main.ts');
}

void start(process.argv.slice(2));
