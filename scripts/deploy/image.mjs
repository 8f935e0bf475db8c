/** Builds the image, starts it as Kubernetes would (no root, nothing to write to, first of its processes), and stops it. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { ROOT } from '../lib/paths.mjs';
import { BootstrapError, lastLines } from '../lib/run.mjs';
import { must } from './programs.mjs';
import { standInBases } from './stand-in-base.mjs';

/** Kubernetes' `runAsUser` in deploy/. */
const USER = 65_532;
const WAIT_MS = 60_000;
/** Field 1, the service. */
const HEALTH_QUESTION = Buffer.concat([Buffer.from([0x0a, 35]), Buffer.from('envoy.service.auth.v3.Authorization')]);
/** Field 1, SERVING. */
const SERVING = Buffer.from([0x08, 0x01]);

/**
 * @typedef {object} BuiltImage
 * @property {string} rootfs where its files are
 * @property {{ Entrypoint: string[], Cmd: string[], Env: string[], User: string, WorkingDir: string }} config
 * @property {string} bases which base images were used
 */

/**
 * @param {import('../install-image-tools.mjs').ImageTools} tools
 * @param {string} folder of its own
 * @returns {Promise<BuiltImage>}
 */
export async function buildImage({ buildah, busybox }, folder) {
  const policy = join(folder, 'policy.json');
  await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  const store = ['--root', join(folder, 'store'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs'];
  const options = [...store, '--registries-conf', '/dev/null'];
  const build = (/** @type {readonly string[]} */ args) =>
    must(buildah, [...options, 'build', '--isolation', 'chroot', '--signature-policy', policy, ...args]);
  const bases = await standInBases(build, busybox, folder);
  const pinned = async (/** @type {string} */ name) => {
    const format = ['--format', '{{.FromImageDigest}}'];
    const digest = /sha256:[0-9a-f]{64}/.exec(
      await must(buildah, [...options, 'inspect', '--type', 'image', ...format, name]),
    );
    if (digest === null) throw new BootstrapError(`${name} has no digest`);
    return `${name}@${digest[0]}`;
  };
  const release = (/** @type {string} */ buildImage, /** @type {string} */ runtimeImage) => [
    ...['-q', '-f', join(ROOT, 'deploy', 'docker', 'Dockerfile'), '-t', 'portcullis', '--build-arg', 'RELEASE=true'],
    ...['--build-arg', `BUILD_IMAGE=${buildImage}`, '--build-arg', `RUNTIME_IMAGE=${runtimeImage}`, ROOT],
  ];
  const refusal = await build(['--target', 'build', ...release(await pinned(bases.build), bases.runtime)]).then(
    () => 'it was built',
    (/** @type {unknown} */ error) => String(error),
  );
  if (!refusal.includes('is not pinned by a digest')) {
    throw new BootstrapError(`a release on a base image without a digest is not refused: ${refusal}`);
  }
  await build(release(await pinned(bases.build), await pinned(bases.runtime)));
  const described = await must(buildah, [...options, 'inspect', '--type', 'image', 'portcullis']);
  const container = lastLines(
    await must(buildah, [...options, 'from', '--signature-policy', policy, '--pull-never', 'portcullis']),
    1,
  );
  const rootfs = lastLines(await must(buildah, [...options, 'mount', container]), 1);
  const { OCIv1 } = /** @type {{ OCIv1: { config: BuiltImage['config'] } }} */ (
    JSON.parse(described.slice(described.indexOf('{')))
  );
  return { rootfs, config: OCIv1.config, bases: 'stand-ins made of this machine' };
}

/**
 * @param {import('../install-image-tools.mjs').ImageTools} tools
 * @param {BuiltImage} image
 * @param {string} folder of its own
 * @returns {Promise<string>} what was seen
 */
export async function runImage({ crun }, { rootfs, config }, folder) {
  if (config.User !== `${USER}:${USER}`) throw new BootstrapError(`the image runs as ${config.User}`);
  for (const shell of ['bin/sh', 'bin/busybox', 'usr/local/bin/npm']) {
    if (await exists(join(rootfs, shell))) throw new BootstrapError(`there is a /${shell} in the image`);
  }
  for (const part of [
    'app/dist/main.js',
    'app/dist/console/index.html',
    'app/proto',
    'app/sbom.cdx.json',
    'app/LICENSE',
  ]) {
    if (!existsSync(join(rootfs, part))) throw new BootstrapError(`there is no /${part} in the image`);
  }
  const policies = join(folder, 'policies');
  await mkdir(policies, { recursive: true });
  await writeFile(join(policies, 'check.yaml'), POLICY);
  const [grpc, health] = [await freePort(), await freePort()];
  const env = [...config.Env, `PORTCULLIS_LISTEN=127.0.0.1:${grpc}`, `PORTCULLIS_HEALTH=127.0.0.1:${health}`];
  const container = {
    rootfs,
    config: { ...config, Env: [...env, 'PORTCULLIS_ADMIN=', 'PORTCULLIS_WORKERS=2'] },
    policies,
    folder,
  };
  const start = await startFor(crun, container);
  const help = start({ ...container, config: { ...container.config, Cmd: ['--help'] } });
  const [helpCode] = await help.ended;
  if (helpCode !== 0 || !help.output().includes('serve'))
    throw new BootstrapError(`--help: ${lastLines(help.output())}`);

  const running = start(container);
  const { ended, output } = running;
  const stop = new AbortController();
  void ended.then(() => stop.abort());
  try {
    const until = (/** @type {string} */ what, /** @type {() => Promise<boolean>} */ holds) =>
      waitUntil(what, holds, stop.signal, output);
    const ready = async () => (await status(`http://127.0.0.1:${health}/readyz`)) === 200;
    await until('ready', ready);
    const pid = await running.firstProcess();
    await expectConfined(pid);
    const client = new Client(`127.0.0.1:${grpc}`, credentials.createInsecure());
    const answer = await call(client, '/grpc.health.v1.Health/Check', HEALTH_QUESTION);
    if (!answer.equals(SERVING)) throw new BootstrapError(`the health check answered ${answer.toString('hex')}`);
    for (const [path, isAllowed] of /** @type {const} */ ([
      ['/open', true],
      ['/closed', false],
    ])) {
      const decision = await call(client, '/envoy.service.auth.v3.Authorization/Check', checkOf(path));
      if (isDenial(decision) === isAllowed)
        throw new BootstrapError(`${path} was answered with ${decision.toString('hex')}`);
    }
    client.close();

    // The first process has to take note of the end of its children itself: nothing else in the container does.
    const [worker] = await childrenOf(pid);
    if (worker === undefined) throw new BootstrapError('there are no workers');
    process.kill(worker, 'SIGKILL');
    const metrics = `http://127.0.0.1:${health}/metrics`;
    await until('one worker replaced', async () =>
      (await text(metrics)).includes('\nportcullis_workers_replaced_total 1\n'),
    );
    await until('two workers, and nothing left of the third', async () => {
      const children = await childrenOf(pid);
      return children.length === 2 && !children.includes(worker);
    });

    process.kill(pid, 'SIGTERM');
    const [code] = await Promise.race([
      ended,
      sleep(WAIT_MS).then(() =>
        Promise.reject(new BootstrapError(`it does not end on SIGTERM:\n${lastLines(output())}`)),
      ),
    ]);
    if (code !== 0 || !output().includes('"msg":"stopped"')) {
      throw new BootstrapError(`it ended with ${String(code)} on SIGTERM:\n${lastLines(output())}`);
    }
    return `${running.by}: pid 1 as ${USER}, read-only root, no capabilities; --help, ready, healthy, allows and denies; a killed worker is replaced and reaped; SIGTERM drains, exit code 0`;
  } finally {
    await running.remove();
  }
}

/** One path is open to everybody. */
const POLICY = `apiVersion: portcullis.dev/v1
kind: AccessPolicy
metadata: { name: check, namespace: shop }
spec: { rules: [{ to: [{ operation: { paths: [/open] } }] }] }
`;

/**
 * A CheckRequest for a workload of `shop`: attributes (1) with request (4), its http (2), and context_extensions (10).
 *
 * @param {string} path
 */
function checkOf(path) {
  const field = (/** @type {number} */ number, /** @type {Buffer | string} */ content) => {
    const bytes = Buffer.from(content);
    return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
  };
  const http = Buffer.concat([field(2, 'GET'), field(4, path), field(5, 'shop.example')]);
  const workload = Buffer.concat([field(1, 'namespace'), field(2, 'shop')]);
  return field(1, Buffer.concat([field(4, field(2, http)), field(10, workload)]));
}

/**
 * @typedef {object} Container
 * @property {string} rootfs
 * @property {BuiltImage['config']} config
 * @property {string} policies mounted where its configuration looks for them
 * @property {string} folder for files about it
 */

/**
 * @typedef {object} Running
 * @property {string} by what holds it apart
 * @property {Promise<unknown[]>} ended with its exit code
 * @property {() => string} output
 * @property {() => Promise<number>} firstProcess as the host sees it
 * @property {() => Promise<void>} remove
 */

/**
 * crun where it can; else namespaces of the kernel by themselves, which is what it would use.
 *
 * @param {string} crun
 * @param {Container} container
 * @returns {Promise<(container: Container) => Running>}
 */
async function startFor(crun, container) {
  const byCrun = (/** @type {Container} */ each) => startWithCrun(crun, each);
  const trial = byCrun({ ...container, config: { ...container.config, Cmd: ['--version'] } });
  const [code] = await trial.ended;
  if (code === 0) return byCrun;
  process.stdout.write(`crun cannot start a container here: ${lastLines(trial.output())}\n`);
  return startUnshared;
}

let containers = 0;

/**
 * @param {string} crun
 * @param {Container} container
 * @returns {Running}
 */
function startWithCrun(crun, { rootfs, config, policies, folder }) {
  const id = `portcullis-check-${process.pid}-${++containers}`;
  const bundle = join(folder, id);
  mkdirSync(bundle);
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(bundleOf(rootfs, config, policies)));
  const options = ['--root', join(folder, 'crun'), '--cgroup-manager', 'disabled'];
  const { child, ...running } = started(crun, [...options, 'run', '--bundle', bundle, id], 'crun');
  return {
    ...running,
    async firstProcess() {
      const state = /** @type {{ pid: number }} */ (JSON.parse(await must(crun, [...options, 'state', id])));
      return state.pid;
    },
    async remove() {
      if (child.exitCode === null) await must(crun, [...options, 'delete', '--force', id]).catch(() => '');
      await running.ended;
    },
  };
}

/** Read-only, with `/proc`, `/dev` and the policies. The arguments: the root, the policies, where to be; then what runs in it. */
const CONFINE = `set -e
root=$1; policies=$2; workdir=$3; shift 3
mount --make-rprivate /
mkdir -p "$root/proc" "$root/dev" "$root/etc/portcullis/policies"
mount --bind "$root" "$root"
mount -t tmpfs -o nosuid,mode=755 tmpfs "$root/dev"
for device in null zero random urandom; do : > "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
mount --bind "$policies" "$root/etc/portcullis/policies"
mount -o remount,bind,ro "$root/etc/portcullis/policies"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs --clear-groups unshare --pid --fork --kill-child --ipc --uts --mount-proc --root="$root" --wd="$workdir" \
  --setgid=${USER} --setuid=${USER} "$@"`;

/**
 * @param {Container} container
 * @returns {Running}
 */
function startUnshared({ rootfs, config, policies }) {
  const env = Object.fromEntries(
    config.Env.map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]),
  );
  const command = [...config.Entrypoint, ...config.Cmd];
  const args = ['--mount', 'sh', '-c', CONFINE, 'sh', rootfs, policies, config.WorkingDir, ...command];
  const { child, ...running } = started('unshare', args, 'namespaces of the kernel (unshare)', {
    ...env,
    PATH: process.env['PATH'],
  });
  return {
    ...running,
    async firstProcess() {
      const [pid] = await childrenOf(/** @type {number} */ (child.pid));
      if (pid === undefined) throw new BootstrapError(`it has no process:\n${lastLines(running.output())}`);
      return pid;
    },
    async remove() {
      // The process in the namespace ends with it (`--kill-child`).
      if (child.exitCode === null) child.kill('SIGKILL');
      await running.ended;
    },
  };
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} by
 * @param {NodeJS.ProcessEnv} [env]
 */
