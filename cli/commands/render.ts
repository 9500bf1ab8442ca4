import { InvalidArgumentError, Option } from 'commander';
import { type RenderFlag, type RenderValues, renderFlags } from '../render-flags.ts';
import type { Register } from './options.ts';

/** `v9s render`: the rules a node would have, without privileges and without a cluster. */
export const register: Register = (program) => {
  const command = program
    .command('render')
    .description('print the rules that a node would have for the Services and EndpointSlices of a file')
    .addHelpText('after', help);
  for (const name of Object.keys(renderFlags) as RenderFlag[]) command.addOption(optionOf(name));
  command.action(async (options: Record<string, string>) => {
    const { render } = await import('../render.ts');
    const entries = Object.keys(renderFlags).map((name) => [name, options[camelCase(name)]]);
    await render(Object.fromEntries(entries) as RenderValues);
  });
};

const help = `
The text is what iptables-save prints on that node (tables filter and nat), and iptables-restore takes it.

  v9s render -f services.yaml --node worker --node-ip 172.18.0.3
  kubectl get services,endpointslices,nodes -A -o yaml | v9s render -f - --node worker`;

function optionOf(name: RenderFlag): Option {
  const { short, value, help, required, choices, fallback, check } = renderFlags[name];
  const option = new Option(`${short ? `-${short}, ` : ''}--${name} <${value}>`, help).default(fallback);
  if (required) option.makeOptionMandatory();
  if (choices) option.choices(choices);
  if (check)
    option.argParser((text: string) => {
      const wrong = check(text);
      if (wrong !== undefined) throw new InvalidArgumentError(wrong);
      return text;
    });
  return option;
}

/** As commander names an option's value. */
const camelCase = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
