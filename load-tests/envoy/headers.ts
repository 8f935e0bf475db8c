/** Header lines as a browser's request has them behind a gateway; what a service is asked about is then about a KiB. */
export const REQUEST_HEADERS: readonly (readonly [name: string, value: string])[] = [
  ['accept', 'application/json'],
  ['accept-encoding', 'gzip, deflate, br'],
  ['accept-language', 'en-US,en;q=0.9'],
  ['cookie', 'session=3f2a9c0d17e84b5d9f0a6c3e8b7d1f42; theme=dark'],
  ['origin', 'https://shop.example.com'],
  ['referer', 'https://shop.example.com/checkout'],
  ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
  [
    'user-agent',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  ],
  ['x-b3-sampled', '1'],
  ['x-b3-spanid', '00f067aa0ba902b7'],
  ['x-b3-traceid', '4bf92f3577b34da6a3ce929d0e0e4736'],
];
