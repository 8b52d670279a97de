-- What is known of a saga by its id: ARGV saga. Writes nothing.
-- Answers id, stage and fingerprint in one, or nothing.
return known(ARGV[2])
