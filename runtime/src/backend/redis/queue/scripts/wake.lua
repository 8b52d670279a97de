-- Tells another consumer what this one was told and has no use for.
wake()
