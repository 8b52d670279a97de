//! The journal in Redis: what is kept there, what it costs, and what to set on the server.
//!
//! For those who operate one, or want to know what they would find in it. The operations are those of
//! every journal ([protocol](super::journal_protocol)); here is how they are kept by a server that
//! many processes share.
//!
//! # What a server needs
//!
//! | what | why |
//! | --- | --- |
//! | Redis 7.0 or later, alone, a primary, or named by Sentinel | the scripts use what came with 7.0; Redis Cluster is refused |
//! | `maxmemory-policy noeviction` | any other one throws sagas away when the memory is full. With this one a write is refused, and what runs waits |
//! | `appendonly yes` and `appendfsync always` for [`Durability::Fsync`](crate::journal::Durability) | what was answered is on the disk, if `no-appendfsync-on-rewrite` is `no`, as it is where nobody says anything. A user who may not ask (`CONFIG GET`) does not know, and everything else is `Process`: a server that dies may forget its last second, or all |
//! | no Sentinel for `Fsync` | a fail-over is asynchronous, and may lose what was answered |
//!
//! The address is `redis://user:password@host:port/`, `rediss://` with the feature `redis-tls` (and
//! `?authorities=/path/ca.pem` for authorities of your own), `unix:///path`, or
//! `redis+sentinel://host:26379,host:26379/name`, where `name` is what the sentinels call the primary.
//!
//! A task with a pivot, or with a step that runs `at_most_once`, needs `Fsync`, or has to say
//! `durability = "process"` itself (J6). What is missing is said when the task is built.
//!
//! # What the processes agree on
//!
//! Namespace, number of partitions and retention are the same for every process; the first one writes
//! them down, and one that says something else is refused. A lease is a process's own.
//!
//! # Keys
//!
//! Every key begins with `{namespace:partition}:`, so that one script reaches them all, and all of them
//! are in one slot.
//!
//! | key | what | goes when |
//! | --- | --- | --- |
//! | `j` | hash: the records of open sagas. The field of a saga is its first chunk: what it was started with. `saga.n` is chunk n of what came after; the last one grows to 4 KiB | the saga is over |
//! | `o` | hash: who owns a saga, under which fence, and the fences of owners that died | it is given back without a crash, or over |
//! | `w:` `r:` and a definition | lists: the tickets of what was woken, and of what is new | they are claimed |
//! | `t` | sorted set: what waits, by the time at which it is due | it is due, or told something |
//! | `p` | hash: what is parked | it is told something |
//! | `c` | sorted set: tickets that a queue carries, by the time at which they come back | they are claimed |
//! | `in`, `f` | hashes: letters that wait, and the ids of those that were folded | they are folded; the saga is over |
//! | `ph`, `k` | hashes: which way a saga goes, unless it is forward; the latest start under a key | the saga is over |
//! | `s:` and a seat, `seats`, `m:`, `i:` | a seat and the numbers of its last calls; all seats by their deadlines; whose sagas have mail; who is idle | the seat leaves, or is reaped |
//! | `d:` and a number | hash: what was over in one span of the retention: how it ended, and its records, in one field | two spans later, as a whole |
//! | `late` | sorted set: the newest 1,000 successes that came too late | newer ones come |
//! | `defs`, `fence`, `meta` | definitions; the last fence; what the processes agree on | never |
//!
//! What is over stays for one to two retentions, and so do keys. `UNLINK` takes a whole bucket, and its
//! own expiry is the net under that. Nothing else grows with the number of sagas that ran.
//!
//! # Calls
//!
//! Each operation is one script, and atomic. What gathers while a call is on its way is the next call:
//! a script that starts, claims or commits takes up to 256 sagas, or 1 MiB. A batch waits
//! until nobody here has more to write, and takes at most half of what its process owns where that is
//! more than 64, so that the server works on one half while the process works on the other.
//!
//! A process that submits and works, and waits for work, owns what it starts from the first record on:
//! no ticket, no claim, and the first step begins when the start is durable. Where all slots are taken,
//! or API hosts and workers are apart, a start is a ticket for whoever comes first.
//!
//! A call that is not answered is made again on another connection, and does nothing twice:
//!
//! | call | again |
//! | --- | --- |
//! | `create`, `tell` | the id is known |
//! | `claim`, `commit` | they have numbers, one row each for a seat; the last number is answered as it was, any other one out of turn is `Diverged` |
//! | `pulse`, `reap`, `leave`, `enter` | doing it twice is doing it once |
//!
//! A batch is repeated under its number for as long as anybody waits for it, also behind the deadline of
//! its seat: the server says whether the seat still lives. If it does not, nobody knows what was written
//! last, and nothing is written behind it. What its process knows, it tells as letters (J5).
//!
//! No script looks at who owns a saga before it writes to it. A saga leaves its owner by a batch of the
//! owner, or with the whole seat, which a reaper ends before it touches anything else. And a server that
//! comes back without its last moments, after a fail-over say, has lower numbers than its seats were
//! answered: then these are `Diverged`, forget what they had, and claim anew (schedule A4).
//!
//! # While nothing happens
//!
//! A process sends one pulse a third of a lease for each partition, whatever the number of its tasks: one
//! command a second by default. With
//! [`presence`](crate::backend::redis::RedisJournalBuilder::presence) it is nearly two. It has one connection for
//! calls and two for messages, the journal's and that of progress. Messages only save waits: what a lost
//! one would have said, the next pulse says.
//!
//! # When a process dies
//!
//! Its seat is overdue a lease after its last pulse, and the others see that with their pulses. It is
//! reaped at the second sight, so that a server that stood still for longer than a lease costs nobody
//! its seat (schedule B17). That is a lease and two pulses: 5 s by default. Meanwhile the processes hold
//! still, and go on then where they were.
//!
//! The connections of a journal, and what gathers its calls, have a thread of their own. It ends with the
//! journal and what shares its connection, and with the runtime that the journal was opened in. A step that
//! blocks all threads of that runtime blocks the pulse as well: the thread sees that nothing runs there, and
//! renews the seats until something does. A process whose runtime has ended, or that runs and does not
//! pulse, is not helped.
//!
//! With [`presence`](crate::backend::redis::RedisJournalBuilder::presence) a process that was killed is
//! missed after about a second: its machine has closed its connection for messages, and the server says
//! so to who asks. That alone is a suspicion: a fail-over ends such connections, too. So a seat is given
//! up only if its process is missing at two looks 400 ms apart, has not renewed it in between, and if the
//! process that looks has had its own connection for longer than a lease (schedule B2).
//!
//! # What fails, and what comes of it
//!
//! | what | what comes of it | shown by |
//! | --- | --- | --- |
//! | the server forgets the last commits of a seat | `Diverged`, and nothing behind the hole | `schedule_a4_nothing_is_written_behind_a_hole` |
//! | it forgets a claim | `Diverged`; the saga has one owner | `schedule_a4_a_claim_that_was_lost_is_no_claim` |
//! | so it is, and the owner has nothing to write | its pulse is `Diverged` | `schedule_a4_a_seat_that_writes_nothing_learns_of_a_loss` |
//! | it forgets everything | `Fenced`; processes take new seats | `a_store_that_lost_everything_fences_all_seats` |
//! | an answer is lost | the same answer again | `a_lost_reply_to_a_batch_is_asked_for_again`, `a_lost_reply_to_a_claim_is_asked_for_again` |
//! | somebody is told something while it goes to sleep | it stays awake | `schedule_a1_what_was_told_keeps_a_saga_from_going_to_sleep` |
//! | a dead seat claims, writes or pulses | `Fenced`, and no ticket is lost | `schedule_b1_a_seat_that_was_reaped_takes_no_ticket`, `nothing_lands_behind_the_first_page_of_a_reap`, `schedule_b17_no_renewal_brings_a_reaped_seat_back` |
//! | the reaper dies half way | the next one goes on | `a_reaper_that_dies_between_two_pages_is_followed_by_another` |
//! | a process dies in a step | another one goes on | `another_worker_goes_on_with_what_a_lost_one_had` |
//! | the server stands still for longer than a lease | nobody is reaped, and no step is lost | `schedule_b17_a_server_that_stands_still_for_longer_than_a_lease_costs_nobody_its_step` |
//! | a step blocks all threads of its runtime | its process keeps its seat | `schedule_b17_a_step_that_blocks_its_runtime_does_not_cost_the_seat` |
//! | a process is killed, and `presence` is on | others go on after about a second | `a_host_that_is_not_connected_any_more_is_missed_at_once_if_that_is_asked_for` |
//! | all lose their messages, and `presence` is on | nobody is given up | `schedule_b2_when_all_lose_their_messages_nobody_is_missed` |
//! | a host dies with what it began itself | another one goes on | `what_a_lost_host_started_itself_goes_on_elsewhere` |
//! | a process leaves | it finishes its steps, and gives the rest back | `a_worker_that_leaves_finishes_its_step_and_gives_the_rest_to_another` |
//! | a release or a codec is rolled out | each worker does what it has code for; both codecs are read | `a_worker_of_the_new_release_finishes_what_the_old_one_starts_and_not_the_reverse`, `a_change_of_the_codec_rolls` |
//! | nothing | nothing is left but what is kept for a time | `nothing_but_what_is_kept_is_left_when_everybody_is_gone`, `what_is_over_goes_when_its_retention_ends` |
//!
//! The schedules of the scripts (A1, A4, B1, and B17 but for the server that stands still) also run with
//! their clause taken out, and have to find that.
