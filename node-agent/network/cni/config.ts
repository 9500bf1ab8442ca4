/** One plugin of a chain, as the file has it: `type`, and whatever the plugin itself reads. */
export interface PluginConfig {
  type: string;
  capabilities?: Record<string, boolean>;
  [key: string]: unknown;
}

/** A network configuration list. */
export interface Conflist {
  cniVersion: CniVersion;
  name: string;
  disableCheck: boolean;
  disableGC: boolean;
  plugins: PluginConfig[];
}

/** A configuration that breaks the specification; `where` is the file. */
export class ConflistError extends Error {
  constructor(where: string, what: string) {
    super(`${where}: ${what}`);
    this.name = 'ConflistError';
  }
}

/** Versions whose results are alike: from 0.3.0 a result lists interfaces and addresses. */
export const cniVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

export type CniVersion = (typeof cniVersions)[number];

/** Whether a list's version has what came with another. */
export const isAtLeast = ({ cniVersion }: Conflist, version: CniVersion): boolean =>
  cniVersions.indexOf(cniVersion) >= cniVersions.indexOf(version);

/**
 * Reads a `.conflist`, or the `.conf` of a single plugin. Throws {@link ConflistError}. Source: CNI
 * specification 1.1, section 1.
 */
export function parseConflist(text: string, where: string): Conflist {
  const refuse = (what: string) => new ConflistError(where, what);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw refuse(`is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(json)) throw refuse('must be a JSON object');
  const { cniVersion = '0.3.1', name, plugins = [json], disableCheck = false, disableGC = false } = json;
  if (typeof name !== 'string' || !/^[a-z0-9][\w.-]*$/i.test(name))
    throw refuse(
      `name ${JSON.stringify(name)} must begin with a letter or digit; '_', '.' and '-' may follow besides`,
    );
  const version = cniVersions.find((one) => one === cniVersion);
  if (!version)
    throw refuse(`cniVersion ${JSON.stringify(cniVersion)} must be one of ${cniVersions.join(', ')}`);
  if (!Array.isArray(plugins) || plugins.length === 0)
    throw refuse('plugins must be a list with at least one plugin');
  return {
    cniVersion: version,
    name,
    disableCheck: disableCheck === true || disableCheck === 'true',
    disableGC: disableGC === true || disableGC === 'true',
    plugins: plugins.map((plugin: unknown, index) => {
      if (!isObject(plugin) || typeof plugin.type !== 'string' || !/^[^/\s]+$/.test(plugin.type))
        throw refuse(`plugins[${index}].type must be the name of a program, without a folder`);
      return { ...plugin, type: plugin.type, ...capabilitiesOf(plugin) };
    }),
  };
}

function capabilitiesOf({ capabilities }: Record<string, unknown>): {
  capabilities?: Record<string, boolean>;
} {
  if (!isObject(capabilities)) return {};
  return {
    capabilities: Object.fromEntries(
      Object.entries(capabilities).map(([key, value]) => [key, value === true]),
    ),
  };
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
