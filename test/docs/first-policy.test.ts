/** docs/first-policy.md typed as it stands: its files, the output that it quotes, and every command through the real Envoy. */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { portcullis } from '../cli/support.ts';
import { freePort } from '../e2e/support/ports.ts';
import { blocksOf, pageOf, ROOT } from './pages.ts';

const page = pageOf('docs/first-policy.md');
const blocks = blocksOf(page.text);
const shell = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text);
const [quotedSlip, quotedExplanation] = blocks.filter(({ language }) => language === '').map(({ text }) => text);

/** What a command of the page writes into a file. */
function fileIn(name: string): string {
  const text = shell.join('').split(`cat > ${name} <<'END'\n`)[1]?.split(/^END$/m)[0];
  if (text === undefined) throw new Error(`no command writes ${name}`);
  return text;
}

describe('the output that it quotes', () => {
  const before = process.cwd();
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-first-'));

  beforeAll(() => {
    process.chdir(directory);
    mkdirSync('first/policies', { recursive: true });
    writeFileSync('first/policies/hello.test.yaml', fileIn('first/policies/hello.test.yaml'));
    writeFileSync('first/denied.json', fileIn('first/denied.json'));
  });
  afterAll(() => {
    process.chdir(before);
    rmSync(directory, { recursive: true });
  });

  it('of a slip is what lint says', async () => {
    writeFileSync('first/policies/hello.yaml', fileIn('first/policies/hello.yaml').replace('methods', 'metods'));
    const { code, stdout } = await portcullis(['lint', 'first/policies']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: quotedSlip });
  });

  it('of a denied request is what explain says', async () => {
    writeFileSync('first/policies/hello.yaml', fileIn('first/policies/hello.yaml'));
    const args = ['--policies', 'first/policies', '--request', 'first/denied.json'];
    expect(await portcullis(['explain', ...args])).toMatchObject({ code: 0, stdout: quotedExplanation });
  });
});

it('shows an Envoy in which doctor finds nothing', async () => {
  const { code, stdout } = await portcullis([
    'doctor',
    join(ROOT, 'docs/examples/first-policy/envoy.yaml'),
    '--format',
    'json',
  ]);
  expect({ code, findings: (JSON.parse(stdout) as { readonly findings: unknown }).findings }).toEqual({
    code: 0,
    findings: [],
  });
});

describe('its commands, one after the other', () => {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-first-'));

  /**
   * A checkout in which the page's own files can be made. Its npm scripts install nothing before they run: the packages are
   * those that this test runs on.
   */
  beforeAll(() => {
    for (const name of ['.tools', 'node_modules', 'proto', 'src']) symlinkSync(join(ROOT, name), join(directory, name));
    cpSync(join(ROOT, 'scripts'), join(directory, 'scripts'), { recursive: true });
    const { scripts, ...rest } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    const alone = Object.fromEntries(Object.entries(scripts).filter(([name]) => !name.startsWith('pre')));
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ ...rest, scripts: alone }));
    cpSync(join(ROOT, 'docs/examples'), join(directory, 'docs/examples'), { recursive: true });
  });
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  it('allow one request, deny three, say why, and take the change', async () => {
    const fixed = ['9191', '9192', '8443', '9901'];
    const ports = await Promise.all(fixed.map(() => freePort()));
    const here = (text: string): string =>
      fixed.reduce((changed, port, index) => changed.replaceAll(port, String(ports[index])), text);
    const envoy = join(directory, 'docs/examples/first-policy/envoy.yaml');
    writeFileSync(envoy, here(readFileSync(envoy, 'utf8')));
    const listening = `export PORTCULLIS_LISTEN=127.0.0.1:${ports[0]} PORTCULLIS_ADMIN=127.0.0.1:${ports[1]}`;
    const script = shell.map((text, index) => `echo "=== ${index}"\n${here(text)}`).join('\n');

    const { code, output } = await bash(`${listening}\n${script}`, directory);

    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output.match(/^HTTP\/2 \d+/gm)).toEqual(['HTTP/2 200', 'HTTP/2 403', 'HTTP/2 403', 'HTTP/2 403']);
    expect(output).toContain('x-the-service-saw: x-caller: cluster.local/ns/demo/sa/web');
    expect(output).toContain('1 of 1 rule matched');
    expect(output).toContain('"reason":"no_rule_matched"');
    expect(output).toContain(quotedExplanation);
    // The last step but one: batch reads too.
    expect(output).toContain('x-the-service-saw: x-caller: cluster.local/ns/demo/sa/batch');
  }, 120_000);
});

/** Far more than it takes. */
const MAX_RUN_MS = 90_000;

/** As in a terminal, where each job is a group of processes; whatever is left of them at the end is ended. */
const LIKE_A_TERMINAL = `set -eum
trap 'exit 1' TERM
trap 'for job in $(jobs -p); do kill -9 -- "-$job" || true; done' EXIT
`;

async function bash(script: string, cwd: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn('bash', ['-c', LIKE_A_TERMINAL + script], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: MAX_RUN_MS,
  });
  const output = Promise.all([readAll(child.stdout), readAll(child.stderr)]);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { code, output: (await output).join('\n') };
}
