-- Settles a ticket, whoever holds it now. ARGV: its id.
-- Atomic; doing it again does nothing.
settle(ARGV[5])
