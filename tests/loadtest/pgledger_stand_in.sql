-- The two functions of pgledger that its adapter calls, with the same signatures, and nothing else of it.
create table public.stand_in (id text primary key, balance numeric not null, overdraft boolean not null);
create type public.transfer_request as (from_account_id text, to_account_id text, amount numeric);
create function public.pgledger_create_account(
  name text, currency text, allow_negative_balance boolean default true, allow_positive_balance boolean default true,
  metadata jsonb default null
) returns setof public.stand_in language sql as
$$ insert into public.stand_in values (name, 0, allow_negative_balance) returning * $$;
create function public.pgledger_create_transfers(variadic transfer_requests public.transfer_request [])
returns setof text language plpgsql as $$ begin raise exception 'the other one is meant'; end $$;
create function public.pgledger_create_transfers(
  transfer_requests public.transfer_request [], event_at timestamptz default null, metadata jsonb default null
) returns setof text language plpgsql as $$
declare wanted public.transfer_request;
begin
  foreach wanted in array transfer_requests loop
    update public.stand_in set balance = balance - wanted.amount where id = wanted.from_account_id;
    update public.stand_in set balance = balance + wanted.amount where id = wanted.to_account_id;
    return next wanted.from_account_id;
  end loop;
end $$;
