"""The gateway's server, bound to the addresses of GATEWAY_LISTEN only.

LocalStack's twisted server reads only the port from GATEWAY_LISTEN and listens on every interface.
Its hypercorn server respects the address, but starts executions several times slower.
"""
from localstack.runtime.server.core import RuntimeServer, RuntimeServerPlugin


class LoopbackRuntimeServerPlugin(RuntimeServerPlugin):
    name = "loopback"

    def load(self, *args, **kwargs) -> RuntimeServer:
        from localstack.runtime.server.twisted import TwistedRuntimeServer
        from rolo.serving.twisted import TwistedGateway
        from twisted.internet import endpoints, reactor

        class LoopbackRuntimeServer(TwistedRuntimeServer):
            def register(self, gateway, listen, ssl_creds=None):
                # Plain HTTP: every client of the local stack connects to http://127.0.0.1.
                site = TwistedGateway(gateway)
                for address in listen:
                    endpoints.TCP4ServerEndpoint(
                        reactor, address.port, interface=address.host
                    ).listen(site)

        return LoopbackRuntimeServer()
