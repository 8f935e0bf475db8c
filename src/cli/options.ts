/** Options that several commands share, said once. */
import { Option } from 'commander';

export type Format = 'text' | 'json';

export interface ConfigOption {
  readonly config?: string;
}

export interface PolicyOptions extends ConfigOption {
  readonly policies?: readonly string[];
}

export interface RequestOptions extends PolicyOptions {
  readonly request?: string;
  readonly requests?: string;
  readonly format: Format;
}

export function configOption(): Option {
  return new Option('--config <file>', 'service configuration (YAML); also PORTCULLIS_CONFIG');
}

/** Can be given several times. */
export function policiesOption(): Option {
  const gather = (path: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), path];
  return new Option(
    '--policies <path>',
    'policy file or directory; can be given again (default: `policies` of the configuration)',
  ).argParser(gather);
}

export function formatOption(fallback: Format): Option {
  return new Option('--format <format>', 'how to report').choices(['text', 'json']).default(fallback);
}

export function requestOptions(): readonly Option[] {
  return [
    new Option(
      '--request <file>',
      'one CheckRequest: protobuf JSON, or {"bytes": "<base64>"}; `-` is standard input',
    ).conflicts('requests'),
    new Option('--requests <file>', 'one CheckRequest a line, each in either form; `-` is standard input'),
  ];
}
