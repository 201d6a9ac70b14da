#!/bin/sh
# Run by the PostgreSQL image on its first start: makes the roles and the database of the service.
set -eu
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set=owner_password="$WALLET_OWNER_PASSWORD" --set=service_password="$WALLET_SERVICE_PASSWORD" \
    --file=/roles/postgres-roles.sql
