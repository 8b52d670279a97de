-- Settles a ticket, whoever holds it now. ARGV: its id.
-- Atomic: a crash leaves it settled, or held until the sweep. Doing it again does nothing.
settle(ARGV[5])