function started(command, args, by, env = process.env) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
  return { child, by, ended: once(child, 'close'), output: () => output };
}

/**
 * CheckResponse's field 1 is a google.rpc.Status, whose field 1 is the code; OK is 0.
 *
 * @param {Buffer} answer
 */
function isDenial(answer) {
  return answer[0] === 0x0a && answer[2] === 0x08 && answer[3] !== 0;
}

/**
 * The runtime's own form (OCI runtime specification) of what deploy/kubernetes says, on the host's network.
 *
 * @param {string} rootfs
 * @param {BuiltImage['config']} config
 * @param {string} policies
 */
function bundleOf(rootfs, config, policies) {
  const bind = { type: 'bind', options: ['bind', 'ro'] };
  return {
    ociVersion: '1.0.2',
    root: { path: rootfs, readonly: true },
    process: {
      user: { uid: USER, gid: USER },
      args: [...config.Entrypoint, ...config.Cmd],
      env: config.Env,
      cwd: config.WorkingDir,
      noNewPrivileges: true,
      capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755'] },
      { destination: '/etc/portcullis/policies', source: policies, ...bind },
    ],
    linux: { namespaces: ['pid', 'mount', 'ipc', 'uts'].map((type) => ({ type })) },
  };
}

/** @param {number} pid of the container's first process, as the host sees it */
async function expectConfined(pid) {
  const facts = await readFile(`/proc/${pid}/status`, 'utf8');
  const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8');
  /** @type {[string, boolean][]} */
  const wanted = [
    [`runs as ${USER}`, new RegExp(`^Uid:\t${USER}\t${USER}\t`, 'm').test(facts)],
    ['is pid 1 of its own', /^NSpid:\t\d+(?:\t\d+)*\t1$/m.test(facts)],
    ['has no capabilities', /^CapEff:\t0+$/m.test(facts)],
    ['has a read-only root', / \/ \/ ro[, ]|^\S+ \S+ \S+ \S+ \/ ro[, ]/m.test(mounts)],
  ];
  const missing = wanted.filter(([, holds]) => !holds).map(([what]) => what);
  if (missing.length > 0) throw new BootstrapError(`not so: ${missing.join(', ')}\n${facts}\n${mounts}`);
}

