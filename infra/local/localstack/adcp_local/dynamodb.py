"""Runs DynamoDB Local on 127.0.0.1: python -m adcp_local.dynamodb JAR_DIRECTORY HEAP [ARGUMENTS].

Its command line has no option for the address, and `java -jar` listens on every interface, for
which macOS wants the user's permission at each start. So this program builds the server and sets
the host of its connectors before it starts.
"""
import os
import sys
import tempfile
import threading
import time

import jpype


def exit_with_parent() -> None:
    """Ends this process when LocalStack has ended, even if it crashed."""
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def main(jars: str, heap: str, *args: str) -> None:
    exit_with_parent()
    jpype.startJVM(
        f"-Xmx{heap}",
        # DynamoDB Local unpacks its native SQLite library there.
        f"-Djava.io.tmpdir={tempfile.gettempdir()}",
        classpath=[os.path.join(jars, "*")],
    )
    runner = jpype.JClass("com.amazonaws.services.dynamodbv2.local.main.ServerRunner")
    server = runner.createServerFromCommandLineArgs(jpype.JArray(jpype.JString)(list(args)))
    field = server.getClass().getDeclaredField("server")
    field.setAccessible(True)
    for connector in field.get(server).getConnectors():
        connector.setHost("127.0.0.1")
    server.start()
    print("DynamoDB Local is up", flush=True)
    try:
        server.join()
    except jpype.JException:
        pass  # interrupted: the JVM is shutting down


if __name__ == "__main__":
    main(*sys.argv[1:])
