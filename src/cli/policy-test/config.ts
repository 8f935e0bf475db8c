/** The configuration of a test file: the one of the command, with the keys that the file sets. */
import type { ServiceConfig } from '../../config/config.ts';
import { loadConfig } from '../../config/load.ts';
import { SETTINGS, settingPathText } from '../../config/settings.ts';
import type { Diagnostic } from '../../lib/diagnostic.ts';
import type { Json, JsonObject, PolicyTestFile } from '../../policy/test-model.ts';
import type { ConfigOption } from '../options.ts';
import type { Flags } from '../policies.ts';
import type { Terminal } from '../terminal.ts';

export interface TestConfig {
  readonly config: ServiceConfig | null;
  readonly diagnostics: readonly Diagnostic[];
}

export function configOfTests(file: PolicyTestFile, options: ConfigOption, env: Terminal['env']): TestConfig {
  const flags = file.config === null ? {} : Object.fromEntries(settingsIn(file.config.value));
  // The schema checks the values, whatever their type.
  const { config, diagnostics } = loadConfig({ file: options.config, env, flags: flags as Flags });
  return {
    config,
    diagnostics: diagnostics.map((diagnostic) =>
      file.config !== null && diagnostic.position.file.startsWith('--')
        ? { ...diagnostic, position: file.config.position }
        : diagnostic,
    ),
  };
}

const SETTING_NAMES: ReadonlySet<string> = new Set(SETTINGS.map(({ path }) => settingPathText(path)));

/** By dotted key. What is below no setting is handed on as it stands, to be told that it is none. */
function settingsIn(object: JsonObject, above = ''): [string, Json][] {
  return Object.entries(object).flatMap(([key, value]): [string, Json][] => {
    const name = above === '' ? key : `${above}.${key}`;
    return SETTING_NAMES.has(name) || !isObject(value) ? [[name, value]] : settingsIn(value, name);
  });
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
