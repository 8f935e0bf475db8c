import { describe, expect, it } from '@jest/globals';
import { otelEnvironment } from '../../src/telemetry/otel-environment.ts';

describe("OpenTelemetry's environment variables", () => {
  it('are read as the specification has them', () => {
    expect(
      otelEnvironment({
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20abc, x-tenant = eu',
        OTEL_SERVICE_NAME: 'gate',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod,team=a%2Cb,',
        POD_NAME: 'gate-7',
        NODE_NAME: '',
      }),
    ).toEqual({
      endpoint: 'http://collector:4318',
      headers: { authorization: 'Basic abc', 'x-tenant': 'eu' },
      serviceName: 'gate',
      resource: { 'k8s.pod.name': 'gate-7', 'deployment.environment.name': 'prod', team: 'a,b' },
      ignored: [],
    });
  });

  it('say nothing when they are empty', () => {
    const nothing = { endpoint: null, headers: {}, serviceName: null, resource: {}, ignored: [] };
    expect(otelEnvironment({})).toEqual(nothing);
    expect(otelEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_SERVICE_NAME: ' ' })).toEqual(nothing);
  });

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'ftp://collector'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'authorization'],
    ['OTEL_RESOURCE_ATTRIBUTES', 'a=1,=2'],
    ['OTEL_RESOURCE_ATTRIBUTES', 'a=%zz'],
  ])('are ignored as a whole where they cannot be read: %s=%s', (name, value) => {
    expect(otelEnvironment({ [name]: value })).toMatchObject({
      endpoint: null,
      headers: {},
      resource: {},
      ignored: [name],
    });
  });
});
