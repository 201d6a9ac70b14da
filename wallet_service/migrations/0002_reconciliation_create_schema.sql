-- migrate:up

-- Reconciliation reads the ledger's tables; its own schema holds what it needs to see as the owner does.
create schema reconciliation;
grant usage on schema reconciliation to wallet_app;

-- migrate:down