/** @param {number} pid */
async function childrenOf(pid) {
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')),
  );
  return lists.join(' ').split(' ').filter(Boolean).map(Number);
}

/**
 * @param {Client} client
 * @param {string} method
 * @param {Buffer} message
 * @returns {Promise<Buffer>}
 */
function call(client, method, message) {
  const same = (/** @type {Buffer} */ bytes) => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(method, same, same, message, { deadline: Date.now() + WAIT_MS }, (error, answer) => {
      if (error) reject(error);
      else resolve(answer ?? Buffer.alloc(0));
    });
  });
}

/**
 * @param {string} what
 * @param {() => Promise<boolean>} holds
 * @param {AbortSignal} ended
 * @param {() => string} output
 */
async function waitUntil(what, holds, ended, output) {
  const end = Date.now() + WAIT_MS;
  while (!(await holds())) {
    if (ended.aborted) throw new BootstrapError(`it ended before: ${what}\n${lastLines(output(), 40)}`);
    if (Date.now() > end) throw new BootstrapError(`never: ${what}\n${lastLines(output(), 40)}`);
    await sleep(100);
  }
}

/** @param {string} url @returns {Promise<number>} 0: nobody answers */
async function status(url) {
  const response = await fetch(url).catch(() => null);
  await response?.body?.cancel();
  return response?.status ?? 0;
}

/** @param {string} url */
async function text(url) {
  return (await fetch(url)).text();
}

/** @param {string} file */
async function exists(file) {
  return readFile(file).then(
    () => true,
    () => false,
  );
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}
