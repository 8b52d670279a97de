-- Tells another consumer what this one was told and has no use for.
-- Atomic; when it is lost, a consumer looks by itself a little later.
wake()
