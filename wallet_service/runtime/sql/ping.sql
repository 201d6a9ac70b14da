-- Whether the connection still carries statements. Touches nothing.
select 1 as alive
