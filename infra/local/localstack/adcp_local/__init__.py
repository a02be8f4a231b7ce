"""LocalStack plugins that let its open edition run this project in host mode: functions as child
processes, DynamoDB Local on loopback, API Gateway authorizers, and a gateway that other machines
cannot reach."""
