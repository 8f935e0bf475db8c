/** `portcullis envoy-config`: a filter and a cluster in which doctor finds nothing. */
import { Command, Option } from 'commander';
import { isLoopbackHost, parseTcpAddress, parseUnixAddress } from '../../config/address.ts';
import { CONFIG_FILE_VARIABLE } from '../../config/settings.ts';
import type { ServiceConfig } from '../../config/config.ts';
import { istioYaml } from '../../doctor/generate/istio.ts';
import { plainEnvoyYaml } from '../../doctor/generate/plain-envoy.ts';
import type { Wiring, WiringTls } from '../../doctor/generate/wiring.ts';
import { durationMs } from '../../doctor/text/duration.ts';
import { DONE } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';
import { configOption } from '../options.ts';
import type { ConfigOption } from '../options.ts';
import { configFor } from '../policies.ts';
import { write } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';

interface EnvoyConfigOptions extends ConfigOption {
  readonly address?: string;
  readonly timeout: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsName?: string;
  readonly jwtMetadata?: string;
  readonly clientIp?: string;
  readonly istio?: boolean;
}

export function envoyConfigCommand(terminal: Terminal, end: (code: ExitCode) => void): Command {
  return new Command('envoy-config')
    .description('print the filter and cluster that Envoy or Istio needs to ask')
    .addOption(new Option('--address <address>', 'where Envoy reaches Portcullis: HOST:PORT or unix:PATH'))
    .addOption(new Option('--timeout <duration>', 'how long a request waits for a decision').default('200ms'))
    .addOption(new Option('--tls-ca <file>', 'PEM certificates that the one of Portcullis must come from'))
    .addOption(new Option('--tls-cert <file>', 'PEM certificate that Envoy shows'))
    .addOption(new Option('--tls-key <file>', 'its PEM private key'))
    .addOption(new Option('--tls-name <name>', 'SPIFFE ID, DNS name or IP address in the certificate of Portcullis'))
    .addOption(new Option('--jwt-metadata <namespace>', 'metadata with claims of tokens that Envoy verified'))
    .addOption(
      new Option('--client-ip <proxies>', 'proxies of your own in front of Envoy, whose x-forwarded-for counts'),
    )
    .addOption(new Option('--istio', 'for Istio: mesh config, CUSTOM policy and EnvoyFilter'))
    .addOption(configOption())
    .addHelpText('after', HELP)
    .action(async (options: EnvoyConfigOptions) => {
      const isNamed = options.config !== undefined || (terminal.env[CONFIG_FILE_VARIABLE] ?? '') !== '';
      const config = isNamed ? configFor(options, {}, terminal.env) : null;
      await write(terminal.stdout, options.istio === true ? istio(options, config) : plain(options, config));
      end(DONE);
    });
}

const DEFAULT_ADDRESS = '127.0.0.1:9191';
const DEFAULT_ISTIO_ADDRESS = 'portcullis.portcullis-system.svc.cluster.local:9191';

function plain(options: EnvoyConfigOptions, config: ServiceConfig | null): string {
  const text = options.address ?? config?.listen ?? DEFAULT_ADDRESS;
  const path = parseUnixAddress(text);
  const tcp = parseTcpAddress(text);
  const address = path === null ? tcp : { path };
  if (address === null) throw new CommandFailure(`--address: \`${text}\` is neither HOST:PORT nor unix:PATH`);
  const host = tcp?.host ?? '';
  if (host === '0.0.0.0' || host === '::') {
    throw new CommandFailure(`--address: \`${text}\` is where Portcullis listens; say where Envoy reaches it`);
  }
  const tls = tlsOf(options, host);
  if (tls === null && tcp !== null && !isLoopbackHost(host)) {
    const why = 'who stands between could read tokens and answer "allow"';
    throw new CommandFailure(`--tls-ca is needed for \`${text}\`, which is not this host: ${why}`);
  }
  return plainEnvoyYaml({ ...common(options, config), address, tls });
}

function istio(options: EnvoyConfigOptions, config: ServiceConfig | null): string {
  const text = options.address ?? DEFAULT_ISTIO_ADDRESS;
  const address = parseTcpAddress(text);
  if (address === null) throw new CommandFailure(`--address: \`${text}\` is not HOST:PORT, which Istio needs`);
  if ([options.tlsCa, options.tlsCert, options.tlsKey, options.tlsName].some((each) => each !== undefined)) {
    throw new CommandFailure('--istio: the mesh has its own mutual TLS; leave the --tls options out');
  }
  const rootNamespace = config?.rootNamespace ?? 'istio-system';
  return istioYaml({ ...common(options, config), address, tls: null, rootNamespace });
}

/** Above this doctor would call it long. */
const MAX_TIMEOUT_MS = 5_000;

/** As of `clientIp.xffTrustedHops`. */
const MAX_HOPS = 64;

function common(
  options: EnvoyConfigOptions,
  config: ServiceConfig | null,
): Pick<Wiring, 'timeoutMs' | 'jwtMetadata' | 'clientIpHops'> {
  const timeoutMs = durationMs(options.timeout) ?? 0;
  if (timeoutMs < 1 || timeoutMs > MAX_TIMEOUT_MS) {
    throw new CommandFailure(`--timeout: \`${options.timeout}\` is no duration from 1ms to ${MAX_TIMEOUT_MS / 1000}s`);
  }
  const jwtMetadata = options.jwtMetadata ?? config?.identity.jwtMetadata ?? '';
  if (!/^[\x21-\x7e]*$/.test(jwtMetadata)) throw new CommandFailure('--jwt-metadata: that is no metadata namespace');
  const configured = config?.clientIp.useRemoteAddress === true ? String(config.clientIp.xffTrustedHops) : undefined;
  const hops = options.clientIp ?? configured;
  if (hops !== undefined && (!/^\d{1,2}$/.test(hops) || Number(hops) > MAX_HOPS)) {
    throw new CommandFailure(`--client-ip: \`${hops}\` is no number of proxies from 0 to ${MAX_HOPS}`);
  }
  return { timeoutMs, jwtMetadata, clientIpHops: hops === undefined ? null : Number(hops) };
}

function tlsOf({ tlsCa, tlsCert, tlsKey, tlsName }: EnvoyConfigOptions, host: string): WiringTls | null {
  if (tlsCa === undefined) {
    if (tlsCert !== undefined || tlsKey !== undefined || tlsName !== undefined) {
      throw new CommandFailure('--tls-ca is needed with the other --tls options: without it anybody could answer');
    }
    return null;
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new CommandFailure('--tls-cert and --tls-key belong together');
  }
  const peerName = tlsName ?? host;
  if (peerName === '') throw new CommandFailure('--tls-name is needed with TLS on a Unix socket');
  return { caFile: tlsCa, certFile: tlsCert ?? null, keyFile: tlsKey ?? null, peerName };
}

const HELP = `
Prints YAML with a comment at each setting that says what it is for: for Envoy the settings of the HTTP connection
manager with the filter in it, then the cluster; with --istio values for the mesh config, the CUSTOM policy, and the
EnvoyFilter that adds what Istio leaves out. With --config, what is not given comes from the configuration of Portcullis
(listen, clientIp, identity.jwtMetadata, rootNamespace), so that the two agree. \`portcullis doctor\` finds nothing in it.

Exit code: 0 printed, 2 bad usage.

Examples:
  portcullis envoy-config --address unix:/run/portcullis/portcullis.sock
  portcullis envoy-config --address portcullis.example.com:9191 --tls-ca /etc/envoy/ca.crt --client-ip 1
  portcullis envoy-config --istio > portcullis-istio.yaml`;
