"""Runs DynamoDB Local on 127.0.0.1: python -m adcp_local.dynamodb JAR_DIRECTORY [its own arguments].

Its command line has no option for the address and `java -jar` listens on every interface (macOS
asks the user about that at every start), so the server is built here and its connector's host set
before it starts.
"""
import os
import sys
import tempfile
import threading
import time

import jpype


def leave_with_parent() -> None:
    """Ends this process when LocalStack is gone, however it went."""
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def main(jars: str, heap: str, *args: str) -> None:
    leave_with_parent()
    jpype.startJVM(
        f"-Xmx{heap}",
        # It unpacks its native SQLite library there.
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
        pass  # interrupted: the JVM is being told to end


if __name__ == "__main__":
    main(*sys.argv[1:])
