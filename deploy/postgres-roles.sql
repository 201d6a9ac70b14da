-- The roles of a production database; run once by its administrator, with passwords of your own.
-- wallet_owner owns the schema and migrates; wallet_login is what the service logs in as, and all it may do is take
-- the role wallet_app, which may SELECT and EXECUTE.
create role wallet_app nologin;
create role wallet_owner login createrole password :'owner_password';
create role wallet_login login noinherit password :'service_password';
grant wallet_app to wallet_login;
alter role wallet_login set statement_timeout = '5s';
alter role wallet_login set lock_timeout = '2s';
alter role wallet_login set idle_in_transaction_session_timeout = '10s';
create database wallet owner wallet_owner;
revoke connect on database wallet from public;
grant connect on database wallet to wallet_login;
