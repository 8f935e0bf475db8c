import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { portcullis, portcullisProcess } from './support.ts';

const TIMEOUT_MS = 60_000;

test.each(['serve', 'check', 'explain', 'lint', 'test', 'doctor', 'envoy-config'])(
  '%s --help shows examples and ends with 0',
  async (command) => {
    const { code, stdout, stderr } = await portcullis([command, '--help']);
    expect({ code, stderr }).toStrictEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: portcullis ${command}`);
    expect(stdout).toMatch(new RegExp(`\nExamples:\n  portcullis ${command}\\b`));
    expect(stdout).toContain('--config <file>');
  },
  TIMEOUT_MS,
);

test(
  '--version prints the version of the package',
  async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await portcullisProcess(['--version'])).toStrictEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  },
  TIMEOUT_MS,
);

test.each([
  [[], 'Usage: portcullis'],
  [['chek'], 'Did you mean check?'],
  [['lint', '--polices', 'x'], 'unknown option'],
  [['serve', '--listen', 'nowhere'], '--listen:1:1: error bad-address'],
])(
  '%j is bad usage',
  async (args, message) => {
    const { code, stdout, stderr } = await portcullis(args);
    expect({ code, stdout }).toStrictEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  },
  TIMEOUT_MS,
);
