-- One process at a time re-applies functions; freed at the end of the transaction. The number is ours alone.
select pg_advisory_xact_lock(8210456021957341)
