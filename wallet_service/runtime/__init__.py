"""Everything around the service that is not the wallet: servers, settings, connections, telemetry, life cycle."""
