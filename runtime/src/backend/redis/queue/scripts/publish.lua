-- Adds a ticket. ARGV: how many entries the stream keeps, about; then the fields.
-- Atomic; a crash leaves it there or not. A second copy is harmless.
call('XADD', STREAM, 'MAXLEN', '~', ARGV[5], '*', unpack(ARGV, 6))
wake()
