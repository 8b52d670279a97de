-- Puts a ticket that this consumer cannot read to the dead letters. ARGV: its id, why, its deliveries,
-- how many dead letters are kept.
-- Atomic: held or a dead letter, also after a crash. Doing it again does nothing.
bury(ARGV[5], ARGV[6], ARGV[7], ARGV[8])
