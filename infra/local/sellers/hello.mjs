// The npm package's own example of a guaranteed seller, with its own mock of an ad server behind it, as they are shipped. For the tests of
// infra/dev/e2e.
//
// Environment: ADCP_LOCAL_NPM (directory that holds node_modules), PORT (MCP at /mcp), UPSTREAM_PORT (the ad server), TOKEN (the buyer's bearer token),
// EXAMPLE (examples/hello_seller_adapter_guaranteed.ts of the package, made CommonJS: it is shipped as TypeScript only, which Node 20 can't run). It is
// there when PORT takes connections.
import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { Server } from 'node:net';
import path from 'node:path';

const need = name => process.env[name] ?? (() => { throw new Error(`${name} is not set`); })();
const npm = need('ADCP_LOCAL_NPM');
const port = Number(need('UPSTREAM_PORT'));

// The example listens on every interface, and nothing but its text says otherwise.
const { listen } = Server.prototype;
Server.prototype.listen = function (where, ...rest) {
  return listen.call(this, typeof where === 'number' ? { port: where, host: '127.0.0.1' } : where, ...rest.filter(r => typeof r === 'function'));
};

const require = createRequire(path.join(npm, 'package.json'));
const { bootMockServer } = require(path.join(npm, 'node_modules/@adcp/sdk/dist/lib/mock-server/index.js'));
const upstream = await bootMockServer({ specialism: 'sales-guaranteed', port });

process.env.NODE_ENV = 'development'; // else it wants a database for its tasks
process.env.UPSTREAM_URL = upstream.url;
process.env.ADCP_AUTH_TOKEN = need('TOKEN');

// Compiled as if it stood in the directory that holds the package, so that its imports are found there.
const example = new Module(path.join(npm, 'example.cjs'));
example.filename = example.id;
example.paths = [path.join(npm, 'node_modules')];
example._compile(readFileSync(need('EXAMPLE'), 'utf8'), example.id);
