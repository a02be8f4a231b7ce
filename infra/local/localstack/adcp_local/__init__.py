"""LocalStack plugins that let its open edition run in host mode: functions as child processes,
DynamoDB Local on loopback, and a gateway that other machines cannot reach."""
