// The npm package's own example of a guaranteed seller, with the package's mock of an ad server,
// both as they are shipped. For the tests of infra/dev/e2e. The seller is ready when PORT accepts
// connections.
//
// Environment:
//   ADCP_LOCAL_NPM  directory that has node_modules
//   PORT            MCP at /mcp
//   UPSTREAM_PORT   the ad server
//   TOKEN           the buyer's bearer token
//   EXAMPLE         examples/hello_seller_adapter_guaranteed.ts of the package, compiled to
//                   CommonJS: it is shipped only as TypeScript, which Node 20 cannot run
import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { Server } from 'node:net';
import path from 'node:path';

const need = name => process.env[name] ?? (() => { throw new Error(`${name} is not set`); })();
const npm = need('ADCP_LOCAL_NPM');
const port = Number(need('UPSTREAM_PORT'));

// The example listens on every interface and has no option to change that.
const { listen } = Server.prototype;
Server.prototype.listen = function (where, ...rest) {
  const target = typeof where === 'number' ? { port: where, host: '127.0.0.1' } : where;
  return listen.call(this, target, ...rest.filter(r => typeof r === 'function'));
};

const require = createRequire(path.join(npm, 'package.json'));
const { bootMockServer } = require(path.join(npm, 'node_modules/@adcp/sdk/dist/lib/mock-server/index.js'));
const upstream = await bootMockServer({ specialism: 'sales-guaranteed', port });

process.env.NODE_ENV = 'development'; // otherwise it needs a database for its tasks
process.env.UPSTREAM_URL = upstream.url;
process.env.ADCP_AUTH_TOKEN = need('TOKEN');

// Compiled as if it were in the directory that has the package, so that its imports are found
// there.
const example = new Module(path.join(npm, 'example.cjs'));
example.filename = example.id;
example.paths = [path.join(npm, 'node_modules')];
example._compile(readFileSync(need('EXAMPLE'), 'utf8'), example.id);
