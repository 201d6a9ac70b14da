-- A function that is in use is not waited for without end: later calls would queue behind us.
set local lock_timeout = '5s'
